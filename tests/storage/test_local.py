"""What only the disk does: hidden files, locks, full disks."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datanectar.errors import StartupError, StorageError
from datanectar.keys import Key
from datanectar.storage.local import LocalStorage, _explained

KEY = Key("testchains", "hello_chain", "Hello", "0" * 32)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "local_targets")


def content(storage: LocalStorage) -> list[str]:
    return sorted(os.listdir(storage.local_path(KEY, "x").parent))


def test_a_file_lies_where_the_layout_says(storage: LocalStorage) -> None:
    storage.put_bytes(KEY, "out.txt", b"x")
    path = storage.root / "chains/testchains/hello_chain/Hello" / ("0" * 32) / "out.txt"
    assert storage.local_path(KEY, "out.txt") == path
    assert path.read_bytes() == b"x"


def test_a_result_has_the_permissions_of_any_new_file(storage: LocalStorage) -> None:
    earlier = os.umask(0o027)
    try:
        storage.put_bytes(KEY, "out.txt", b"x")
    finally:
        os.umask(earlier)
    assert stat.S_IMODE(storage.local_path(KEY, "out.txt").stat().st_mode) == 0o640


def test_a_finished_or_aborted_write_leaves_no_hidden_file(storage: LocalStorage) -> None:
    storage.put_bytes(KEY, "out.txt", b"x")
    with pytest.raises(ZeroDivisionError), storage.open_write(KEY, "other.txt"):
        raise ZeroDivisionError
    assert content(storage) == ["out.txt"]


def test_a_writer_can_seek(storage: LocalStorage) -> None:
    with storage.open_write(KEY, "out.bin", binary=True) as stream:
        stream.write(b"????tail")
        stream.seek(0)
        stream.write(b"head")
    assert storage.local_path(KEY, "out.bin").read_bytes() == b"headtail"


def killed_writer(storage: LocalStorage) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from datanectar.keys import parse_key\n"
        "from datanectar.storage.local import LocalStorage\n"
        f"stream = LocalStorage(Path({str(storage.root)!r})).open_write(parse_key('{KEY}'), 'out.txt')\n"
        "stream.write('half')\n"
        "stream.flush()\n"
        "print('midway', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"midway\n"
        child.send_signal(signal.SIGKILL)


def test_a_killed_writer_leaves_no_half_file_and_the_next_one_cleans_up(
    storage: LocalStorage,
) -> None:
    killed_writer(storage)
    assert len(content(storage)) == 1
    assert storage.list_files(KEY) == []
    assert not storage.exists(KEY, "out.txt")
    storage.put_bytes(KEY, "out.txt", b"whole")
    assert content(storage) == ["out.txt"]


def test_what_a_chain_has_put_in_a_hidden_files_place_holds_nobody_up(
    storage: LocalStorage, tmp_path: Path
) -> None:
    storage.put_bytes(KEY, "out.txt", b"x")
    folder = storage.local_path(KEY, "x").parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    os.mkfifo(folder / ".out.txt.pipe")
    (folder / ".out.txt.link").symlink_to(elsewhere)

    storage.put_bytes(KEY, "out.txt", b"y")

    assert storage.local_path(KEY, "out.txt").read_bytes() == b"y"
    assert elsewhere.read_text() == "mine"


def test_two_writers_of_one_file_both_finish_and_the_last_one_counts(
    storage: LocalStorage,
) -> None:
    first = storage.open_write(KEY, "out.txt")
    first.write("first")
    second = storage.open_write(KEY, "out.txt")
    second.write("second")
    first.close()
    second.close()
    assert storage.local_path(KEY, "out.txt").read_text() == "second"
    assert content(storage) == ["out.txt"]


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let this process write no file larger than ``size`` bytes, as a full disk would."""
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing(storage: LocalStorage) -> None:
    with room_for(1_000_000), pytest.raises(StorageError, match=r"Can't write .*out\.bin: .*"):
        storage.put_bytes(KEY, "out.bin", b"x" * 2_000_000)
    assert content(storage) == []


def test_after_a_failed_write_nothing_is_published_though_room_was_made(
    storage: LocalStorage,
) -> None:
    stream = storage.open_write(KEY, "out.bin", binary=True)
    with room_for(1_000_000), pytest.raises(StorageError):
        stream.write(b"x" * 2_000_000)
    stream.write(b"more")
    stream.close()
    assert content(storage) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_told_with_what_to_do() -> None:
    message = r"No space left.*DATANECTAR_LOCAL_TARGETS"
    raises = pytest.raises(StorageError, match=message)
    with (
        open("/dev/full", "wb", buffering=0) as full,
        raises,
        _explained("write", Path("/dev/full")),
    ):
        full.write(b"x")


def test_a_result_whose_publication_fails_is_told_and_leaves_nothing(
    storage: LocalStorage,
) -> None:
    storage.local_path(KEY, "out.txt").mkdir(parents=True)
    with pytest.raises(StorageError, match="Can't write"):
        storage.put_bytes(KEY, "out.txt", b"x")
    assert content(storage) == ["out.txt"]


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    storage = LocalStorage(tmp_path / "file" / "local_targets")
    with pytest.raises(StorageError, match="Can't write"):
        storage.put_bytes(KEY, "out.txt", b"x")
    with pytest.raises(StartupError, match="Can't use") as error:
        storage.prepare()
    assert "\n" not in error.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_told_at_start(storage: LocalStorage) -> None:
    storage.root.mkdir()
    storage.root.chmod(0o500)
    with pytest.raises(StartupError, match="Let the account"):
        storage.prepare()


def test_foreign_files_are_not_listed(storage: LocalStorage) -> None:
    storage.put_bytes(KEY, "out.txt", b"x")
    for name in (".DS_Store", "with\nline end"):
        storage.local_path(KEY, "out.txt").with_name(name).touch()
    storage.local_path(KEY, "folder").mkdir()
    assert [info.name for info in storage.list_files(KEY)] == ["out.txt"]
    assert not storage.exists(KEY, "folder")
    (storage.root / KEY.family_prefix / ".DS_Store").touch()
    assert set(storage.list_family(KEY, "out.txt")) == {KEY.md5}


def test_what_a_killed_library_leaves_is_swept_and_what_a_living_one_writes_is_not(
    storage: LocalStorage,
) -> None:
    """Fault 3.7."""
    pid = os.fork()
    if pid == 0:
        with storage.temporary_file(KEY, "out.csv") as path:
            path.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    folder = storage.local_path(KEY, "out.csv").parent
    assert len(list(folder.iterdir())) == 1
    assert storage.list_files(KEY) == []

    with storage.temporary_file(KEY, "out.csv") as path:
        assert list(folder.iterdir()) == [path.parent]
        path.write_bytes(b"first")
        storage.put_bytes(KEY, "out.csv", b"second")
        assert path.exists()

    assert [entry.name for entry in folder.iterdir()] == ["out.csv"]
    assert storage.local_path(KEY, "out.csv").read_bytes() == b"first"


def test_a_link_that_a_library_makes_is_followed(storage: LocalStorage, tmp_path: Path) -> None:
    """Fault 3.7."""
    (tmp_path / "elsewhere").write_bytes(b"whole")

    with storage.temporary_file(KEY, "out.txt") as path:
        path.symlink_to(tmp_path / "elsewhere")

    assert storage.local_path(KEY, "out.txt").read_bytes() == b"whole"
    assert not storage.local_path(KEY, "out.txt").is_symlink()
    assert (tmp_path / "elsewhere").exists()
