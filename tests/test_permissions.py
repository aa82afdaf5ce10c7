"""What is the owner's alone: modes of what is made, and of what older versions left."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from datanectar.errors import StartupError
from datanectar.permissions import (
    private_database,
    private_file,
    private_folder,
    read_private,
    write_private,
)
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

SECRET = """
import luigi
from luigi.parameter import ParameterVisibility
from datanectar import NectarTask

class FetchTask(NectarTask):
    n = luigi.IntParameter(default=0)
    fail = luigi.BoolParameter(default=False)
    password = luigi.Parameter(
        default="", significant=False, visibility=ParameterVisibility.PRIVATE
    )
    token = luigi.Parameter(default="", significant=False, visibility=ParameterVisibility.HIDDEN)

    def run(self):
        assert not self.fail
        with self.output().open("w") as out:
            out.write("x")
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_for_its_owner_and_nothing_is_said(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "a" / "state") is None
    assert mode(tmp_path / "a" / "state") == 0o700
    assert private_folder(tmp_path / "a" / "state") is None


def test_an_open_folder_is_closed_with_what_it_holds_and_that_is_said(tmp_path: Path) -> None:
    """Faults 4.4, 4.5, 4.10: an older version's state is tightened."""
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    (state / "runs.db").touch()
    (state / "runs.db").chmod(0o666)
    (state / "spool").mkdir(0o755)
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    (state / "link").symlink_to(outside)
    (state / "dangling").symlink_to(tmp_path / "nowhere")

    told = private_folder(state)

    assert told == f"{state} was open to other users; it is yours alone now."
    assert (mode(state), mode(state / "runs.db"), mode(state / "spool")) == (0o700, 0o600, 0o700)
    assert mode(outside) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_anothers_folder_is_warned_of_and_left_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(0o755)
    os.chown(state, 23456, 23456)

    told = private_folder(state)

    assert told is not None
    assert "belongs to another user (uid 23456)" in told
    assert mode(state) == 0o755


def test_a_folder_that_cant_be_made_is_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartupError, match=r"Not a directory.*DATANECTAR_STATE"):
        private_folder(tmp_path / "file" / "state")


def test_files_are_made_closed_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_file(tmp_path / "lock")
        private_database(tmp_path / "runs.db")
    finally:
        os.umask(before)

    assert (mode(tmp_path / "lock"), mode(tmp_path / "runs.db")) == (0o600, 0o600)


def test_a_private_text_is_read_back_while_only_its_owner_can_use_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert read_private(file) is None

    write_private(file, "first")
    write_private(file, "second")

    assert (read_private(file), mode(file)) == ("second", 0o600)
    assert list(tmp_path.iterdir()) == [file]
    file.chmod(0o640)
    assert read_private(file) is None
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_private(tmp_path / "target", "secret")
    assert read_private(tmp_path / "link") is None


def test_all_state_of_an_app_is_its_owners_and_results_follow_the_umask(
    make_stack: Callable[..., Stack],
) -> None:
    """Fault 4.4: neither databases, locks, pipes, luigid's state nor logs can be read by others."""
    stack = make_stack()
    state = stack.project / ".datanectar"
    state.mkdir(0o755)
    stack.start_up()
    stack.chain("sec/secret_chain", SECRET)
    done = stack.run("sec/secret_chain/FetchTask", n="1", password="made-up-secret")

    found = [state, *state.rglob("*")]
    assert {file.name for file in found} >= {"runs.db", "queue.db", "queue.db.wake", "up.lock"}
    assert [file for file in found if mode(file) & 0o077] == []
    result = stack.file(done["key"], "out.txt")
    assert mode(result) == mode(stack.file(done["key"], "log")) == 0o644
    stack.close()
    assert [file for file in state.rglob("*") if mode(file) & 0o077] == []


@pytest.mark.parametrize("fail", ["False", "True"])
def test_private_values_are_gone_from_the_disk_when_the_run_has_ended(
    stack: Stack, fail: str
) -> None:
    """Fault 4.5: neither the store nor what SQLite keeps beside it has them."""
    stack.chain("sec/secret_chain", SECRET)

    stack.run(
        "sec/secret_chain/FetchTask",
        n="2",
        fail=fail,
        password=f"made-up-secret-{fail}",
        token=f"made-up-token-{fail}",
    )

    def is_gone() -> bool:
        files = [file for file in (stack.project / ".datanectar").iterdir() if file.is_file()]
        return not any(b"made-up" in file.read_bytes() for file in files)

    wait_for(is_gone, "the end was written, and then the log of the database was emptied")


def environ_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_only_the_web_is_told_the_tokens(make_stack: Callable[..., Stack]) -> None:
    """Fault 4.7: neither luigid, the fork server nor the worker has them in its environment."""
    import psutil

    stack = make_stack(DATANECTAR_TOKENS="a-token-that-is-long:admin")
    stack.client = type(stack.client)(stack.url, token="a-token-that-is-long")
    process = subprocess.Popen(
        [sys.executable, "-m", "datanectar", "up"],
        env={**stack.environment, "PYTHONUNBUFFERED": "1"},
        cwd=stack.project,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        told = {
            " ".join(child.cmdline()[:4]).strip(): b"a-token-that-is-long" in environ_of(child.pid)
            for child in psutil.Process(process.pid).children(recursive=True)
        }
        knowing = {name for name, knows in told.items() if knows}
        assert knowing == {"datanectar: web", "datanectar: web (master)"}
        assert len(told) >= 4
        # 0: neither its owner's processes nor a debugger may look into it (proc(5)).
        for name in ("web", "worker"):
            (pid,) = {
                child.pid
                for child in psutil.Process(process.pid).children()
                if child.cmdline()[0].startswith(f"datanectar: {name}")
            }
            assert Path(f"/proc/{pid}/environ").stat().st_uid == 0
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="acts as another user of a Linux machine"
)
def test_a_process_of_the_same_user_cant_read_a_closed_ones_environment() -> None:
    """Fault 4.7: tried with two processes of a user who is not root."""
    program = (
        "import os, sys; os.setgroups([]); os.setresgid(*[23456] * 3); os.setresuid(*[23456] * 3);"
        "from datanectar.forkserver.process_control import hide_memory; hide_memory();"
        "print('ready', flush=True); sys.stdin.read()"
    )
    secret = {**os.environ, "DATANECTAR_TOKENS": "a-token-that-is-long"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", program], env=secret, stdin=pipe, stdout=pipe
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for name in ("environ", "mem"):
            looked = subprocess.run(
                ["head", "-c", "1", f"/proc/{process.pid}/{name}"],
                user=23456,
                group=23456,
                extra_groups=[],
                capture_output=True,
            )
            assert looked.returncode != 0
            assert b"Permission denied" in looked.stderr


def test_the_help_advises_against_a_token_among_the_arguments() -> None:
    """Fault 4.11."""
    from datanectar.cli.main import cli

    words = " ".join(CliRunner().invoke(cli, ["run", "--help"]).output.split())

    assert "better given by the variable" in words
