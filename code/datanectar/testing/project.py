"""A temporary project: where the results of a test go, and how its tasks are run."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import luigi
import pytest
from luigi.task import flatten

from datanectar import settings
from datanectar.authoring import frames
from datanectar.child.isolation import instances_restored
from datanectar.keys import RUN_TIME_VARIABLE, is_service_file, run_time_text, set_run_time
from datanectar.notebook.run import Result, run_at
from datanectar.storage.registry import LOCAL, S3, default_name, storage_named
from datanectar.util.completeness import GOOD_FOR, INDEX
from datanectar.util.target import FolderTarget, NectarTarget

#: Variables of the developer's that a test must not see.
_NOT_SEEN = ("AWS_", "DATANECTAR_")
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class Project:
    """The results of one test, and its run date.

    Attributes:
        folder: a temporary folder; local results are in ``local_targets`` below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set_run_date(self, moment: datetime.date | str) -> None:
        """Set the date that the keys of tasks without parameters are made of; runs keep it.

        Args:
            moment: a date, which means noon; a datetime; or either as ISO text. Without a zone it is
                local time. What a chain itself asks the clock does not change.
        """
        if isinstance(moment, str):
            moment = datetime.datetime.fromisoformat(
                f"{moment}T12:00" if len(moment) == 10 else moment
            )
        if not isinstance(moment, datetime.datetime):
            moment = datetime.datetime.combine(moment, datetime.time(12))
        set_run_time(run_time_text(moment if moment.tzinfo else moment.astimezone()))

    def fake_result(self, task: luigi.Task, content: Any) -> None:
        """Write a task's result without running it.

        Args:
            task: a task whose outputs can be written.
            content: text and bytes are written as they are, a DataFrame in the format of the file's
                suffix, anything else as JSON. For a folder: contents by path. For a task with
                several outputs: contents in the same shape as its ``output()``.
        """
        _write_all(task, task.output(), content)

    def run_task(
        self, task: luigi.Task, upstream: Mapping[luigi.Task, Any] | None = None
    ) -> Result:
        """Run a task alone; the results of what it requires are faked or there.

        Args:
            task: the task.
            upstream: results of required tasks, see :meth:`fake_result`.

        Raises:
            datanectar.RunFailed: when it failed.
            AssertionError: when something that it requires is not there.
        """
        __tracebackhide__ = True
        for each, content in (upstream or {}).items():
            self.fake_result(each, content)
        missing = [each for each in flatten(task.requires()) if not each.complete()]
        if missing:
            pytest.fail(
                f"{task!r} requires what is not there: {', '.join(map(repr, missing))}. "
                "Give run_task() a result for each, or use run_chain()."
            )
        return self.run_chain(task)

    def run_chain(self, task: luigi.Task) -> Result:
        """Run a task and all that it requires, one after another in this process.

        Raises:
            datanectar.RunFailed: when a task failed.
        """
        return run_at(os.environ[RUN_TIME_VARIABLE], task, worker_processes=1)

    def results(self) -> list[str]:
        """Return the names of all local files of results: ``chains/<type>/.../<md5>/out.txt``."""
        root = settings.current().local_targets
        names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        return sorted(name for name in names if not _is_ours(name))


@contextlib.contextmanager
def temporary_project(folder: Path, store: str) -> Iterator[Project]:
    """Give the block a project with its results in a folder, or in a bucket of moto's; undo all of it.

    Args:
        folder: where local results go; it need not be there.
        store: ``local`` or ``s3``.
    """
    if store not in (LOCAL, S3):
        raise ValueError(f"nectar_store is {store!r}; it can be {LOCAL!r} or {S3!r}.")
    with contextlib.ExitStack() as stack:
        environ = stack.enter_context(_environ_restored())
        project_folder = settings.current().project
        for name in [name for name in environ if name.startswith(_NOT_SEEN)]:
            del environ[name]
        environ.update(
            DATANECTAR_PROJECT=str(project_folder),  # its chains and its settings file
            DATANECTAR_LOCAL_TARGETS=str(folder / "local_targets"),
            DATANECTAR_STATE=str(folder / "state"),
            DATANECTAR_RETRY_DELAY="0",
        )
        environ.update(_in_s3() if store == S3 else {"ENV": LOCAL})
        if store == S3:
            stack.enter_context(_moto())
        settings.current.cache_clear()
        INDEX.clear(0.0)
        set_run_time(run_time_text())
        storage_named(default_name(settings.current())).prepare()
        stack.enter_context(instances_restored())
        yield Project(folder)


@contextlib.contextmanager
def _environ_restored() -> Iterator[Any]:
    before = dict(os.environ)
    settings.current.cache_clear()
    try:
        yield os.environ
    finally:
        os.environ.clear()
        os.environ.update(before)
        time.tzset()  # a run date of another zone has set TZ
        settings.current.cache_clear()
        INDEX.clear(GOOD_FOR)


def _in_s3() -> dict[str, str]:
    return {**_CREDENTIALS, "ENV": "test", "PROJECT_BUCKET": f"nectar-{uuid.uuid4().hex[:12]}"}


def _moto() -> Any:
    try:
        from moto import mock_aws
    except ImportError as missing:
        raise ImportError("nectar_store 's3' needs moto: pip install 'moto[s3]'") from missing
    return mock_aws()


def _write_all(task: luigi.Task, output: Any, content: Any) -> None:
    if isinstance(output, luigi.Target):
        _write(output, content)
        return
    outputs = output if isinstance(output, Mapping) else dict(enumerate(output))
    contents = content if isinstance(content, Mapping) else dict(enumerate(content))
    assert outputs.keys() == contents.keys(), (
        f"{task!r} has the outputs {', '.join(map(str, outputs))}: give fake_result() one content each."
    )
    for name, target in outputs.items():
        _write_all(task, target, contents[name])


def _write(target: Any, content: Any) -> None:
    if isinstance(target, FolderTarget):
        with target.temporary_path() as folder:
            for path, each in content.items():
                Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                _write_file(Path(folder, path), each)
    elif isinstance(target, NectarTarget):
        with target.temporary_path() as path:
            _write_file(Path(path), content)
    elif isinstance(target, luigi.LocalTarget):
        target.makedirs()
        _write_file(Path(target.path), content)
    else:
        with target.open("w") as stream:
            stream.write(_bytes(content).decode())


def _write_file(path: Path, content: Any) -> None:
    if frames.library_of(content):
        frames.write(content, path.suffix.lower(), str(path))
    else:
        path.write_bytes(_bytes(content))


def _bytes(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def _is_ours(name: str) -> bool:
    return is_service_file(name.rpartition("/")[2])
