"""DataFrames of pandas and of polars, whichever the author uses; neither is required."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

#: The libraries, the one that reads unless the author names another first.
LIBRARIES = ("pandas", "polars")
#: By suffix, what the methods of a pandas and of a polars DataFrame are called after ``to_`` and
#: ``write_``, and the readers after ``read_``.
_NAMES = {
    ".csv": ("csv", "csv"),
    ".parquet": ("parquet", "parquet"),
    ".feather": ("feather", "ipc"),
}
SUFFIXES = tuple(_NAMES)


def library_of(value: Any) -> str | None:
    """Return whose DataFrame a value is, ``pandas`` or ``polars``; None for any other value."""
    for cls in type(value).__mro__:  # a GeoDataFrame is one of pandas
        library = cls.__module__.partition(".")[0]
        if cls.__name__ == "DataFrame" and library in LIBRARIES:
            return library
    return None


def write(frame: Any, suffix: str, path: str) -> None:
    """Write a DataFrame to a file.

    Raises:
        ImportError: when pandas lacks pyarrow, in pandas' words.
    """
    of_pandas, of_polars = _NAMES[suffix]
    if library_of(frame) == "polars":
        getattr(frame, f"write_{of_polars}")(path)
    elif suffix == ".parquet":
        frame.to_parquet(path)  # which keeps the index
    elif suffix == ".csv":
        _index_as_columns(frame).to_csv(path, index=False)
    else:
        getattr(_index_as_columns(frame), f"to_{of_pandas}")(path)


def read(stream: IO[bytes], suffix: str, library: str | None) -> Any:
    """Return the DataFrame in a file.

    Args:
        stream: the file; it can seek.
        suffix: the file's.
        library: ``pandas`` or ``polars``; None: the first of them that is installed.

    Raises:
        ImportError: saying what to install.
    """
    name = library or next(filter(find_spec, LIBRARIES), None)
    try:
        module = import_module(name or "pandas")
    except ImportError as missing:
        wanted = f"{name}: pip install {name}" if name else "pandas or polars: pip install pandas"
        raise ImportError(f"To load a {suffix} file needs {wanted} pyarrow") from missing
    return getattr(module, f"read_{_NAMES[suffix][LIBRARIES.index(module.__name__)]}")(stream)


def _index_as_columns(frame: Any) -> Any:
    """Return the frame without its index: as columns if it says something, else left out.

    Row numbers, which a filter leaves with gaps, say nothing unless the author gave them a name.
    """
    has_names = any(name is not None for name in frame.index.names)
    is_row_numbers = frame.index.nlevels == 1 and frame.index.dtype.kind in "iu"
    return frame.reset_index(drop=is_row_numbers and not has_names)
