"""What is left out of an import, and that it can be had afterwards."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from datanectar.optional_imports import left_out, load_later, other_drivers
from tests.servers.stack import Stack


def test_a_module_is_missing_in_the_block_and_there_after_it(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        (tmp_path / "optional_driver.py").write_text("")
        (tmp_path / "careful_library.py").write_text(
            "try:\n    import optional_driver\nexcept ImportError:\n    optional_driver = None\n"
        )

        with left_out("optional_driver"):
            library = importlib.import_module("careful_library")

        assert library.optional_driver is None
        assert importlib.import_module("optional_driver")
        for name in ("careful_library", "optional_driver"):
            del sys.modules[name]


def test_a_module_that_is_imported_already_stays() -> None:
    with left_out("json", "no_such_module"):
        assert importlib.import_module("json") is sys.modules["json"]

    assert "no_such_module" not in sys.modules


@pytest.mark.parametrize(
    "use",
    [
        "late_library.answer == 42",
        "getattr(__import__('late_library', fromlist=['answer']), 'answer') == 42",
        "importlib.import_module('late_library.part').number == 1",
        "importlib.util.find_spec('late_library').origin.endswith('__init__.py')",
    ],
)
def test_a_module_is_loaded_when_it_is_used(use: str, tmp_path: Path) -> None:
    package = tmp_path / "late_library"
    package.mkdir()
    (package / "__init__.py").write_text("print('loaded')\nanswer = 42\n")
    (package / "part.py").write_text("number = 1\n")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as said:
        patch.syspath_prepend(tmp_path)
        load_later("late_library")
        held = importlib.import_module("late_library")
        assert said.getvalue() == ""

        assert eval(use, {"late_library": held, "importlib": importlib})

        assert held.answer == importlib.import_module("late_library").answer == 42
        assert said.getvalue() == "loaded\n"
        for name in [name for name in sys.modules if name.startswith("late_library")]:
            del sys.modules[name]


def test_what_is_not_installed_stays_missing() -> None:
    load_later("no_such_module")

    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module")


def test_a_parameter_with_a_schema_is_checked_though_jsonschema_is_loaded_late() -> None:
    code = (
        "import datanectar.child.preload, sys, luigi\n"
        "assert 'jsonschema.validators' not in sys.modules\n"
        "parameter = luigi.DictParameter(schema={'type': 'object', 'required': ['a']})\n"
        "print(parameter.normalize({'a': 1}))\n"
        "parameter.normalize({})\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "{'a': 1}" in done.stdout
    assert "ValidationError: 'a' is a required property" in done.stderr


@pytest.mark.parametrize(
    ("url", "others"),
    [
        ("sqlite:///queue.db", ["redis", "psycopg"]),
        ("redis://localhost", ["psycopg"]),
        ("rediss://localhost", ["psycopg"]),
        ("postgresql://localhost/queue", ["redis"]),
        ("postgresql+psycopg://localhost/queue", ["redis"]),
    ],
)
def test_a_queues_own_driver_is_not_left_out(url: str, others: list[str]) -> None:
    assert other_drivers(url) == others


@pytest.mark.slow
@pytest.mark.parametrize("part", ["web", "worker"])
def test_no_driver_of_a_queue_that_is_not_used_is_loaded(stack: Stack, part: str) -> None:
    parent = psutil.Process(stack.processes[part].pid)
    family = [p for p in parent.children() if p.cmdline()[:1] == [f"datanectar: {part}"]] or [
        parent
    ]

    (files,) = ({m.path for m in process.memory_maps()} for process in family)

    assert any("_sqlite3" in file for file in files)
    assert not [file for file in files if "psycopg" in file]


def test_luigi_does_without_what_a_chain_may_import(stack: Stack) -> None:
    stack.chain(
        "made/calls_chain",
        "import sys\n"
        "before = sorted({'asyncio', 'requests', 'tornado'} & sys.modules.keys())\n"
        "import asyncio, requests, tornado.ioloop\n"
        "from datanectar import NectarTask\n"
        "class CallsTask(NectarTask):\n"
        "    def run(self):\n"
        "        with self.output().open('w') as out:\n"
        "            out.write(f'{before} {requests.__version__ > str()}')\n",
    )

    status = stack.run("made/calls_chain/CallsTask")

    assert stack.file(str(status["key"])).read_text() == "[] True"
