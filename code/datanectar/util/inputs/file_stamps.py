"""The state of a file that others make, in a bucket, on this host or on the web, as a short text."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import IO, Any

from datanectar.errors import NotFound, Unavailable
from datanectar.settings import current
from datanectar.storage.registry import S3, split_address, storage_named

#: Seconds that a web server may take to answer, and bytes that are copied at a time.
_PATIENCE, _CHUNK = 60, 2**20


def stamp_of(address: str) -> str:
    """Return a text that differs when the file's content does.

    ``etag=<ETag>`` in a bucket; ``modified=<nanoseconds>,<bytes>`` on this host; on the web the ETag,
    or else ``modified=<Last-Modified>,<bytes>``.

    Raises:
        NotFound: when there is no such file.
        StorageError, Unavailable: when it can't be looked for.
        ValueError: when the address is none that can be read, or a web server tells no state.
    """
    if split_address(address):
        return _stamp_of_object(address)
    if _is_on_the_web(address):
        return _stamp_on_the_web(address)
    return _stamp_of_path(address)


def open_file(address: str) -> IO[bytes]:
    """Open the file to read its bytes.

    Raises:
        NotFound: when there is no such file.
        StorageError, Unavailable: when it can't be read.
    """
    parts = split_address(address)
    if parts:
        return storage_named(parts[0]).open_object(parts[1])
    if _is_on_the_web(address):
        return _download(address)
    try:
        return Path(absolute(address)).open("rb")
    except FileNotFoundError as problem:
        raise NotFound(f"There is no file {address}.") from problem


def absolute(address: str) -> str:
    """Return the path of a file on this host from the root; any other address as it is."""
    if "://" in address:
        return address
    return str(current().project / Path(address).expanduser())


def _stamp_of_object(address: str) -> str:
    store, name = split_address(address) or ("", "")
    info = storage_named(store).object_info(name) if name else None
    if info is None:
        raise NotFound(f"There is no file {address}.")
    return f"etag={info.etag.strip(chr(34))}"


def _stamp_of_path(address: str) -> str:
    if "://" in address:
        known = f"a path, {S3}://..., http://... or https://..."
        raise ValueError(f"{address} is no address of a file: it can be {known}")
    try:
        found = Path(absolute(address)).stat()
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise NotFound(f"There is no file {absolute(address)}.") from problem
    if not stat.S_ISREG(found.st_mode):
        raise NotFound(f"There is no file {absolute(address)}, but a folder or a device.")
    return f"modified={found.st_mtime_ns},{found.st_size}"


def _stamp_on_the_web(address: str) -> str:
    headers = _request("HEAD", address).headers
    if "ETag" in headers:
        return f"etag={headers['ETag'].removeprefix('W/').strip(chr(34))}"
    if "Last-Modified" in headers:
        return f"modified={headers['Last-Modified']},{headers.get('Content-Length', '')}"
    raise ValueError(
        f"the server of {address} says neither ETag nor Last-Modified, so nobody can tell when the "
        "file changes: let a task of its own download it"
    )


def _download(address: str) -> IO[bytes]:
    response = _request("GET", address, stream=True)
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
    for piece in response.iter_content(_CHUNK):
        file.write(piece)
    file.seek(0)
    return file


def _request(method: str, address: str, **options: Any) -> Any:
    import requests  # most tasks need none of it

    try:
        response = requests.request(
            method, address, timeout=_PATIENCE, allow_redirects=True, **options
        )
    except requests.RequestException as problem:
        raise Unavailable(f"{address} can't be reached: {problem}") from problem
    if response.status_code in (404, 410):
        raise NotFound(f"There is no file {address}.")
    if not response.ok:
        raise Unavailable(f"{address} can't be read: HTTP {response.status_code}.")
    return response


def _is_on_the_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))
