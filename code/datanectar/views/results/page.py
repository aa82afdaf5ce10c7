"""``/results/...`` and ``/pictures/...``: results that no run is known to have made, and pictures."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.errors import NotFound
from datanectar.http import links
from datanectar.keys import Key, parse_key
from datanectar.service.result_file import ResultFile
from datanectar.service.service import Service
from datanectar.views.pages import page
from datanectar.views.results.preview import LARGEST_PICTURE, Preview, picture_type, preview

#: The number of a result's files that get a preview.
_PREVIEWS = 10


def blueprint(service: Service) -> Blueprint:
    """Return the two routes."""
    routes = Blueprint("results", __name__)

    @routes.get("/results/<path:key>")
    def result(key: str) -> Response:
        parsed = parse_key(f"chains/{key}")
        status = service.status(parsed, request.args.get("file"))
        if status.run is not None and status.run.key == str(parsed):
            return redirect(url_for("runs_page.run", run_id=status.run.id), 303)  # type: ignore[return-value]
        return page(
            "result.html",
            key=parsed,
            job_status=status.job_status,
            results=result_values(parsed, status.results),
            words=status.note,
        )

    @routes.get("/pictures/<path:target>")
    def picture(target: str) -> Response:
        parts = target.split("/", 5)
        return _picture(service, parse_key("/".join(parts[:5])), "".join(parts[5:]))

    return routes


def _picture(service: Service, key: Key, file: str) -> Response:
    """Return a picture. Its address is this app's own: pages may show no other site's, such as S3's."""
    found = service.results.file(key, file)
    if found.size is None or found.size > LARGEST_PICTURE:
        raise NotFound(f"{key} has no picture {file[:100]} that can be shown.")
    try:
        content = b"".join(found.read())
    except FileNotFoundError as problem:  # it was deleted or replaced by a link in between
        raise NotFound(f"{key} has no picture {file[:100]} any more.") from problem
    media_type = picture_type(content)
    if media_type is None:
        raise NotFound(f"{file[:100]} of {key} is no picture that browsers show.")
    return Response(content, mimetype=media_type)


def result_values(key: Key, files: list[ResultFile]) -> list[dict[str, Any]]:
    """Return what a page shows of each file: a preview of the first ones, and links."""
    return [
        {
            "file": file.name,
            "look": preview(file) if number < _PREVIEWS else Preview("binary", file.size or 0),
            "link": links.file_link(key, file, links.STATUS_LINK_LIFE).url,
            "key": key,
        }
        for number, file in enumerate(files)
    ]
