"""What luigid believes of its saved state."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.stack import Stack


class Evil:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._trace),)


def broken_states(trace: Path) -> dict[str, bytes]:
    return {
        "garbage": b"garbage",
        "empty": b"",
        "cut off": pickle.dumps(({}, {}, {}))[:-4],
        "number": pickle.dumps(5),
        "pair": pickle.dumps((1, 2)),
        "texts": pickle.dumps(({"a": "b"}, {}, {})),
        "workers": pickle.dumps(({}, {"a": "b"}, {})),
        "batchers": pickle.dumps(({}, {}, 5)),
    }


@pytest.mark.parametrize("kind", broken_states(Path()))
def test_a_broken_state_keeps_nothing_from_starting(
    make_stack: Callable[..., Stack], tmp_path: Path, kind: str
) -> None:
    """fault 4.8"""
    stack = make_stack()
    file = stack.settings.state / "luigid.pickle"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(broken_states(tmp_path)[kind])
    file.chmod(0o600)

    stack.start_luigid()

    assert stack.luigid.call("task_list") == {}
    assert not file.exists()
    assert "luigid.pickle can't be read" in stack.output("luigid")


@pytest.mark.parametrize("kind", ["writable", "another's", "link", "folder", "fifo"])
def test_a_state_that_another_user_may_have_written_is_not_read(
    make_stack: Callable[..., Stack], tmp_path: Path, kind: str
) -> None:
    """fault 4.8"""
    stack, trace = make_stack(), tmp_path / "trace"
    file = stack.settings.state / "luigid.pickle"
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file, 0o600)
    else:
        place = tmp_path / "target" if kind == "link" else file
        place.write_bytes(pickle.dumps(Evil(trace)))
        place.chmod(0o660 if kind == "writable" else 0o600)
        if kind == "link":
            file.symlink_to(place)
        if kind == "another's":
            if os.geteuid() != 0:
                pytest.skip("only root gives files away")
            os.chown(file, 12345, -1)

    stack.start_luigid()

    assert not trace.exists()
    assert kind == "folder" or not file.exists()
    assert "luigid.pickle can't be read" in stack.output("luigid")


def test_what_luigid_saves_is_this_users_alone(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.start_luigid()
    stack.luigid.call("add_task", worker="w", task_id="t", status="DONE")
    stack.stop("luigid")

    assert stat.S_IMODE((stack.settings.state / "luigid.pickle").stat().st_mode) == 0o600
    stack.start_luigid()
    assert list(stack.luigid.call("task_list", status="DONE")) == ["t"]
