"""``datanectar chains``, as a real process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from tests.cli.command_line import command
from tests.servers.stack import Stack


def test_chains_lists_tasks_parameters_and_errors(stack: Stack) -> None:
    stack.chain("fresh/brackets_chain", 'raise ValueError("[bold] [/nothing]")')

    done = command(stack, "chains", COLUMNS="20")

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    offer = next(line for line in lines if "offers_chain/OfferTask" in line)
    assert len(offer.split("\t")) == 3
    assert "=(private)" in offer
    assert "needed=?" in offer
    assert "day=2026-06-03" in offer
    assert "Offers one of each." in offer
    assert "hunter" not in done.stdout
    assert any("ValueError: the weather is bad" in line for line in lines)
    assert any("ValueError: [bold] [/nothing]" in line for line in lines)


def test_chains_of_a_type_are_those_alone(stack: Stack) -> None:
    done = command(stack, "chains", "basic")

    assert done.returncode == 0, done.stderr
    assert {line.split("/")[0] for line in done.stdout.splitlines()} == {"basic"}
    assert "no chain of type 'bsic'" in command(stack, "chains", "bsic").stderr


def test_a_terminal_gets_no_control_characters_of_others(stack: Stack) -> None:
    """Fault 4.12: what a chain prints can't steer the terminal; colours are let through."""
    stack.chain(
        "fresh/loud_chain",
        "import luigi\n\n\nclass LoudTask(luigi.Task):\n"
        '    __doc__ = "a\\x1b]0;title\\x07b\\u202ec\\x9b2Jd\\x1b[31mred\\x1b[0m"\n',
    )
    parent, child = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "datanectar", "chains", "fresh"],
        env={**stack.environment, "DATANECTAR_URL": stack.url},
        stdout=child,
        stderr=child,
    )
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(parent, 4096):
            shown += piece
    os.close(parent)

    assert process.wait(30) == 0
    assert rb"a\x1b]0;title\x07b\u202ec\x9b2Jd" in shown
    assert b"\x1b[31mred\x1b[0m" in shown
