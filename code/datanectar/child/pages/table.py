"""The first rows of a Parquet or Excel file, as texts for a page.

The libraries are optional, large, and read what an author's code has written: so a child does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from datanectar.errors import BadRequest, NotFound
from datanectar.messages.pages import MOST_ROWS, TableJob, TableRows
from datanectar.runner import output
from datanectar.storage.plain import open_plain
from datanectar.storage.registry import storage_named

_MOST_COLUMNS = 30
#: The longest text of a cell.
_LONGEST = 500


def read_table(job: TableJob) -> TableRows:
    """Return the first rows of a file.

    Raises:
        BadRequest: when no library for it is installed, or the file is none of its format.
        NotFound: when the file is not there any more.
    """
    output.mute()
    try:
        with _opened(job) as stream:
            return _READERS[job.format](stream)
    except ImportError as problem:
        raise BadRequest(
            f"Its rows can't be shown: {problem.name} is not installed. "
            "pip install 'datanectar[frames]' brings what reads Parquet and Excel."
        ) from problem
    except FileNotFoundError as problem:
        raise NotFound("The file is not there any more.") from problem
    except Exception as problem:  # each library raises its own
        raise BadRequest(f"Its rows can't be read: {problem}"[:500]) from problem


def _opened(job: TableJob) -> IO[bytes]:
    if job.path is not None:
        return open_plain(Path(job.path))
    return storage_named(job.storage).open_object(job.object)


def _parquet(stream: IO[bytes]) -> TableRows:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        return _parquet_by_polars(stream)
    file = parquet.ParquetFile(stream)
    names = list(file.schema_arrow.names)[:_MOST_COLUMNS]
    batch = next(file.iter_batches(batch_size=MOST_ROWS, columns=names), None)
    rows = [list(row.values()) for row in batch.to_pylist()] if batch is not None else []
    types = [str(file.schema_arrow.field(name).type) for name in names]
    return TableRows(names, _texts(rows), types, file.metadata.num_rows)


def _parquet_by_polars(stream: IO[bytes]) -> TableRows:
    import polars

    frame = polars.read_parquet(stream, n_rows=MOST_ROWS)
    names = frame.columns[:_MOST_COLUMNS]
    return TableRows(names, _texts(frame.rows()), [str(kind) for kind in frame.dtypes])


def _excel(stream: IO[bytes]) -> TableRows:
    import openpyxl

    book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
    sheet = book.worksheets[0]
    lines = _texts(sheet.iter_rows(max_row=MOST_ROWS + 1, values_only=True))
    count = sheet.max_row - 1 if sheet.max_row else None
    return TableRows(lines[0] if lines else [], lines[1:], [], count, book.sheetnames)


def _texts(rows: Iterable[Iterable[Any]]) -> list[list[str]]:
    """Return cells as texts; what is missing is empty."""
    return [
        ["" if cell is None else str(cell)[:_LONGEST] for cell in list(row)[:_MOST_COLUMNS]]
        for row in rows
    ]


_READERS: dict[str, Callable[[IO[bytes]], TableRows]] = {"parquet": _parquet, "excel": _excel}
