"""What a person at a terminal sees of runs: tables, colours, a bar while a run goes on."""

from __future__ import annotations

import re

from tests.cli.command_line import command
from tests.cli.terminals import at_a_terminal
from tests.servers.stack import Stack

GREET = "basic/plain_chain/GreetTask"
CHAIN = """
import luigi
from datanectar import NectarTask

class PartTask(NectarTask):
    def run(self):
        print("loud \\x1b]0;title\\x07 part")
        with self.output().open("w") as out:
            out.write("x")

class WholeTask(NectarTask):
    def requires(self):
        return PartTask()
    def run(self):
        print("\\x1b[2Jwhole")
        raise ValueError("torn \\x1b[2J")
"""


def test_a_run_at_a_terminal_has_a_bar_that_goes_when_it_ends(stack: Stack) -> None:
    code, shown = at_a_terminal(stack, "run", GREET, "name=bar")

    assert code == 0, shown
    lines = shown.splitlines()
    assert "greeting bar" in shown
    assert "\x1b[?25l" in shown and "\x1b[?25h" in shown  # the cursor is hidden and comes back
    assert "━" in shown
    *_, state, page, address = lines
    assert (state.rpartition("\x1b[2K")[2], page[:7]) == ("DONE", "  run: ")
    assert address.startswith(f"{stack.url}/api/targets/") or "/api/targets/" in address


def test_what_others_wrote_is_spelt_out_in_every_command(stack: Stack) -> None:
    stack.chain("loud/loud_chain", CHAIN)

    code, shown = at_a_terminal(stack, "run", "loud/loud_chain/WholeTask")

    assert code == 1
    run = re.findall(r"datanectar logs (\w+)", shown)[-1]
    texts = [shown]
    for words in (["show", run], ["logs", run], ["logs", run, "--task", "PartTask"], ["runs"],
                  ["graph", run], ["status", run]):  # fmt: skip
        texts.append(at_a_terminal(stack, *words)[1])
    assert r"\x1b[2Jwhole" in "".join(texts)
    for text in texts:
        assert "\x1b]0;" not in text
        assert "\x1b[2J" not in text


def test_a_terminal_gets_a_table_and_a_pipe_gets_tabs(stack: Stack) -> None:
    stack.run(GREET, name="table")

    code, shown = at_a_terminal(stack, "runs", "--param", "name=table")

    assert code == 0
    header, row = shown.splitlines()
    assert re.sub("\x1b\\[[0-9;]*m", "", header).split() == [
        "run", "status", "accepted", "task", "parameters",
    ]  # fmt: skip
    assert "\x1b[32mDONE" in row
    plain = at_a_terminal(stack, "runs", "--param", "name=table", NO_COLOR="1")[1]
    assert "\x1b[3" not in plain and "DONE" in plain
    (line,) = command(stack, "runs", "--param", "name=table").stdout.splitlines()
    assert line.split("\t")[1:] == ["DONE", line.split("\t")[2], GREET, "name=table"]
