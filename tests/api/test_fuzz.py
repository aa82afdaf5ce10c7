"""The app keeps to its own description, whatever it is asked: 500 requests that Schemathesis made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import app, fuzz


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("with_tokens", [False, True])
def test_answers_are_as_described_whatever_is_asked(tmp_path: Path, with_tokens: bool) -> None:
    """Fault 4.15."""
    stack = app(tmp_path, with_tokens=with_tokens)
    try:
        made, found = fuzz(stack, 250)
    finally:
        stack.close()

    assert not found, found
    assert made >= 250
