"""How long a chainstatus takes, as the history and luigid's memory grow.

The floor is the same request to a stack that has hardly any of either; they take turns.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks import store
from benchmarks.report import Figure, median
from benchmarks.scale import save_luigid_state
from benchmarks.stack import Caller, await_end, new_name, project
from tests.servers.stack import Stack

#: Runs stored in the stack that has hardly any.
_FEW = 10
#: Requests to one stack before it is the other's turn.
_IN_A_ROW = 20
#: Lines that a task prints, one each 0.3 s: it outlasts the measurement.
_LINES = 10_000


def measure(stored: int = 100_000, known: int = 10_000, rounds: int = 30) -> list[Figure]:
    """Ask for the status of a run that has ended, and of one that goes on."""
    few: dict[str, list[float]] = {}
    many: dict[str, list[float]] = {}
    with ExitStack() as opened:
        stacks = [
            (few, *_started(opened, _FEW, 0)),
            (many, *_started(opened, stored, known)),
        ]
        asked = [(times, Caller(stack), keys) for times, stack, keys in stacks]
        for round in range(-1, rounds):
            for times, caller, keys in asked:
                for state, key in keys.items():
                    asked_for = [_seconds(caller, key) for _ in range(_IN_A_ROW)]
                    times.setdefault(state, []).extend(asked_for if round >= 0 else ())
    sizes = f"{stored:,} runs stored, {known:,} tasks in luigid"
    return [
        Figure("status", f"of a run that {state}, {sizes}, median",
               median(many[state]) * 1000, "ms", len(many[state]), f"{_FEW} runs", median(few[state]) * 1000)
        for state in many
    ]  # fmt: skip


def _seconds(caller: Caller, key: str) -> float:
    began = time.perf_counter()
    caller.status(key)
    return time.perf_counter() - began


def _started(opened: ExitStack, stored: int, known: int) -> tuple[Stack, dict[str, str]]:
    """Start a stack with so much behind it; return it, and two keys by their runs' state."""
    stack = opened.enter_context(project())
    store.fill(stack.settings.database_url, stored)
    save_luigid_state(stack.settings.state / "luigid.pickle", known)
    stack.start_up()
    caller = Caller(stack)
    ended = caller.post("TrivialTask", name=new_name())
    await_end(caller, ended)
    going_on = caller.post("ClockTask", name=new_name(), lines=_LINES)
    while caller.status(going_on)["job_status"] != "RUNNING":
        time.sleep(0.05)
    return stack, {"has ended": ended, "goes on": going_on}
