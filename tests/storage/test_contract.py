"""What every store promises, checked for each: the disk, moto, rclone, and a store of a third kind."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.attempt_files import ATTEMPT_VARIABLE
from datanectar.errors import BadRequest, NotFound, StorageError
from datanectar.keys import Key
from datanectar.messages import TaskReport, decode, encode
from datanectar.storage.base import Storage
from datanectar.storage.earlier import keep_earlier

KEY = Key("testchains", "hello_chain", "Hello", "0" * 32)
MIB = 1024 * 1024


def sibling(number: int, task: str = "Hello") -> Key:
    return Key("testchains", "hello_chain", task, f"{number:032x}")


def test_prepare_may_be_called_again(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"kept")
    storage.prepare()
    assert storage.exists(KEY, "out.txt")


def test_a_file_may_have_a_name_of_any_language(storage: Storage) -> None:
    """fault 3.22"""
    storage.put_bytes(KEY, "Größe 2 日本.csv", b"kept")

    assert storage.exists(KEY, "Größe 2 日本.csv")
    assert [info.name for info in storage.list_files(KEY)] == ["Größe 2 日本.csv"]
    assert b"".join(storage.read_chunks(KEY, "Größe 2 日本.csv")) == b"kept"


def test_what_was_never_written_is_not_there(storage: Storage) -> None:
    assert storage.exists(KEY, "out.txt") is False
    assert storage.info(KEY, "out.txt") is None
    assert storage.list_files(KEY) == []
    assert set(storage.list_family(KEY, "out.txt")) == set()
    assert storage.delete(KEY, "out.txt") is False


def test_an_address_names_the_file_in_full(storage: Storage) -> None:
    address = storage.address(KEY, "out.txt")
    in_store = f"{storage.store_address}/{KEY}/out.txt"
    assert address == str(storage.local_path(KEY, "out.txt") or in_store)
    assert address.endswith(f"/{KEY}/out.txt")


def test_a_records_address_of_a_store_is_one_that_messages_take(storage: Storage) -> None:
    report = TaskReport("id", storage=storage.store_address)
    assert decode(encode(report)) == report


def test_a_tree_is_listed_key_by_key_with_what_lies_deeper(storage: Storage) -> None:
    names = [f"{sibling(number)}/{file}" for number in range(7) for file in ("log", "out.txt")]
    names.insert(2, f"{sibling(1)}/out/v1/part-0.csv")  # below the key that has log and out.txt
    for name in names:
        with storage.create_object(name) as file:
            file.write(b"abc")
    storage.put_bytes(Key("testchains", "hello_chain", "Other", "0" * 32), "out.txt", b"")

    listed = list(storage.list_tree("chains/testchains/hello_chain/Hello/"))

    assert sorted(name for name, _ in listed) == sorted(names)
    assert {info.size for _, info in listed} == {3}
    keys = [name.split("/")[4] for name, _ in listed]
    assert keys == sorted(keys)
    assert list(storage.list_tree("chains/nothing/")) == []


def test_a_link_or_a_local_path_leads_to_the_file_if_the_store_has_one(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"kept")
    link, path = storage.link(KEY, "out.txt", expires_in=60), storage.local_path(KEY, "out.txt")
    if link:
        assert 0 < (link.expires_in or 0) <= 60
        assert urllib.request.urlopen(link.url, timeout=30).read() == b"kept"
    if path:
        assert path.read_bytes() == b"kept"


def test_an_object_is_found_by_its_full_name(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"kept")
    name = f"{KEY}/out.txt"
    assert storage.object_info(name) == storage.info(KEY, "out.txt")
    assert b"".join(storage.object_chunks(name, 2)) == b"pt"
    assert storage.delete_object(name) is True
    assert storage.delete_object(name) is False


def test_reading_what_is_not_there_raises_not_found_at_the_call(storage: Storage) -> None:
    with pytest.raises(NotFound):
        storage.open_read(KEY, "out.txt")
    with pytest.raises(NotFound):
        storage.read_chunks(KEY, "out.txt")
    with pytest.raises(NotFound):
        storage.rename(KEY, "log", "log.1")


def test_text_comes_back_as_written_newlines_and_all(storage: Storage) -> None:
    text = "Grüße\nzweite\r\ndritte\rvierte 🍯"
    with storage.open_write(KEY, "out.txt") as stream:
        stream.write(text)
    with storage.open_read(KEY, "out.txt") as stream:
        assert stream.read() == text
    with storage.open_read(KEY, "out.txt", binary=True) as stream:
        assert stream.read() == text.encode()


def test_text_is_read_line_by_line(storage: Storage) -> None:
    with storage.open_write(KEY, "out.txt") as stream:
        stream.writelines(f"line {n}\n" for n in range(20_000))
    with storage.open_read(KEY, "out.txt") as stream:
        assert sum(1 for _ in stream) == 20_000


@pytest.mark.parametrize("size", [0, 1, 16 * MIB, 16 * MIB + 1, 40 * MIB])
def test_bytes_come_back_as_written_whatever_their_number(storage: Storage, size: int) -> None:
    content = os.urandom(MIB) * (size // MIB) + b"x" * (size % MIB)
    with storage.open_write(KEY, "out.bin", binary=True) as stream:
        for start in range(0, size, 3_000_000):
            stream.write(content[start : start + 3_000_000])
    info = storage.info(KEY, "out.bin")
    assert info is not None
    assert (info.name, info.size) == ("out.bin", size)
    assert abs(info.modified - time.time()) < 60
    with storage.open_read(KEY, "out.bin", binary=True) as stream:
        assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(content).digest()


def test_one_write_of_many_parts_is_taken_whole(storage: Storage) -> None:
    content = os.urandom(35 * MIB)
    storage.put_bytes(KEY, "out.bin", content)
    assert b"".join(storage.read_chunks(KEY, "out.bin")) == content


def test_nothing_is_seen_before_the_file_is_closed(storage: Storage) -> None:
    stream = storage.open_write(KEY, "out.txt")
    stream.write("half" * MIB)
    stream.flush()
    assert not storage.exists(KEY, "out.txt")
    assert storage.list_files(KEY) == []
    stream.close()
    assert storage.exists(KEY, "out.txt")


@pytest.mark.parametrize("size", [10, 20 * MIB])
@pytest.mark.parametrize("binary", [False, True])
def test_a_with_block_left_by_an_exception_publishes_nothing(
    storage: Storage, size: int, binary: bool
) -> None:
    with pytest.raises(ZeroDivisionError), storage.open_write(KEY, "out", binary=binary) as stream:
        stream.write(b"x" * size if binary else "x" * size)
        raise ZeroDivisionError
    assert stream.closed
    assert storage.list_files(KEY) == []


@pytest.mark.parametrize("binary", [False, True])
def test_a_file_that_is_forgotten_unclosed_publishes_nothing(
    storage: Storage, binary: bool
) -> None:
    stream = storage.open_write(KEY, "out", binary=binary)
    stream.write(b"half" if binary else "half")
    del stream
    assert storage.list_files(KEY) == []


def test_an_aborted_rewrite_leaves_the_earlier_result(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"first")
    with pytest.raises(ZeroDivisionError), storage.open_write(KEY, "out.txt") as stream:
        stream.write("second")
        raise ZeroDivisionError
    assert b"".join(storage.read_chunks(KEY, "out.txt")) == b"first"


def test_a_rewrite_replaces_the_content(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"first and longer")
    storage.put_bytes(KEY, "out.txt", b"second")
    assert b"".join(storage.read_chunks(KEY, "out.txt")) == b"second"


def test_closing_twice_is_closing_once(storage: Storage) -> None:
    stream = storage.open_write(KEY, "out.txt")
    stream.write("once")
    stream.close()
    stream.close()
    assert b"".join(storage.read_chunks(KEY, "out.txt")) == b"once"


def test_a_writer_tells_its_position(storage: Storage) -> None:
    with storage.open_write(KEY, "out.bin", binary=True) as stream:
        stream.write(b"12345")
        assert stream.tell() == 5


def test_a_reader_seeks(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.bin", bytes(range(256)) * 4096)
    with storage.open_read(KEY, "out.bin", binary=True) as stream:
        stream.seek(-3, os.SEEK_END)
        assert stream.read() == b"\xfd\xfe\xff"
        stream.seek(256 * 1000 + 7)
        assert stream.read(2) == b"\x07\x08"
        with pytest.raises(OSError):
            stream.seek(-10_000_000, os.SEEK_END)


def test_chunks_begin_where_asked_and_are_of_at_most_one_mib(storage: Storage) -> None:
    content = os.urandom(3 * MIB)
    storage.put_bytes(KEY, "log", content)
    pieces = list(storage.read_chunks(KEY, "log", MIB + 5))
    assert b"".join(pieces) == content[MIB + 5 :]
    assert max(map(len, pieces)) <= MIB


@pytest.mark.parametrize("start", [4, 5, 1000])
def test_chunks_from_the_end_or_behind_it_are_none(storage: Storage, start: int) -> None:
    storage.put_bytes(KEY, "log", b"1234")
    assert list(storage.read_chunks(KEY, "log", start)) == []


def test_files_of_a_key_are_listed_by_name(storage: Storage) -> None:
    for name in ("params.txt", "log", "out.txt", "log.1"):
        storage.put_bytes(KEY, name, name.encode())
    storage.put_bytes(sibling(1), "other.txt", b"")
    infos = storage.list_files(KEY)
    assert [info.name for info in infos] == ["log", "log.1", "out.txt", "params.txt"]
    assert [info.size for info in infos] == [3, 5, 7, 10]


def test_a_family_lists_the_keys_that_have_the_file(storage: Storage) -> None:
    for number in range(25):
        storage.put_bytes(sibling(number), "out.txt" if number % 2 else "log", b"x")
    storage.put_bytes(sibling(3), "out.txt.1", b"x")
    storage.put_bytes(sibling(99, task="HelloAgain"), "out.txt", b"x")
    expected = {f"{number:032x}" for number in range(25) if number % 2}
    assert set(storage.list_family(KEY, "out.txt")) == expected


def test_a_local_file_is_put(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(17 * MIB))
    storage.put_file(KEY, "log", source)
    assert b"".join(storage.read_chunks(KEY, "log")) == source.read_bytes()


def test_a_renamed_file_has_its_new_name_only(storage: Storage) -> None:
    storage.put_bytes(KEY, "log", b"attempt 1")
    storage.rename(KEY, "log", "log.1")
    assert [info.name for info in storage.list_files(KEY)] == ["log.1"]
    assert b"".join(storage.read_chunks(KEY, "log.1")) == b"attempt 1"


def test_earlier_attempts_are_kept_beside_the_latest(storage: Storage) -> None:
    for attempt in (b"1", b"2", b"3"):
        keep_earlier(storage, KEY, "log")
        storage.put_bytes(KEY, "log", attempt)
    names = ("log.1", "log.2", "log")
    assert [b"".join(storage.read_chunks(KEY, n)) for n in names] == [b"1", b"2", b"3"]


def test_a_deleted_file_is_gone_and_its_neighbours_stay(storage: Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"x")
    storage.put_bytes(KEY, "log", b"x")
    assert storage.delete(KEY, "out.txt") is True
    assert [info.name for info in storage.list_files(KEY)] == ["log"]


@pytest.mark.parametrize("name", ["../out.txt", "a/b", ".hidden", "", "x" * 200])
def test_a_name_that_could_lead_elsewhere_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(BadRequest):
        storage.exists(KEY, name)
    with pytest.raises(BadRequest):
        storage.open_write(KEY, name)


@pytest.mark.parametrize(
    "key", [Key("..", "..", "..", "0" * 32), Key("a", "b/../..", "C", "0" * 32), Key("a", "b", "C", "..")]
)  # fmt: skip
def test_a_key_that_could_lead_elsewhere_is_refused(storage: Storage, key: Key) -> None:
    for ask in (storage.list_files, lambda k: storage.open_write(k, "out.txt")):
        with pytest.raises(BadRequest):
            ask(key)
    with pytest.raises(BadRequest):
        list(storage.list_family(key, "out.txt"))


def test_many_threads_may_share_a_store(storage: Storage) -> None:
    def work(number: int) -> None:
        storage.put_bytes(sibling(number), "out.txt", str(number).encode())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(storage.list_family(KEY, "out.txt")) == {f"{number:032x}" for number in range(8)}


def test_a_forked_process_uses_the_store_and_leaves_its_parents_files_alone(
    storage: Storage,
) -> None:
    storage.put_bytes(KEY, "log", b"the parent has a client by now")
    with storage.open_write(KEY, "out.txt") as half:
        half.write("half")
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                storage.put_bytes(sibling(1), "out.txt", b"child")
                with pytest.raises(StorageError, match="the process that opened it"):
                    half.close()
                if b"".join(storage.read_chunks(KEY, "log")).startswith(b"the parent"):
                    status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        assert set(storage.list_family(KEY, "out.txt")) == {sibling(1).md5}
        half.write(" and whole")
    assert b"".join(storage.read_chunks(KEY, "out.txt")) == b"half and whole"


def test_text_that_utf8_cannot_hold_is_an_error_and_publishes_nothing(storage: Storage) -> None:
    with pytest.raises(UnicodeEncodeError), storage.open_write(KEY, "out.txt") as stream:
        stream.write("\ud800")
    assert storage.list_files(KEY) == []


def test_a_library_may_write_a_file_by_itself(storage: Storage) -> None:
    """Fault 3.7: at a path with the file's own name, by which libraries tell what to write."""
    with storage.temporary_file(KEY, "out.csv.gz") as path:
        assert path.name == "out.csv.gz"
        path.write_bytes(b"whole")
        assert not storage.exists(KEY, "out.csv.gz")

    assert b"".join(storage.read_chunks(KEY, "out.csv.gz")) == b"whole"
    assert not path.parent.exists()
    assert [info.name for info in storage.list_files(KEY)] == ["out.csv.gz"]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda path: None, FileNotFoundError),
        (lambda path: path.mkdir(), IsADirectoryError),
        (lambda path: path.write_bytes(b"half") and 1 / 0, ZeroDivisionError),
    ],
    ids=["nothing", "folder", "exception"],
)
def test_what_is_no_file_at_the_end_is_told_and_leaves_nothing(
    storage: Storage, act: Callable[[Path], object], error: type[Exception]
) -> None:
    """Fault 3.7."""
    with pytest.raises(error), storage.temporary_file(KEY, "out.txt") as path:
        act(path)

    assert not path.parent.exists()
    assert storage.list_files(KEY) == []


def test_a_file_that_a_library_writes_lies_where_it_goes_with_its_run(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3.7: on the disk of the result, or among the run's own files; never in /tmp."""
    monkeypatch.setenv(ATTEMPT_VARIABLE, str(tmp_path / "spool" / "run-1"))
    monkeypatch.setenv("TMPDIR", "/dev/null/small")

    with storage.temporary_file(KEY, "out.txt") as path:
        path.write_bytes(b"x")

        place = path.parent.parent
        if path_of_result := storage.local_path(KEY, "out.txt"):
            assert place == path_of_result.parent
        else:
            assert place == tmp_path / "spool" / "run-1"
