"""Why something failed, in one line: the exception's type and message, and nothing of its machinery.

A task's failure goes to luigid, and from there to whoever asks, as one text: the traceback, or
what the author's ``on_failure`` says, and below it the reason. So whoever reads it, in whichever
process, need not guess which line of it is the reason.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import Any

from datanectar.errors import DatanectarError

#: Characters of a reason.
LONGEST = 500
#: Characters of a traceback.
LONGEST_TRACEBACK = 20_000

_MARK = "Reason: "
_HEADER = re.compile(r"\s*(\+ Exception Group )?Traceback \(most recent call last\):\s*\Z")
_TYPE = re.compile(r"(?:\w+\.)*(\w+)(?=: |\Z)")
_OWN = re.compile(r"datanectar\.errors\.\w+: ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: What Luigi adds to the error of a program (luigi/contrib/external_program.py): secrets, as a rule.
_ENVIRONMENT = re.compile(r"\n *\|? *ENVIRONMENT: .*?(?:\x1b\[m|\Z)", re.DOTALL)
#: What libraries add to a message: the statement with its values, and where to read more.
_STATEMENT = re.compile(r"\n\[SQL: .*", re.DOTALL)
_READ_MORE = re.compile(r"\(Background on this error at: \S*\)")
_LINK_LINE = re.compile(r"https?://\S+\Z")
_EMPTY_LINES = ("STDOUT: [empty]", "STDERR: [empty]")

_HINTS = {
    "BdbQuit": "a run has no terminal for breakpoint(): take it out, or try the task by Luigi's own "
    "command with --local-scheduler",
}


def of_exception(problem: BaseException) -> str:
    """Return type and message of an exception in one line; of an error of ours the message alone."""
    words = _told(problem)
    if isinstance(problem, DatanectarError):
        return _one_line(words)
    name = type(problem).__name__
    return _one_line(": ".join(part for part in (name, words or _HINTS.get(name)) if part))


def explanation(words: Any, problem: BaseException) -> str:
    """Return the text that tells of a task's failure: see the module.

    Args:
        words: what the task's ``on_failure`` returned.
        problem: what it was called with.
    """
    text = str(words).strip() if words else ""
    text = text or "".join(traceback.format_exception(problem)).strip()
    return f"{without_environment(text)}\n{_MARK}{of_exception(problem)}"


def reason_in(text: str) -> str:
    """Return the reason in a text that tells of a failure."""
    lines = without_environment(text).strip().splitlines()
    if not lines:
        return ""
    if lines[-1].startswith(_MARK):
        return lines[-1][len(_MARK) :]
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if not headers:
        return _one_line(_essence("\n".join(lines)))
    if "Exception Group" in lines[headers[0]]:  # its own line, not one of those it holds
        lines, headers = [line[4:] for line in lines if line.startswith("  | ")], [-1]
    below = _below_frames(lines[headers[-1] + 1 :])
    told = _essence("\n".join(below))
    return _one_line(_OWN.sub("", told) if _OWN.match(told) else _TYPE.sub(r"\1", told, count=1))


def traceback_in(text: str) -> str:
    """Return the rest of a text that tells of a failure: the traceback, or the author's words."""
    text = without_environment(text)
    head, mark, _ = text.rpartition(f"\n{_MARK}")
    return (head if mark else text).strip()[-LONGEST_TRACEBACK:]


def without_environment(text: str) -> str:
    """Return the text without the environment that Luigi lists in a program's error."""
    return _ENVIRONMENT.sub("", text)


def forget_environment(problem: BaseException) -> None:
    """Have the errors of programs, whichever led to this one, keep their environment to themselves."""
    for each in _family(problem, set()):
        if any(cls.__name__ == "ExternalProgramRunError" for cls in type(each).__mro__):
            each.env = None  # type: ignore[attr-defined]


def shortened(line: str, most: int) -> str:
    """Return a line of at most so many characters: its middle goes, for programs end with the cause."""
    tail = most * 2 // 5
    return line if len(line) <= most else f"{line[: most - tail - 5]} ... {line[-tail:]}"


def listed(names: list[str], most: int) -> str:
    """Return the names, sorted, in words: ``a, b and 3 more``."""
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _family(problem: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception, those that it came from and those that it holds."""
    if problem is None or id(problem) in seen:
        return
    seen.add(id(problem))
    yield problem
    for other in (problem.__cause__, problem.__context__, *_held_by(problem)):
        yield from _family(other, seen)


def _held_by(problem: BaseException) -> list[BaseException]:
    held = getattr(problem, "exceptions", None)  # of an ExceptionGroup, which Python 3.10 has not
    if not isinstance(held, (tuple, list)):
        return []
    return [each for each in held if isinstance(each, BaseException)]


def _told(problem: BaseException) -> str:
    try:
        message = str(problem)
    except Exception:  # an author's __str__
        message = "(its message can't be shown)"
    notes = [str(note) for note in getattr(problem, "__notes__", ())]
    held = [of_exception(each) for each in _held_by(problem)[:3]]
    return " ".join(part for part in (_essence(message), *notes, "; ".join(held)) if part)


def _essence(message: str) -> str:
    """Return a message without what libraries add to it."""
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
    """Return the text without line ends and control characters, and not too long."""
    shown = "".join(char if char.isprintable() else " " for char in _COLOURS.sub("", text))
    return shortened(" ".join(shown.split()), LONGEST)
