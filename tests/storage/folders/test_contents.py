"""A folder in each store: all of its files are there, or none."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from datanectar.errors import NotFound, StorageError
from datanectar.keys import Key
from datanectar.storage.base import Storage
from datanectar.storage.folders import contents
from datanectar.storage.folders.zipped import zipped

KEY = Key("etl", "pages_chain", "PagesTask", "0" * 32)
FILES = {"a.txt": b"first", "year=2026/Größe 2/b.bin": bytes(1000), ".crc": b""}


def publish(storage: Storage, files: dict[str, bytes], name: str = "pages") -> None:
    with storage.temporary_place(KEY, name) as folder:
        folder.mkdir()
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        contents.publish(storage, KEY, name, folder)


def held(storage: Storage, into: Path) -> dict[str, bytes]:
    found = contents.read_contents(storage, KEY, "pages")
    contents.fetch(storage, KEY, "pages", found, into)
    return {
        path.relative_to(into).as_posix(): path.read_bytes()
        for path in into.rglob("*")
        if path.is_file()
    }


def test_what_was_published_is_there_whole(storage: Storage, tmp_path: Path) -> None:
    publish(storage, FILES)

    assert held(storage, tmp_path / "copy") == FILES
    assert contents.read_contents(storage, KEY, "pages").files == {
        path: len(content) for path, content in FILES.items()
    }
    assert storage.exists(KEY, "pages.files.json")
    assert set(storage.list_family(KEY, "pages.files.json")) == {KEY.md5}


def test_another_folder_takes_its_place_whole(storage: Storage, tmp_path: Path) -> None:
    publish(storage, FILES)
    earlier = contents.read_contents(storage, KEY, "pages")

    publish(storage, {"c.txt": b"new"})

    assert held(storage, tmp_path / "copy") == {"c.txt": b"new"}
    gone = contents.prefix_of(KEY, "pages", earlier.version)
    assert storage.object_info(f"{gone}a.txt") is None


def test_a_folder_that_is_dropped_is_gone_with_what_a_killed_writer_left(storage: Storage) -> None:
    publish(storage, FILES)
    leftover = f"{KEY}/pages/dead/part.txt"
    with storage.create_object(leftover) as file:
        file.write(b"half")

    assert contents.delete(storage, KEY, "pages")

    assert storage.object_info(leftover) is None
    with pytest.raises(NotFound):
        contents.read_contents(storage, KEY, "pages")
    assert not contents.delete(storage, KEY, "pages")


def test_until_the_list_is_written_nothing_is_there(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A writer that dies after the files and before the list: the earlier folder stays."""
    publish(storage, {"old.txt": b"old"})

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(storage, "put_bytes", die)
        with pytest.raises(KeyboardInterrupt):
            publish(storage, FILES)

    assert held(storage, tmp_path / "copy") == {"old.txt": b"old"}


def test_a_zip_holds_every_file(storage: Storage) -> None:
    publish(storage, FILES)

    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(storage, KEY, "pages"))))

    assert {path: archive.read(path) for path in archive.namelist()} == FILES


def test_an_empty_folder_is_a_folder(storage: Storage) -> None:
    publish(storage, {})

    assert contents.read_contents(storage, KEY, "pages").files == {}
    assert zipfile.ZipFile(io.BytesIO(b"".join(zipped(storage, KEY, "pages")))).namelist() == []


def test_a_zip_is_made_piece_by_piece(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory: of a large file no more is held than a piece."""
    publish(storage, {"large.bin": b"x"})
    as_they_are = storage.object_chunks
    sent: list[int] = []

    def chunks(name: str, start: int = 0) -> Iterator[bytes]:
        if not name.endswith(".bin"):
            yield from as_they_are(name, start)
            return
        for number in range(100):
            sent.append(number)
            yield os.urandom(2**20)

    monkeypatch.setattr(storage, "object_chunks", chunks)
    before_last = 0
    for piece in zipped(storage, KEY, "pages"):
        assert len(piece) < 2 * 2**20
        before_last += len(sent) < 100

    assert before_last > 50


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_what_is_no_file_is_refused(storage: Storage, kind: str) -> None:
    with pytest.raises(ValueError, match="odd is a link or a device"):
        with storage.temporary_place(KEY, "pages") as folder:
            folder.mkdir()
            if kind == "pipe":
                os.mkfifo(folder / "odd")
            else:
                (folder / "odd").symlink_to("/etc/passwd" if kind == "link" else "/etc")
            contents.publish(storage, KEY, "pages", folder)

    assert not storage.exists(KEY, "pages.files.json")


def test_a_name_that_no_store_could_keep_is_refused(storage: Storage) -> None:
    with pytest.raises(ValueError, match=r"is not a name that a file in a result's folder can"):
        publish(storage, {"a\nb.txt": b""})


@pytest.mark.parametrize("path", ["../../x", "/etc/passwd", "a//b", "./a", "a/..", "a\x00b", ""])
def test_a_list_that_leads_out_of_the_folder_is_not_believed(storage: Storage, path: str) -> None:
    listed = contents.Contents("00ff", {path: 1})
    storage.put_bytes(KEY, "pages.files.json", msgspec.json.encode(listed))

    with pytest.raises(StorageError, match="names a file outside of the folder"):
        contents.read_contents(storage, KEY, "pages")


def test_a_list_that_is_none_is_an_error_in_words(storage: Storage) -> None:
    storage.put_bytes(KEY, "pages.files.json", b"[1]")

    with pytest.raises(StorageError, match="is no list of files"):
        contents.read_contents(storage, KEY, "pages")
