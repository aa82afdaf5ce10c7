"""``datanectar chains``, as a real process."""

from __future__ import annotations

import re

from tests.cli.command_line import command
from tests.cli.terminals import at_a_terminal
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

    code, shown = at_a_terminal(stack, "chains", "fresh")

    assert code == 0
    assert r"a\x1b]0;title\x07b\u202ec\x9b2Jd" in shown
    assert "\x1b[2;31mred\x1b[0m" in shown
    assert "\x1b[3" not in at_a_terminal(stack, "chains", "fresh", NO_COLOR="1")[1]


def test_a_terminal_gets_a_tree_with_what_is_broken_and_where(stack: Stack) -> None:
    stack.chain("tree/torn_chain", "import luigi\nimport no_such_module\n")
    stack.chain("tree/whole_chain", "import luigi\n\n\nclass WholeTask(luigi.Task):\n    pass\n")

    code, shown = at_a_terminal(stack, "chains", "tree", NO_COLOR="1")

    assert code == 0
    assert re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines() == [
        "tree",
        "├── torn_chain",
        "│   └── ModuleNotFoundError: No module named 'no_such_module' (torn_chain.py, line 2)",
        "└── whole_chain",
        "    └── WholeTask",
    ]
