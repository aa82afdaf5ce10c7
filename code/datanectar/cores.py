"""How many cores this process may use, in a container too."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Return how many cores this process may use, at least 1.

    This is the smaller of the cores that it may be scheduled on, and the quotas of its control groups,
    rounded up: a container with a quota of half a core has one.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas())]))


def quotas(own: Path = _OWN_GROUP, groups: Path = _GROUPS) -> list[float]:
    """Return the quotas, in cores, of this process's control group and of those above it.

    Args:
        own: the file with the group's path (cgroups(7)).
        groups: where control groups are mounted; ``cpu.max`` is version 2's, ``cpu.cfs_quota_us``
            version 1's.
    """
    found = []
    for folder in _folders(own, groups):
        with contextlib.suppress(
            OSError, ValueError, ZeroDivisionError
        ):  # "max" is no quota, and no number
            quota, period = map(float, (folder / "cpu.max").read_text().split())
            found.append(quota / period)
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            quota = float((folder / "cpu.cfs_quota_us").read_text())
            found.append(quota / float((folder / "cpu.cfs_period_us").read_text()))
    return [quota for quota in found if 0 < quota < math.inf]


def _folders(own: Path, groups: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        for line in own.read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers or "cpu" in controllers.split(","):
                path = PurePosixPath(group.lstrip("/"))
                # A container may see only its own group, mounted as if it were the root.
                for part in (path, *path.parents):
                    yield groups / controllers / part
