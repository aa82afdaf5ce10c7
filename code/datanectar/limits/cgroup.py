"""Control groups (cgroups v2, the kernel's admin-guide/cgroup-v2.rst): the kernel itself keeps the limits.

They can be used where one is delegated to us: named by ``DATANECTAR_CGROUP``, or the one above ours if
systemd says so (``Delegate=`` and ``DelegateSubgroup=`` of a unit). It must hold no process itself.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from functools import lru_cache
from pathlib import Path

from datanectar.authoring.needs import Needs
from datanectar.settings import current

log = logging.getLogger("luigi-interface")

_ROOT = Path("/sys/fs/cgroup")
#: What says that a group is delegated (systemd's CGROUP_DELEGATION.md).
_DELEGATED = "user.delegate"
_PREFIX = "datanectar-"
_CONTROLLERS = ("memory", "pids")
_numbers = itertools.count()


class Group:
    """The group of one task's processes (``limits.watch.Processes``).

    Args:
        folder: the group; it exists.
        needs: the limits.
    """

    def __init__(self, folder: Path, needs: Needs) -> None:
        self.folder = folder
        self.memory = self.peak_memory = self.count = 0
        self.cpu_time = 0.0
        if needs.memory is not None:
            self._write("memory.max", needs.memory)
            self._write("memory.oom.group", 1)
            with contextlib.suppress(OSError):  # a kernel without swap has no such file
                self._write("memory.swap.max", 0)
        if needs.processes is not None:
            self._write("pids.max", needs.processes)

    def enter(self) -> None:
        """Put this process into the group, and so all that it starts."""
        self._write("cgroup.procs", 0)

    def look(self) -> str | None:
        """Read the figures anew; return the limit that was reached, ``memory`` or ``processes``."""
        with contextlib.suppress(OSError):
            self.cpu_time = _count(self._read("cpu.stat"), "usage_usec") / 1e6
            self.memory = int(self._read("memory.current"))
            self.count = max(self.count, int(self._read("pids.current")))
            self.peak_memory = max(self.peak_memory, self.memory, self._kernels_peak())
            if _count(self._read("memory.events"), "oom_kill"):
                return "memory"
            if _count(self._read("pids.events"), "max"):
                return "processes"
        return None

    def kill(self) -> None:
        """Kill them all."""
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", 1)

    def remove(self) -> None:
        """Kill what is left and remove the group; what takes long to end is removed by a later run."""
        self.kill()
        _remove(self.folder)

    def _kernels_peak(self) -> int:
        with contextlib.suppress(OSError):  # since Linux 5.19
            return int(self._read("memory.peak"))
        return 0

    def _read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))


def make_group(needs: Needs) -> Group | None:
    """Make a group with these limits; return None where no group can be made."""
    parent = delegated(current().cgroup)
    if parent is None:
        return None
    folder = parent / f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
    try:
        folder.mkdir()
        return Group(folder, needs)
    except OSError as problem:
        log.warning("No cgroup keeps this task's limits: %s", problem)
        _remove(folder)
        return None


@lru_cache(maxsize=4)
def delegated(named: str) -> Path | None:
    """Return the group below which groups can be made, or None; the log of the run says why.

    Args:
        named: its folder, if the settings name one.
    """
    parent = Path(named) if named else _above_ours()
    if parent is None:
        return None
    try:
        _enable_controllers(parent)
    except OSError as problem:
        log.warning("No cgroup keeps the limits of tasks: %s can't be used: %s", parent, problem)
        return None
    _remove_left(parent)
    return parent


def _enable_controllers(parent: Path) -> None:
    missing = set(_CONTROLLERS) - set((parent / "cgroup.controllers").read_text().split())
    if missing:
        raise OSError(f"it has no controller {' or '.join(sorted(missing))}")
    # A process is moved by who may write to the group above both; root always may.
    if os.geteuid() and not (parent in _own().parents and _can_write(parent)):
        raise OSError("this process is in no group below it that it may leave")
    enabled = " ".join(f"+{name}" for name in _CONTROLLERS)
    (parent / "cgroup.subtree_control").write_text(enabled)


def _can_write(group: Path) -> bool:
    return os.access(group / "cgroup.procs", os.W_OK)


def _remove_left(parent: Path) -> None:
    """Remove the groups of processes that were killed before they could."""
    for folder in parent.glob(f"{_PREFIX}*"):
        maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", maker).exists():
            _remove(folder)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it holds a process
        folder.rmdir()


def _above_ours() -> Path | None:
    """Return the group above this process's, if systemd says that it is delegated."""
    with contextlib.suppress(OSError):
        above = _own().parent
        return above if os.getxattr(above, _DELEGATED) == b"1" else None
    return None


def _own() -> Path:
    """Return the group of this process (cgroups(7)); the topmost one where it is in none."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::/"):
            return _ROOT / line[4:]
    return _ROOT


def _count(text: str, name: str) -> int:
    """Return a number of a file that holds a name and a number in each line."""
    found = (line.split() for line in text.splitlines())
    return next((int(words[1]) for words in found if words[0] == name), 0)
