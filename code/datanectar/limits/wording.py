"""What is told of a limit that was reached: which one, where it is set, and what to do."""

from __future__ import annotations

from datanectar.authoring.needs import words_of

_WHAT_TO_DO = {
    "memory": "raise `memory` on the class if the machine has more, or let the task read and write "
    "piece by piece.",
    "cpu_time": "raise `cpu_time` on the class, or let the task do less at a time.",
    "processes": "raise `processes` on the class (each thread counts), or let the task start fewer "
    "at a time and wait for them.",
    "open_files": "raise `open_files` on the class, or close files with `with`.",
    "timeout": "raise `timeout` on the class, or let the task do less at a time.",
}


def advice(cls: type, name: str) -> str:
    """Return a class's limit, where it is set and what to do, as the end of a sentence.

    Args:
        cls: the task's class.
        name: the option, such as ``memory``.
    """
    return f"{words_of(cls, name)}: {_WHAT_TO_DO[name]}"
