"""A preview of a result: its first bytes as text, table, JSON or picture."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field

from datanectar.errors import DatanectarError
from datanectar.service.result_file import ResultFile, ResultFolder

#: The bytes of a result that are read.
PREVIEW_BYTES = 64 * 1024
#: The largest picture that is shown, in bytes.
LARGEST_PICTURE = 10_000_000
_MOST_ROWS, _MOST_COLUMNS, _MOST_PATHS = 50, 30, 200
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


@dataclass(frozen=True)
class Preview:
    """``kind`` is text, table, json, picture, binary, empty, folder or missing.

    ``paths`` are a folder's files. ``size`` is in bytes.
    """

    kind: str
    size: int = 0
    text: str = ""
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    paths: list[tuple[str, int]] = field(default_factory=list)
    cut: bool = False
    media_type: str | None = None


def preview(file: ResultFile) -> Preview:
    """Return a file's preview; when it can't be read, one of kind ``missing`` with the reason."""
    try:
        if isinstance(file, ResultFolder):
            return _listing(file)
        return _preview(_beginning(file), file.size or 0, file.name)
    except (DatanectarError, OSError) as problem:
        return Preview("missing", text=str(problem))


def _listing(folder: ResultFolder) -> Preview:
    files = [(file.name, file.size or 0) for file in folder.files()]
    cut = len(files) > _MOST_PATHS
    size = sum(size for _, size in files)
    return Preview("folder", size, paths=files[:_MOST_PATHS], cut=cut)


def _beginning(file: ResultFile) -> bytes:
    content = b""
    for piece in file.read():
        content += piece
        if len(content) >= PREVIEW_BYTES:
            break
    return content[:PREVIEW_BYTES]


def _preview(content: bytes, size: int, file: str) -> Preview:
    if not size:
        return Preview("empty")
    media_type = picture_type(content)
    if media_type and size <= LARGEST_PICTURE:
        return Preview("picture", size, media_type=media_type)
    cut = size > len(content)
    text = _text(content, cut)
    if text is None or media_type:
        return Preview("binary", size)
    ending = file.rpartition(".")[2].lower()
    if ending in ("csv", "tsv"):
        return _table(text, size, "\t" if ending == "tsv" else ",", cut)
    pretty = None if cut or ending == "jsonl" else _pretty(text)
    if pretty is not None:
        return Preview("json", size, pretty)
    return Preview("text", size, text, cut=cut)


def picture_type(content: bytes) -> str | None:
    """Return the media type of a picture that browsers show, by its first bytes, or None."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((type for start, type in _PICTURES.items() if content.startswith(start)), None)


def _text(content: bytes, cut: bool) -> str | None:
    if b"\x00" in content:
        return None
    # The end may be an incomplete character: at most three bytes of it.
    for dropped in range(4 if cut else 1):
        try:
            return content[: len(content) - dropped].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    return None


def _table(text: str, size: int, separator: str, cut: bool) -> Preview:
    if cut:
        text = text[: text.rfind("\n") + 1] or text
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error:
        return Preview("text", size, text, cut=cut)
    header, *rows = [line[:_MOST_COLUMNS] for line in lines[: _MOST_ROWS + 1]] or [[]]
    more = cut or len(lines) > _MOST_ROWS + 1
    return Preview("table", size, header=header, rows=rows, cut=more)


def _pretty(text: str) -> str | None:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
