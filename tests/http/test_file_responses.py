"""What is given out of the results' folder: plain files alone, whole or from where a client asks."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.api.answers import refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

KEY = "chains/basic/plain_chain/GreetTask/" + "2" * 32
URL = f"/api/targets/{KEY}/out.txt"
SIZE = 10 * 1024**3
END = b"the end"


@pytest.fixture
def folder(web: Stack) -> Iterator[Path]:
    """The folder of a key whose task never ran."""
    place = web.file(KEY).parent
    place.mkdir(parents=True)
    yield place
    for file in place.iterdir():
        file.unlink()
    place.rmdir()


@pytest.fixture
def large(folder: Path) -> Path:
    """A result of 10 GiB, most of it a hole, and a few bytes at its end."""
    file = folder / "out.txt"
    with file.open("wb") as stream:
        stream.truncate(SIZE - len(END))
        stream.seek(0, os.SEEK_END)
        stream.write(END)
    return file


def test_a_range_is_read_from_where_it_begins(web: Stack, large: Path) -> None:
    """Fault 3.12: the file was read from its first byte."""
    start = time.monotonic()
    for asked in (f"bytes={SIZE - 7}-", f"bytes={SIZE - 7}-{SIZE - 1}", "bytes=-7"):
        part = web.get(URL, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, END)
        assert part.headers["Content-Range"] == f"bytes {SIZE - 7}-{SIZE - 1}/{SIZE}"
        assert part.headers["Content-Length"] == "7"
    assert time.monotonic() - start < 2

    middle = web.get(URL, headers={"Range": f"bytes={SIZE // 2}-{SIZE // 2 + 9}"})
    assert (middle.status_code, middle.content) == (206, bytes(10))
    beyond = web.get(URL, headers={"Range": f"bytes={SIZE}-"})
    refused(beyond, 416)
    assert beyond.headers["Content-Range"] == f"bytes */{SIZE}"
    head = requests.head(f"{web.url}{URL}", headers={"Range": "bytes=0-0"}, timeout=10)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(SIZE))
    assert head.headers["Accept-Ranges"] == "bytes"


def test_a_connection_is_kept_after_a_range(web: Stack, large: Path) -> None:
    """Fault 3.12: exactly what was announced is sent."""
    with requests.Session() as session:
        for _ in range(3):
            part = session.get(f"{web.url}{URL}", headers={"Range": "bytes=5-9"}, timeout=10)
            assert (part.status_code, part.content) == (206, bytes(5))
            assert session.head(f"{web.url}{URL}", timeout=10).status_code == 200


@pytest.mark.parametrize("asked", ["bytes=0-", f"bytes=100-{SIZE // 2}", None])
def test_nothing_goes_on_when_the_client_has_left(
    web: Stack, large: Path, asked: str | None
) -> None:
    """Fault 3.12: eight requests that were given up kept a core busy."""
    process = psutil.Process(web.processes["web"].pid).children()[0]

    def holds_it() -> bool:
        return any(file.path == str(large) for file in process.open_files())

    headers = f"Range: {asked}\r\n" if asked else ""
    request = f"GET {URL} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
            connection.sendall(request)
            assert connection.recv(100)
    wait_for(lambda: not holds_it(), "the file is closed", 5)


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=2-99", 206, b"23456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=0-0", 206, b"0"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("bytes=5-2", 200, b"0123456789"),
        ("bytes=x-y", 200, b"0123456789"),
        ("bytes=" + "9" * 5000 + "-", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=99-100", 416, None),
    ],
)
def test_ranges_are_heeded_as_http_has_them(
    web: Stack, folder: Path, asked: str, status: int, content: bytes | None
) -> None:
    """Fault 3.12: one range, or all of it."""
    (folder / "out.txt").write_bytes(b"0123456789")

    answer = web.get(URL, headers={"Range": asked})

    assert answer.status_code == status
    assert content is None or answer.content == content


def test_a_range_of_what_has_changed_is_the_whole(web: Stack, folder: Path) -> None:
    """Fault 3.12: `If-Range` compares what the client has."""
    (folder / "out.txt").write_bytes(b"0123456789")
    whole = web.get(URL)
    tag, changed = whole.headers["ETag"], whole.headers["Last-Modified"]

    for mark, status in ((tag, 206), (changed, 206), ('"other"', 200)):
        answer = web.get(URL, headers={"Range": "bytes=1-2", "If-Range": mark})
        assert answer.status_code == status
    assert web.get(URL, headers={"If-Modified-Since": changed}).status_code == 304
    assert web.get(URL, headers={"If-None-Match": tag, "Range": "bytes=1-2"}).status_code == 304


def test_an_empty_file_has_no_ranges(web: Stack, folder: Path) -> None:
    (folder / "out.txt").touch()

    answer = web.get(URL, headers={"Range": "bytes=0-"})

    assert (answer.status_code, answer.content) == (200, b"")


# --- what is no plain file --------------------------------------------------------------------


@pytest.fixture(params=["file", "proc", "folder", "gone", "pipe", "device", "place"])
def odd(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A result, its log, and an earlier log that are no plain files."""
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    leads_to = {"file": secret, "proc": "/proc/self/environ", "folder": tmp_path}
    leads_to |= {"gone": tmp_path / "no", "device": "/dev/zero"}
    with contextlib.ExitStack() as left:
        for name in ("out.txt", "log", "log.1"):
            place = folder / name
            if request.param == "pipe":
                os.mkfifo(place)
            elif request.param == "place":
                place.mkdir()
                left.callback(place.rmdir)
            else:
                place.symlink_to(leads_to[request.param])
        yield folder


def test_what_is_no_plain_file_is_not_there(web: Stack, odd: Path) -> None:
    """Fault 4.7: a log that is a link to /proc/self/environ gave out the web's tokens."""
    for path in (
        URL,
        f"/api/targets/{KEY}/log",
        f"/api/targets/{KEY}/log.1",
        f"/api/chainlog?chain={KEY}/out.txt",
        f"/api/chainlog?chain={KEY}/out.txt&attempt=1",
        f"/api/chainstatus?chain={KEY}/out.txt",
        f"/pictures/{KEY}/out.txt",
    ):
        refused(web.get(path), 404)
    events = web.get(f"/api/chainlog?chain={KEY}/out.txt", headers={"Accept": "text/event-stream"})
    assert events.status_code == 404
    page = web.get(f"/results/{KEY.removeprefix('chains/')}")
    assert "SECRET" not in page.text
    assert "PATH=" not in page.text


def test_folders_may_be_links(web: Stack, folder: Path, tmp_path: Path) -> None:
    """Fault 4.7: results may lie on another disk."""
    elsewhere = tmp_path / ("3" * 32)
    elsewhere.mkdir()
    (elsewhere / "out.txt").write_text("on a larger disk")
    link = folder.parent / elsewhere.name
    link.symlink_to(elsewhere)

    answer = web.get(re.sub("2{32}", elsewhere.name, URL))

    link.unlink()
    assert (answer.status_code, answer.text) == (200, "on a larger disk")
