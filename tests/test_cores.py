"""How many cores there are to use: fault 3.22, a container's quota counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datanectar import cores


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"cpu.max": "150000 100000\n"}, [1.5]),
        ("0::/", {"cpu.max": "max 100000\n"}, []),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, [0.5]),
        ("0::/not/seen/here", {"cpu.max": "200000 100000"}, [2.0]),
        (
            "4:cpu,cpuacct:/docker/x\n1:memory:/docker/x",
            {"cpu,cpuacct/cpu.cfs_quota_us": "300000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            [3.0],
        ),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, []),
        ("0::/", {"cpu.max": "junk"}, []),
        ("0::/", {"cpu.max": "100000 0"}, []),
        ("junk", {}, []),
    ],
)
def test_quotas_are_those_of_the_group_and_of_those_above(
    tmp_path: Path, own: str, files: dict[str, str], expected: list[float]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)

    assert cores.quotas(tmp_path / "own", tmp_path) == expected


@pytest.mark.parametrize(("found", "expected"), [([], 4), ([0.1], 1), ([2.5, 3.0], 3), ([64.0], 4)])
def test_the_least_counts_and_there_is_always_one(
    monkeypatch: pytest.MonkeyPatch, found: list[float], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(cores, "quotas", lambda: found)

    assert cores.available_cores() == expected
