"""The base classes, used as in a chain: results whole or not at all, text, bytes, any library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import luigi
import pytest
from luigi.util import inherits

from datanectar import NectarTask, settings
from datanectar.errors import KeyUndefined, NotFound
from tests.util.chains import imported

CHAIN = """
import luigi
from datanectar import NectarLocalTask, NectarS3Task, NectarTask


class TextTask(NectarTask):
    name = luigi.Parameter(default="x")

    def run(self):
        with self.output().open("w") as out:
            out.write(self.name)


class BytesTask(NectarTask):
    output_name = "out.parquet"
    output_binary = True
    name = luigi.Parameter(default="x")


class LocalTask(NectarLocalTask):
    pass


class RemoteTask(NectarS3Task):
    pass


class NoParamsTask(NectarTask):
    pass
"""


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A chain's module, imported into this process as a developer at a prompt would."""
    with imported(CHAIN, "made_chain", tmp_path, monkeypatch) as module:
        yield module


def files(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "local_targets").rglob("*") if path.is_file()]


def test_a_result_lies_under_the_key_of_its_task(chain: ModuleType, tmp_path: Path) -> None:
    task = chain.TextTask(name="y")
    assert not task.complete()

    task.run()

    assert task.complete()
    assert str(task.key).startswith("chains/etl/made_chain/TextTask/")
    assert (tmp_path / "local_targets" / str(task.key) / "out.txt").read_text() == "y"
    assert task.output().path == str(tmp_path / "local_targets" / str(task.key) / "out.txt")
    assert str(task.output()) == task.output().path


def test_an_exception_while_writing_leaves_nothing(chain: ModuleType, tmp_path: Path) -> None:
    target = chain.TextTask().output()

    with pytest.raises(ZeroDivisionError), target.open("w") as out:
        out.write("half")
        1 / 0  # noqa: B018

    assert not target.exists()
    assert files(tmp_path) == []


def test_nothing_is_there_before_the_file_is_closed(chain: ModuleType) -> None:
    target = chain.TextTask().output()

    out = target.open("w")
    out.write("whole")
    out.flush()
    assert not target.exists()
    out.close()

    with target.open() as stream:
        assert stream.read() == "whole"


def test_modes_name_text_and_bytes(chain: ModuleType) -> None:
    text, binary = chain.TextTask().output(), chain.BytesTask().output()

    with binary.open("w") as out:
        out.write(b"\x00\xff")
    with text.open("wb") as out:
        out.write("ünï\r\n".encode())

    with binary.open() as stream:
        assert stream.read() == b"\x00\xff"
    with text.open("r") as stream:
        assert stream.read() == "ünï\r\n"
    with text.open("rb") as stream:
        assert stream.read() == "ünï\r\n".encode()
    with text.open("wt") as out:
        out.write("again")
    with text.open("rt") as stream:
        assert stream.read() == "again"
    assert binary.path.endswith("/out.parquet")


@pytest.mark.parametrize("mode", ["a", "r+", "w+", "x", "", "rbb", "U"])
def test_other_modes_are_refused_in_words(chain: ModuleType, mode: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        chain.TextTask().output().open(mode)


def test_a_library_may_write_a_file_by_itself(chain: ModuleType) -> None:
    target = chain.BytesTask().output()

    with target.temporary_path() as path:
        Path(path).write_bytes(b"made by a library")
        assert Path(path).name == "out.parquet"
        assert not target.exists()

    with target.open() as stream:
        assert stream.read() == b"made by a library"
    assert not Path(path).parent.exists()


def test_a_temporary_path_left_by_an_exception_or_unused_leaves_nothing(
    chain: ModuleType, tmp_path: Path
) -> None:
    target = chain.BytesTask().output()

    with pytest.raises(ZeroDivisionError), target.temporary_path() as path:
        Path(path).write_bytes(b"half")
        1 / 0  # noqa: B018
    assert not Path(path).parent.exists()

    with pytest.raises(OSError, match=r"out\.parquet"), target.temporary_path() as path:
        pass
    assert not Path(path).parent.exists()
    assert files(tmp_path) == []


def test_a_result_can_be_removed_to_be_made_again(chain: ModuleType) -> None:
    task = chain.TextTask()
    task.run()

    task.output().remove()

    assert not task.complete()
    with pytest.raises(NotFound):
        task.output().open()


def test_the_store_is_the_one_that_the_class_or_env_names(
    chain: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chain.TextTask().output().storage.store_address == "local"
    assert chain.RemoteTask().output().storage.store_address == "s3://local.datanectar"

    monkeypatch.setenv("ENV", "qa")
    settings.current.cache_clear()

    assert chain.TextTask().output().storage.store_address == "s3://qa.datanectar"
    assert chain.TextTask().output().path.startswith("s3://qa.datanectar/chains/etl/made_chain/")
    assert chain.LocalTask().output().storage.store_address == "local"


def test_a_class_outside_of_a_chain_has_no_key(chain: ModuleType) -> None:
    class StrayTask(chain.TextTask):  # type: ignore[name-defined,misc]
        task_namespace = "stray"

    with pytest.raises(KeyUndefined, match="must be defined in chains/<type>/"):
        _ = StrayTask().key


def test_a_chain_runs_by_luigis_own_command_and_makes_the_same_key(
    chain: ModuleType, tmp_path: Path
) -> None:
    key = chain.NoParamsTask().key
    command = [sys.executable, "-m", "luigi", "--module", "chains.etl.made_chain"]

    result = subprocess.run(
        [*command, "TextTask", "--name", "cli", "--local-scheduler"],
        cwd=tmp_path / "code",
        env={"PYTHONPATH": ".", "PATH": "/usr/bin:/bin", "DATANECTAR_PROJECT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "local_targets" / str(chain.TextTask(name="cli").key) / "out.txt").exists()
    assert str(key).endswith("/b226f1826734303ca9d39d79f960b367")


def test_parameters_are_those_that_luigi_finds_also_when_some_are_added_later() -> None:
    class FirstTask(NectarTask):
        zeal = luigi.Parameter(default="z")
        age = luigi.IntParameter(default=1)

    class SecondTask(FirstTask):
        more = luigi.Parameter(default="m")

    def luigis(cls: type[luigi.Task]) -> list[object]:
        return luigi.Task.get_params.__func__(cls)  # type: ignore[attr-defined, no-any-return]

    assert [name for name, _ in FirstTask.get_params()] == ["zeal", "age"]
    FirstTask.get_params().clear()  # what is given out is the caller's
    assert FirstTask.get_params() == luigis(FirstTask)
    assert SecondTask.get_params() == luigis(SecondTask)

    class OtherTask(NectarTask):
        late = luigi.Parameter(default="l")

    inherits(OtherTask)(FirstTask)

    assert [name for name, _ in FirstTask.get_params()] == ["zeal", "age", "late"]
    assert SecondTask.get_params() == luigis(SecondTask)
    assert SecondTask().late == "l"  # type: ignore[attr-defined]
