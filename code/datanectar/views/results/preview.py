"""A preview of a result: its beginning as text, table, tree, page or picture."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field

from markupsafe import Markup

from datanectar.errors import DatanectarError
from datanectar.service.result_file import ResultFile, ResultFolder
from datanectar.views.markup import markdown
from datanectar.views.results.ansi import coloured
from datanectar.views.results.tables import ENDINGS, Table, read_table
from datanectar.views.results.tree import json_tree, lines_tree

#: The bytes of a result that are read: of a text that is shown as it is, and of one whose rows are
#: counted or whose tree is shown.
PREVIEW_BYTES, WHOLE_BYTES = 64 * 1024, 1024 * 1024
#: The largest picture that is shown, in bytes.
LARGEST_PICTURE = 10_000_000
_MOST_PATHS = 200
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
#: The beginnings of tables that are no text; their rows are read by a child.
_TABLE_FILES = {b"PAR1": ("parquet", "pq"), b"PK\x03\x04": ("xlsx", "xlsm")}
_PAGE_STARTS = ("<!doctype html", "<html", "<svg", "<?xml")


@dataclass(frozen=True)
class Preview:
    """``kind`` is text, table, tree, markdown, frame, picture, rows, binary, empty, folder or missing.

    ``html`` is what a tree, Markdown or a coloured text looks like; ``frame`` is a page, a drawing or a
    PDF that a frame shows on demand; of ``rows`` a page of its own shows the first. ``paths`` are a
    folder's files. ``size`` is in bytes. ``cut``: only the beginning is shown.
    """

    kind: str
    size: int = 0
    text: str = ""
    html: Markup | None = None
    table: Table | None = None
    paths: list[tuple[str, int]] = field(default_factory=list)
    cut: bool = False
    media_type: str | None = None


def preview(file: ResultFile) -> Preview:
    """Return a file's preview; when it can't be read, one of kind ``missing`` with the reason."""
    try:
        if isinstance(file, ResultFolder):
            return _listing(file)
        return _preview(beginning(file), file.size or 0, file.name)
    except (DatanectarError, OSError) as problem:
        return Preview("missing", text=str(problem))


def _listing(folder: ResultFolder) -> Preview:
    files = [(file.name, file.size or 0) for file in folder.files()]
    cut = len(files) > _MOST_PATHS
    size = sum(size for _, size in files)
    return Preview("folder", size, paths=files[:_MOST_PATHS], cut=cut)


def beginning(file: ResultFile) -> bytes:
    """Return the first :data:`WHOLE_BYTES` of a file.

    Raises:
        DatanectarError, OSError: when it can't be read.
    """
    content = b""
    for piece in file.read():
        content += piece
        if len(content) >= WHOLE_BYTES:
            break
    return content[:WHOLE_BYTES]


def _preview(content: bytes, size: int, file: str) -> Preview:
    if not size:
        return Preview("empty")
    ending = file.rpartition(".")[2].lower()
    media_type = content_type(content) or mimetypes.guess_type(file)[0]
    if picture_type(content):
        kind = "picture" if size <= LARGEST_PICTURE else "binary"
        return Preview(kind, size, media_type=media_type)
    if content.startswith(b"%PDF-"):
        return Preview("frame", size, media_type=media_type)
    if is_table_file(content, ending):
        return Preview("rows", size, media_type=media_type)
    cut = size > len(content)
    text = decoded(content, cut, ending)
    if text is None:
        return Preview("binary", size, media_type=media_type)
    return _preview_text(text, size, ending, cut, media_type)


def _preview_text(text: str, size: int, ending: str, cut: bool, media_type: str | None) -> Preview:
    """Return the preview of a text, of which ``cut`` tells that it goes on."""
    if text[:200].lstrip().lower().startswith(_PAGE_STARTS) or ending in ("html", "htm", "svg"):
        return _plain("frame", text, size, media_type or "text/html")
    if ending in ("md", "markdown"):
        is_long = len(text) > PREVIEW_BYTES
        shown = text[:PREVIEW_BYTES].rpartition("\n")[0] if is_long else text
        return Preview(
            "markdown", size, html=markdown(shown), cut=cut or is_long, media_type=media_type
        )
    if ending in ("jsonl", "ndjson"):
        tree = lines_tree(text, is_cut=cut)
    else:
        tree = None if cut else json_tree(text)
    if tree is not None:
        return Preview(
            "tree", size, html=tree, cut=cut, media_type=media_type or "application/json"
        )
    if table := read_table(text, ending, size if cut else None):
        is_part = cut or len(table.rows) < (table.count or 0)
        return Preview("table", size, table=table, cut=is_part, media_type=media_type)
    return _plain("text", text, size, media_type)


def _plain(kind: str, text: str, size: int, media_type: str | None) -> Preview:
    shown = text[:PREVIEW_BYTES]
    html = coloured(shown) if "\x1b" in shown else None
    cut = size > len(shown.encode(errors="replace"))
    return Preview(kind, size, shown, html=html, cut=cut, media_type=media_type)


def is_table_file(content: bytes, ending: str) -> bool:
    """Tell whether a file holds a table whose rows a child reads, by its first bytes and its ending."""
    return any(
        content.startswith(start) and ending in names for start, names in _TABLE_FILES.items()
    )


def content_type(content: bytes) -> str | None:
    """Return the media type of what a frame or a picture shows, by its first bytes, or None."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "image/svg+xml"
    return picture_type(content)


def picture_type(content: bytes) -> str | None:
    """Return the media type of a picture that browsers show, by its first bytes, or None."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((type for start, type in _PICTURES.items() if content.startswith(start)), None)


def decoded(content: bytes, cut: bool, ending: str) -> str | None:
    """Return what is UTF-8, UTF-16 with its mark, or in a table's file an older encoding; else None.

    Args:
        cut: the file goes on.
        ending: of the file's name, without the dot.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) and len(content) % 2 == 0:
        return _decoded(content, "utf-16", 3 if cut else 0)
    if b"\x00" in content:
        return None
    # The end may be an incomplete character: at most three bytes of it.
    text = _decoded(content, "utf-8-sig", 3 if cut else 0)
    return _decoded(content, "cp1252", 0) if text is None and ending in ENDINGS else text


def _decoded(content: bytes, encoding: str, most_dropped: int) -> str | None:
    for dropped in range(most_dropped + 1):
        try:
            return content[: len(content) - dropped].decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
