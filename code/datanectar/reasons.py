"""Why something failed, in one line: the exception's type and message.

A task's failure is sent to luigid, and from there to other runs, as one text: the traceback, or
what the author's ``on_failure`` returned, and below it the reason in a line of its own. So no reader
has to guess which line is the reason.
"""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datanectar.errors import DatanectarError

#: Characters of a reason at most.
LONGEST = 500
#: Characters of a traceback at most.
LONGEST_TRACEBACK = 20_000

_MARK = "Reason: "
_HEADER = re.compile(r"\s*(\+ Exception Group )?Traceback \(most recent call last\):\s*\Z")
_TYPE = re.compile(r"(?:\w+\.)*(\w+)(?=: |\Z)")
_OWN_ERROR = re.compile(r"datanectar\.errors\.\w+: ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: What Luigi adds to the error of a program (luigi/contrib/external_program.py): it may hold secrets.
_ENVIRONMENT = re.compile(r"\n *\|? *ENVIRONMENT: .*?(?:\x1b\[m|\Z)", re.DOTALL)
#: What libraries add to a message: the statement with its values, and where to read more.
_STATEMENT = re.compile(r"\n\[SQL: .*", re.DOTALL)
_READ_MORE = re.compile(r"\(Background on this error at: \S*\)")
_LINK_LINE = re.compile(r"https?://\S+\Z")
_EMPTY_LINES = ("STDOUT: [empty]", "STDERR: [empty]")

_HINTS = {
    "BdbQuit": "a run has no terminal for breakpoint(), unless it is `datanectar run ... --here`",
}


def of_exception(problem: BaseException) -> str:
    """Return an exception's type and message in one line; of a ``DatanectarError`` the message."""
    message = _message(problem)
    if isinstance(problem, DatanectarError):
        return _one_line(message)
    name = type(problem).__name__
    return _one_line(": ".join(text for text in (name, message or _HINTS.get(name)) if text))


def explanation(returned: Any, problem: BaseException) -> str:
    """Return the text of a task's failure, as the module describes it.

    Args:
        returned: what the task's ``on_failure`` returned.
        problem: the exception that it was called with.
    """
    text = str(returned).strip() if returned else ""
    text = text or "".join(traceback.format_exception(problem)).strip()
    return f"{without_environment(text)}\n{_MARK}{of_exception(problem)}"


def reason_in(text: str) -> str:
    """Return the reason in the text of a failure."""
    lines = without_environment(text).strip().splitlines()
    if not lines:
        return ""
    if lines[-1].startswith(_MARK):
        return lines[-1][len(_MARK) :]
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if not headers:
        return _one_line(_essence("\n".join(lines)))
    if "Exception Group" in lines[headers[0]]:  # the group's own line, not one of its exceptions'
        lines, headers = [line[4:] for line in lines if line.startswith("  | ")], [-1]
    below = _below_frames(lines[headers[-1] + 1 :])
    error = _essence("\n".join(below))
    if _OWN_ERROR.match(error):
        return _one_line(_OWN_ERROR.sub("", error))
    return _one_line(_TYPE.sub(r"\1", error, count=1))


def traceback_in(text: str) -> str:
    """Return the rest of the text of a failure: the traceback, or the author's ``on_failure``."""
    text = without_environment(text)
    head, mark, _ = text.rpartition(f"\n{_MARK}")
    return (head if mark else text).strip()[-LONGEST_TRACEBACK:]


def without_environment(text: str) -> str:
    """Return the text without the environment that Luigi lists in a program's error."""
    return _ENVIRONMENT.sub("", text)


def forget_environment(problem: BaseException) -> None:
    """Remove the environment from the errors of programs among this error and those behind it."""
    for each in _family(problem, set()):
        if any(cls.__name__ == "ExternalProgramRunError" for cls in type(each).__mro__):
            each.env = None  # type: ignore[attr-defined]


def shortened(line: str, most: int) -> str:
    """Return a line of at most ``most`` characters; the middle is cut: programs end with the cause."""
    tail = most * 2 // 5
    return line if len(line) <= most else f"{line[: most - tail - 5]} ... {line[-tail:]}"


def listed(names: list[str], most: int) -> str:
    """Return the first ``most`` names, sorted, and how many more there are: ``a, b and 3 more``."""
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def oom_kills() -> int:
    """Return how often the kernel's out-of-memory killer has struck (/proc/vmstat); 0: not known."""
    with contextlib.suppress(OSError, ValueError), Path("/proc/vmstat").open() as lines:
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _family(problem: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception, its causes and, of a group, its exceptions."""
    if problem is None or id(problem) in seen:
        return
    seen.add(id(problem))
    yield problem
    for other in (problem.__cause__, problem.__context__, *_exceptions_of(problem)):
        yield from _family(other, seen)


def _exceptions_of(problem: BaseException) -> list[BaseException]:
    grouped = getattr(problem, "exceptions", None)  # an ExceptionGroup's; Python 3.10 has none
    if not isinstance(grouped, (tuple, list)):
        return []
    return [each for each in grouped if isinstance(each, BaseException)]


def _message(problem: BaseException) -> str:
    try:
        message = str(problem)
    except Exception:  # an author's __str__ failed
        message = "(its message can't be shown)"
    notes = [str(note) for note in getattr(problem, "__notes__", ())]
    grouped = [of_exception(each) for each in _exceptions_of(problem)[:3]]
    return " ".join(text for text in (_essence(message), *notes, "; ".join(grouped)) if text)


def _essence(message: str) -> str:
    """Return a message without what libraries add: statements, links and empty lines."""
    message = _STATEMENT.sub("", without_environment(_READ_MORE.sub("", message)))
    first, *rest = message.strip().splitlines() or [""]
    kept = [line.strip() for line in rest if not _LINK_LINE.search(line.strip().rstrip(").,"))]
    return "\n".join([first, *(line for line in kept if line not in _EMPTY_LINES)])


def _below_frames(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line and not line.startswith(" "):
            return lines[number:]
    return lines


def _one_line(text: str) -> str:
    """Return the text as one line without control characters, at most ``LONGEST`` characters."""
    shown = "".join(char if char.isprintable() else " " for char in _COLOURS.sub("", text))
    return shortened(" ".join(shown.split()), LONGEST)
