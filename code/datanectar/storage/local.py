"""The store on this host's disk: ``<root>/chains/<type>/<chain>/<Task>/<md5>/<file>``."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from datanectar.errors import NotFound, StartupError, StorageError
from datanectar.keys import Key, is_file_name, is_service_file
from datanectar.storage.atomic_file import AtomicFile
from datanectar.storage.base import FileInfo, Storage, object_name
from datanectar.storage.plain import open_plain, plain_stat

_REMEDIES = {
    errno.ENOSPC: "Free some space there, or let DATANECTAR_LOCAL_TARGETS name a larger disk.",
    errno.EDQUOT: "The disk quota is used up: free some space there.",
    errno.EFBIG: "A limit on the size of files is in force there.",
    errno.EACCES: "Let the account that runs datanectar use this folder.",
    errno.EPERM: "Let the account that runs datanectar use this folder.",
    errno.EROFS: "Let DATANECTAR_LOCAL_TARGETS name a folder that can be written to.",
}


class LocalStorage(Storage):
    """Results as plain files.

    A file is written under a hidden name in its own folder and moved to its name when it is whole.
    What a killed writer leaves is hidden, and is removed when the same file is next written. Links
    and devices are not results: they are treated as missing.

    Args:
        root: the folder that holds ``chains/``; created when first written to.
    """

    store_address = "local"

    def __init__(self, root: Path) -> None:
        self.root = root

    def local_path(self, key: Key, file: str) -> Path:
        """Return where the file is, or would be."""
        # As it is spelled, not resolved: folders in here may be links to larger disks.
        return self.root / object_name(key, file)

    def address(self, key: Key, file: str) -> str:
        """Return the file's path."""
        return str(self.local_path(key, file))

    def object_info(self, name: str) -> FileInfo | None:
        """Return size and time of the file, or None when it is not there."""
        path = self.root / name
        with _explained("look for", path):
            found = plain_stat(path)
        return found and FileInfo(path.name, found.st_size, found.st_mtime)

    def open_object(self, name: str, start: int = 0) -> BinaryIO:
        """Return a file object that reads the file from byte ``start`` on."""
        path = self.root / name
        with _explained("read", path), _raising_not_found(name):
            stream = open_plain(path)
        stream.seek(start)
        return stream

    def create_object(self, name: str) -> AtomicFile:
        """Return a file object whose content becomes the file when it is closed."""
        return _LocalFile(self.root / name)

    def delete_object(self, name: str) -> bool:
        """Delete the file; return whether it was there."""
        path = self.root / name
        with _explained("delete", path):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def list_files(self, key: Key) -> list[FileInfo]:
        """Return the files under the key, by name."""
        folder = self.local_path(key, "_").parent
        names = sorted(name for name in _names_in(folder) if is_file_name(name))
        found = (self.info(key, name) for name in names)
        return [info for info in found if info is not None]

    def list_family(self, key: Key, file: str) -> Iterator[str]:
        """Yield the md5 of every key of this key's task whose ``file`` is there."""
        family = self.local_path(key, file).parent.parent
        return (md5 for md5 in _names_in(family) if plain_stat(family / md5 / file))

    def list_tree(self, prefix: str) -> Iterator[tuple[str, FileInfo]]:
        """Yield name and info of all plain files below a folder, but for what writers have hidden."""
        for name in sorted(_names_in(self.root / prefix)):
            if name.startswith("."):
                continue
            if (self.root / prefix / name).is_dir():
                yield from self.list_tree(f"{prefix}{name}/")
            elif info := self.object_info(f"{prefix}{name}"):
                yield f"{prefix}{name}", info

    @contextlib.contextmanager
    def temporary_place(self, key: Key, name: str) -> Iterator[Path]:
        """Give the block a path in a hidden folder beside the file of that name."""
        target = self.local_path(key, name)
        with _explained("write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(target)
            descriptor, folder = _create_hidden(target, is_folder=True)
        try:
            yield folder / name
        finally:
            os.close(descriptor)
            shutil.rmtree(folder, ignore_errors=True)

    def take_file(self, key: Key, file: str, path: Path) -> None:
        """Move the file to its place."""
        if path.is_symlink():  # the file that it leads to stays where it is
            self.put_file(key, file, path)
            return
        target = self.local_path(key, file)
        with _explained("write", target):
            _sync(path)
            path.replace(target)

    def take_tree(self, prefix: str, folder: Path, paths: list[str]) -> None:
        """Move the folder to its place."""
        target = self.root / prefix
        with _explained("write", target):
            for path in paths:
                _sync(folder / path)
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.replace(target)

    def delete_tree(self, prefix: str) -> None:
        """Delete the folder."""
        with _explained("delete", self.root / prefix), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.root / prefix)

    def rename(self, key: Key, old: str, new: str) -> None:
        """Give a file of the key another name, in place of a file that has that name."""
        name = object_name(key, old)
        path = self.root / name
        with _explained("rename", path), _raising_not_found(name):
            path.replace(self.local_path(key, new))

    def prepare(self) -> None:
        """Create the folder, and check that it can be written to."""
        try:
            with _explained("use", self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=self.root).close()
        except StorageError as problem:
            raise StartupError(problem.message) from problem


class _LocalFile(AtomicFile):
    """A hidden file beside its target."""

    def __init__(self, target: Path) -> None:
        self._target = target
        with _explained("write", target):
            if not _remove_leftovers(target):
                target.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor, self._hidden = _create_hidden(target)
        super().__init__()

    def fileno(self) -> int:
        return self._descriptor

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        return self.seek(0, os.SEEK_CUR)

    def _append(self, data: memoryview) -> int:
        with _explained("write", self._target):
            return os.write(self._descriptor, data)

    def _publish(self) -> None:
        with _explained("write", self._target):
            if not is_service_file(self._target.name):  # which every attempt writes anew
                os.fsync(
                    self._descriptor
                )  # or a power cut could leave the name without the content
            self._hidden.replace(self._target)
        os.close(self._descriptor)

    def _remove(self) -> None:
        os.close(self._descriptor)
        self._hidden.unlink(missing_ok=True)


def _create_hidden(target: Path, *, is_folder: bool = False) -> tuple[int, Path]:
    """Create and open a file, or a folder, that :func:`_remove_leftovers` leaves alone.

    It is locked as long as this process lives (flock(2)): the kernel releases the lock with the
    process, however that ends.
    """
    while True:
        hidden = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            descriptor = _create(hidden, is_folder)
        except FileNotFoundError:
            if is_folder and target.parent.is_dir():  # removed before it was locked
                continue
            raise
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            removed = not hidden.exists()
        except BlockingIOError:
            removed = True  # or about to be, by a process that locked it first
        except OSError:
            removed = False  # this file system has no locks, so nothing is ever removed
        if not removed:
            return descriptor, hidden
        os.close(descriptor)


def _create(hidden: Path, is_folder: bool) -> int:
    if is_folder:
        hidden.mkdir()
        return os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _remove_leftovers(target: Path) -> bool:
    """Remove the hidden files and folders of writers of ``target`` that died.

    Returns:
        Whether there is a folder for the target that has anything in it.
    """
    start = f".{target.name}."
    names = _names_in(target.parent)
    for name in [name for name in names if name.startswith(start)]:
        hidden = target.with_name(name)
        with contextlib.suppress(OSError):  # its writer lives, or another process removes it
            is_folder = hidden.is_dir()
            # A chain may have put a pipe there, which blocks, or a link, which leads elsewhere.
            flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(hidden, (os.O_RDONLY if is_folder else os.O_WRONLY) | flags)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(hidden) if is_folder else hidden.unlink()
            finally:
                os.close(descriptor)
    return bool(names)


def _sync(path: Path) -> None:
    """Write a file's content to the disk: a power cut could else leave the name without it."""
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _names_in(folder: Path) -> list[str]:
    with _explained("list", folder):
        try:
            return [entry.name for entry in os.scandir(folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []


@contextlib.contextmanager
def _raising_not_found(name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as problem:
        key, _, file = name.rpartition("/")
        raise NotFound(f"There is no file {file!r} under {key}.") from problem


@contextlib.contextmanager
def _explained(action: str, path: Path) -> Iterator[None]:
    """Turn the system's errors into a :class:`StorageError` that says what to do."""
    try:
        yield
    except OSError as problem:
        remedy = _REMEDIES.get(problem.errno or 0, "")
        sentence = f"Can't {action} {path}: {problem.strerror or problem}. {remedy}".strip()
        raise StorageError(sentence) from problem
