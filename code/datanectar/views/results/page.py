"""``/results/...``: the results of any key, and what its page shows from other addresses.

Pictures, and frames of web pages, drawings and PDFs, come from addresses of this app's own: a page may
show no other site's, such as S3's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.errors import NotFound
from datanectar.http import links
from datanectar.keys import Key, parse_key
from datanectar.messages.pages import TableJob, TableRows
from datanectar.service.result_file import ResultFile
from datanectar.service.service import Service
from datanectar.views.pages import page
from datanectar.views.results.preview import (
    LARGEST_PICTURE,
    Preview,
    content_type,
    picture_type,
    preview,
)
from datanectar.views.results.tables import shown

#: The number of a result's files that get a preview.
_PREVIEWS = 10
#: The largest file that a frame shows, in bytes.
_LARGEST_FRAME = 30_000_000
#: Seconds that a child may take to read a table.
_TABLE_SECONDS = 15.0
#: What a chain's author wrote must not act as a page of this app: it gets an origin of its own, loads
#: nothing from elsewhere, and runs scripts only where the settings allow it.
_FRAME_POLICY = (
    "sandbox{}; default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "{}frame-ancestors 'self'"
)
_SCRIPTS = (" allow-scripts", "script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; ")
#: A browser shows a PDF by a part of its own, which works in no sandbox.
_PDF_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
)


def blueprint(service: Service) -> Blueprint:
    """Return the page of a result, and the addresses of what it shows."""
    routes = Blueprint("results", __name__)

    @routes.get("/results/<path:key>")
    def result(key: str) -> Response:
        return _show(service, parse_key(f"chains/{key}"))

    @routes.get("/pictures/<path:target>")
    def picture(target: str) -> Response:
        return _picture(*_found(service, target))

    @routes.get("/frames/<path:target>")
    def frame(target: str) -> Response:
        return _frame(*_found(service, target), scripts=service.settings.result_scripts == "allow")

    @routes.get("/tables/<path:target>")
    def table(target: str) -> Response:
        key, file = _found(service, target)
        rows = first_rows(service, key, file)
        values = result_values(key, [file], None)[0]
        table = shown(rows.header, rows.rows, rows.count)
        return page("table.html", key=key, result=values, rows=rows, table=table)

    return routes


def _show(service: Service, key: Key) -> Response:
    """Return the page of a key's result: of a run's own, that of the run."""
    status = service.status(key, request.args.get("file"))
    run = status.run
    if run is not None and run.key == str(key):
        return redirect(url_for("runs_page.run", run_id=run.id), 303)  # type: ignore[return-value]
    task = service.store.task_by_key(str(key)) if run else None
    params = task.params if task else None
    return page(
        "result.html",
        key=key,
        job_status=status.job_status,
        results=result_values(key, status.results, params),
        words=status.note,
        run=run,
        task=task,
        params=params or {},
    )


def _found(service: Service, target: str) -> tuple[Key, ResultFile]:
    parts = target.split("/", 5)
    key = parse_key("/".join(parts[:5]))
    return key, service.results.file(key, "".join(parts[5:]))


def _content(key: Key, file: ResultFile, largest: int) -> bytes:
    if file.size is None or file.size > largest:
        raise NotFound(f"{file.name[:100]} of {key} is too large to be shown in a page: open it.")
    try:
        return b"".join(file.read())
    except FileNotFoundError as problem:  # it was deleted or replaced by a link in between
        raise NotFound(f"{key} has no file {file.name[:100]} any more.") from problem


def _picture(key: Key, file: ResultFile) -> Response:
    content = _content(key, file, LARGEST_PICTURE)
    media_type = picture_type(content)
    if media_type is None:
        raise NotFound(f"{file.name[:100]} of {key} is no picture that browsers show.")
    return Response(content, mimetype=media_type)


def _frame(key: Key, file: ResultFile, *, scripts: bool) -> Response:
    content = _content(key, file, _LARGEST_FRAME)
    is_page = file.name.lower().endswith((".html", ".htm"))
    media_type = content_type(content) or ("text/html" if is_page else None)
    if media_type not in ("text/html", "image/svg+xml", "application/pdf"):
        raise NotFound(f"{file.name[:100]} of {key} is nothing that a frame can show.")
    response = Response(content, mimetype=media_type)
    allowed = _SCRIPTS if scripts else ("", "")
    is_pdf = media_type == "application/pdf"
    policy = _PDF_POLICY if is_pdf else _FRAME_POLICY.format(*allowed)
    response.headers["Content-Security-Policy"] = policy
    return response


def first_rows(service: Service, key: Key, file: ResultFile) -> TableRows:
    """Return the first rows of a Parquet or Excel file, which a child reads.

    Raises:
        DatanectarError: saying why it can't be read.
    """
    format = "parquet" if file.name.lower().endswith((".parquet", ".pq")) else "excel"
    storage = file.storage.store_address if file.storage else ""
    path = str(file.path) if file.path else None
    job = TableJob(format, path, storage, file.object)
    rows: TableRows = service.children.ask(job, timeout=_TABLE_SECONDS, subject=str(key))
    return rows


def result_values(
    key: Key, files: list[ResultFile], params: Mapping[str, str] | None
) -> list[dict[str, Any]]:
    """Return what a page shows of each file: a preview of the first ones, and links.

    Args:
        params: the task's parameters, for a name under which a file is downloaded.
    """
    return [
        {
            "file": file.name,
            "look": preview(file) if number < _PREVIEWS else Preview("binary", file.size or 0),
            "link": links.file_link(key, file, links.STATUS_LINK_LIFE).url,
            "download": download_name(key, params, file.name),
            "key": key,
            "target": f"{key}/{quote(file.name)}",
        }
        for number, file in enumerate(files)
    ]


def download_name(key: Key, params: Mapping[str, str] | None, file: str) -> str:
    """Return the name of a downloaded file: ``ReportTask-2016-05.csv``, not ``out.csv``."""
    values = [key.md5[:8]] if params is None else [text for text in params.values() if text]
    words = re.sub(r"[^\w.+]+", "-", "-".join((key.task, *values)))[:100].strip("-.")
    stem, dot, ending = file.rpartition(".")
    own = "" if stem in ("", "out") else f"-{stem}"
    return f"{words}{own}{dot}{ending}" if dot else f"{words}-{file}"
