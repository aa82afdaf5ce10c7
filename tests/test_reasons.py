"""Reasons: the exception's type and message in one line, whatever else its text holds."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

import pytest
import sqlalchemy
from luigi.contrib.external_program import ExternalProgramRunError

from datanectar import reasons
from datanectar.errors import StorageError


class Odd(Exception):
    """Has no words."""

    def __str__(self) -> str:
        raise RuntimeError("none")


def query() -> None:
    with sqlalchemy.create_engine("sqlite://").connect() as db:
        db.execute(sqlalchemy.text("select *\nfrom bikes where owner = :who"), {"who": "s3cret"})


def program() -> None:
    env = {"AWS_SECRET_ACCESS_KEY": "s3cret\nof two lines", "COLOUR": "\x1b[31m"}
    raise ExternalProgramRunError(
        "Program failed with return code=3:", ["sh", "-c", "exit 3"], env, "", "no such codec"
    )


def raises(problem: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise problem

    return act


def chained() -> None:
    try:
        program()
    except ExternalProgramRunError as problem:
        raise ValueError("no picture") from problem


CASES: dict[str, tuple[Callable[[], None], str]] = {
    "plain": (raises(ValueError("no good: x")), "ValueError: no good: x"),
    "library": (query, "OperationalError: (sqlite3.OperationalError) no such table: bikes"),
    "two lines": (
        raises(RuntimeError("Station 7 is broken\n  see the manual")),
        "RuntimeError: Station 7 is broken see the manual",
    ),
    "program": (
        program,
        "ExternalProgramRunError: Program failed with return code=3: COMMAND: sh -c exit 3 "
        "STDERR: no such codec",
    ),
    "chained": (chained, "ValueError: no picture"),
    "empty": (raises(ValueError()), "ValueError"),
    "key": (raises(KeyError("x")), "KeyError: 'x'"),
    "exit": (raises(SystemExit(3)), "SystemExit: 3"),
    "interrupt": (raises(KeyboardInterrupt()), "KeyboardInterrupt"),
    "ours": (raises(StorageError("The disk is full.")), "The disk is full."),
    "syntax": (lambda: eval("1 +"), "SyntaxError: invalid syntax (<string>, line 1)"),
    "colours": (raises(ValueError("\x1b[31mred\x1b[0m\x07\ttab\u202e")), "ValueError: red tab"),
    "link": (
        raises(ValueError("1 error\n  For further information visit https://errors.example/v/x")),
        "ValueError: 1 error",
    ),
    "url": (raises(OSError("404 for url: http://x/y")), "OSError: 404 for url: http://x/y"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_type_and_message(name: str) -> None:
    """Fault 2.4, 2.5: from the exception, and from the text that was made of it."""
    act, expected = CASES[name]

    with pytest.raises(BaseException) as raised:
        act()

    problem = raised.value
    text = "".join(traceback.format_exception(problem))
    assert reasons.of_exception(problem) == expected
    assert reasons.reason_in(reasons.explanation(None, problem)) == expected
    # A traceback tells the place of a syntax error above it.
    assert reasons.reason_in(text) == expected.removesuffix(" (<string>, line 1)")
    for kept in (reasons.explanation(None, problem), reasons.traceback_in(text)):
        assert "AWS_SECRET" not in kept


def test_a_traceback_in_a_message_is_not_taken_for_the_exceptions_own() -> None:
    """Fault 2.4."""
    inner = "Traceback (most recent call last):\n  File 'x'\nKeyError: 'inner'"
    problem = RuntimeError(f"the helper said:\n{inner}")

    reason = reasons.reason_in(reasons.explanation(None, problem))

    assert reason.startswith("RuntimeError: the helper said: Traceback")
    assert reason.endswith("KeyError: 'inner'")


def test_an_exception_without_words_has_its_type() -> None:
    assert reasons.of_exception(Odd()) == "Odd: (its message can't be shown)"


def test_a_long_reason_keeps_its_start_and_its_end() -> None:
    reason = reasons.of_exception(ValueError(f"begin {'x' * 5000} end"))

    assert len(reason) == reasons.LONGEST
    assert reason.startswith("ValueError: begin xxx") and reason.endswith("xxx end")


@pytest.mark.parametrize("words", [None, "", "ask Jim", 7, {"ask": "Jim"}])
def test_whatever_on_failure_returns_the_reason_is_the_exceptions(words: object) -> None:
    """Fault 2.4: ``on_failure`` is the author's, and often returns nothing."""
    text = reasons.explanation(words, ValueError("no good"))

    assert reasons.reason_in(text) == "ValueError: no good"
    assert reasons.traceback_in(text) == (str(words) if words else "ValueError: no good")


def test_a_debugger_without_a_terminal_says_what_to_do() -> None:
    """Fault 3.22."""
    from bdb import BdbQuit

    assert "no terminal for breakpoint()" in reasons.of_exception(BdbQuit())


def test_the_environment_of_a_program_is_forgotten_wherever_it_is_held() -> None:
    """Fault 2.5."""
    with pytest.raises(ValueError, match="no picture") as raised:
        chained()

    reasons.forget_environment(raised.value)

    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups and notes came with 3.11")
def test_groups_and_notes_are_told() -> None:
    """Fault 2.4."""
    noted = ValueError("no good")
    noted.add_note("in line 7")  # type: ignore[attr-defined]
    group = ExceptionGroup("many", [noted, KeyError("b")])  # type: ignore[name-defined]  # noqa: F821

    assert reasons.of_exception(noted) == "ValueError: no good in line 7"
    expected = "ExceptionGroup: many (2 sub-exceptions)"
    inner = " ValueError: no good in line 7; KeyError: 'b'"
    assert reasons.of_exception(group) == expected + inner
    with pytest.raises(ExceptionGroup) as raised:  # type: ignore[name-defined]  # noqa: F821
        raise group
    text = "".join(traceback.format_exception(raised.value))
    assert reasons.reason_in(text) == expected


def test_lists_are_sorted_and_say_how_many_more_there_are() -> None:
    """Fault 1.13."""
    assert reasons.listed(list("cab"), 3) == "a, b, c"
    assert reasons.listed(list("hgfedcba"), 5) == "a, b, c, d, e and 3 more"
