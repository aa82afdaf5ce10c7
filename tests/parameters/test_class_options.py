"""The options of a Nectar task: read on Nectar classes alone, and each wrong one named."""

from __future__ import annotations

import luigi
import pytest

from datanectar import NectarTask
from datanectar.catalog.collector import describe_task
from datanectar.errors import ChainError, KeyUndefined
from datanectar.keys import Key
from datanectar.parameters.class_options import check_options, class_option
from datanectar.storage.local import LocalStorage
from datanectar.util.target import NectarTarget

WRONG = {
    "frequency": [440, "fortnight", None, ["day"], b"day"],
    "version": [object(), ["1"], True, float("nan")],
    "output_name": [7, "a/b", "", ".hidden", None, "params.txt", "log", "log.1", "log.27"],
    "output_binary": ["yes", 1, None],
    "schedule": [["0 6 * * *"], "0 25 * * *", 6, "tomorrow"],
    "catch_up": ["some", 1, True],
    "workers": [0, -1, 65, "x", 2.0, True, None],
    "width": [0, 101, 300_000, "wide", 1.5, True, None],
    "run_timeout": ["soon", -1, float("nan"), True, [1]],
    "storage_name": ["tape", 3, ["s3"]],
    "memory": ["2", "much", "2 gb", 0, -1, 2.5, True, "-1 GB", "0 GB", ["2 GB"]],
    "timeout": ["soon", 0, -1, float("inf"), float("nan"), True, (3, 10)],
    "cpu_time": ["soon", 0, -1, float("inf"), float("nan"), True],
    "processes": [0, 3, 1.5, "many", True, 10**7],
    "open_files": [0, 63, 100.0, "many", True, 10**7],
    "nice": [-1, 20, 1.0, "very", True],
    "oom_score_adj": [-1, 1001, 1.0, "high", True],
    "retries": [-1, 101, "x", 2.0, True, None],
    "engine": ["ray", 1, True, ["dask"]],
    "needs": [None, 4, ["gpu"], {"gpu": "one"}, {"gpu": -1}, {"g p u": 1}, {"gpu": True}, {1: 1}],
}
RIGHT = {
    "frequency": ["day", "hour", "once"],
    "version": ["2", 2, 2.5, None],
    "output_name": ["out.csv", "log.txt", "logs", "params.json", "log.1.gz"],
    "output_binary": [True, False],
    "schedule": [None, "0 6 * * *", "0 6 * * * Europe/Berlin"],
    "catch_up": ["none", "latest", "all"],
    "workers": [1, 64],
    "width": [1, 100],
    "run_timeout": [None, 1, 0.5, float("inf")],
    "storage_name": [None, "local", "s3"],
    "memory": [None, "2 GB", "512MiB", "1.5 GB", 10**9],
    "timeout": [None, 1, 0.5],
    "cpu_time": [None, 1, 0.5],
    "processes": [None, 4, 1000],
    "open_files": [None, 64, 1000],
    "nice": [None, 0, 19],
    "oom_score_adj": [None, 0, 1000],
    "retries": [0, 3, 100],
    "needs": [{}, {"cpus": 4, "gpu": 0.5}, {"memory": "16 GB"}],
    "engine": [None, "processes", "dask"],
}


def made(base: type[luigi.Task], **attributes: object) -> type[luigi.Task]:
    return type("ToneTask", (base,), {"__module__": "stray", **attributes})


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_an_option_that_makes_no_sense_is_named_with_its_place(name: str, value: object) -> None:
    """Fault 1.8, 3.15, 2.3: when the chain is described, and when the option is looked for."""
    cls = made(NectarTask, **{name: value})

    with pytest.raises((ChainError, KeyUndefined), match=rf"ToneTask\.{name} is "):
        check_options(cls)
    with pytest.raises((ChainError, KeyUndefined), match=rf"ToneTask\.{name} is "):
        class_option(cls, name, None)
    assert f"ToneTask.{name} is " in str(describe_task(cls).error)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values]
)
def test_options_that_make_sense_are_taken_as_they_are(name: str, value: object) -> None:
    cls = made(NectarTask, **{name: value})

    check_options(cls)
    assert class_option(cls, name, "default") is value


def test_every_wrong_option_is_named_at_once() -> None:
    with pytest.raises(ChainError, match=r"ToneTask\.workers .*ToneTask\.width "):
        check_options(made(NectarTask, workers=0, width=0))


@pytest.mark.parametrize("name", WRONG)
def test_a_plain_task_has_no_options(name: str) -> None:
    """Fault 1.8: its words mean something else."""
    for value in WRONG[name]:
        cls = made(luigi.Task, **{name: value})

        check_options(cls)
        assert class_option(cls, name, "default") == "default"
        assert describe_task(cls).error is None
        assert describe_task(cls).schedule is None


def test_a_wrapper_may_say_how_its_run_goes() -> None:
    """Fault 1.8: it stands for nothing but a run; what it can't mean is left alone."""
    cls = made(luigi.WrapperTask, workers=3, width=640, schedule="0 6 * * *", version="2")

    check_options(cls)
    values = [class_option(cls, n, None) for n in ("workers", "width", "schedule", "version")]
    assert values == [3, None, "0 6 * * *", None]


@pytest.mark.parametrize(
    "value", [property(lambda self: 440), lambda self: 440, luigi.IntParameter(default=440)]
)
@pytest.mark.parametrize("name", WRONG)
def test_an_authors_property_method_or_parameter_is_the_authors(name: str, value: object) -> None:
    """Fault 1.8."""
    cls = made(NectarTask, **{name: value})

    check_options(cls)
    assert class_option(cls, name, "default") == "default"


@pytest.mark.parametrize("name", ["params.txt", "PARAMS.TXT", "log", "Log", "LOG.3", "log."])
def test_no_result_goes_by_the_name_of_a_file_that_is_written_beside_it(
    tmp_path: object, name: str
) -> None:
    """Fault 2.3: nor one whose name means the same file to the store."""
    with pytest.raises((ChainError, KeyUndefined), match="output_name"):
        check_options(made(NectarTask, output_name=name))
    with pytest.raises(ChainError, match="SomeTask can't keep its result as"):
        NectarTarget(LocalStorage(tmp_path), Key("a", "b_chain", "SomeTask", "0" * 32), name)  # type: ignore[arg-type]
