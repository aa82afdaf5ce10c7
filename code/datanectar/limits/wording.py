"""What is told of a limit that was reached: which one, where it is set, and what to do."""

from __future__ import annotations

from datanectar.authoring.needs import words_of

#: What to do besides raising the limit.
_ELSE = {
    "memory": "let the task read and write piece by piece",
    "cpu_time": "let the task do less at a time",
    "processes": "let the task start fewer at a time and wait for them; each thread counts",
    "open_files": "close files with `with`",
    "timeout": "let it do less at a time",
}


def advice(cls: type, name: str) -> str:
    """Return a class's limit, where it is set and what to do, as the end of a sentence.

    Args:
        cls: the task's class.
        name: the option, such as ``memory``.
    """
    return f"{words_of(cls, name)}: {what_to_do(name)}"


def what_to_do(name: str) -> str:
    """Return what to do about a limit that was reached, as the end of a sentence."""
    if_any = " if the machine has more" if name == "memory" else ""
    return f"raise `{name}` on its class{if_any}, or {_ELSE[name]}."
