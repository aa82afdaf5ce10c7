"""What a class declares that its tasks need."""

from __future__ import annotations

from types import ModuleType

import luigi
import pytest

from datanectar import NectarTask
from datanectar.authoring.needs import Needs, needs_of
from datanectar.errors import ChainError


def made(base: type[luigi.Task] = NectarTask, **attributes: object) -> type[luigi.Task]:
    return type("NeedyTask", (base,), {"__module__": "stray", **attributes})


def test_a_class_that_declares_nothing_needs_nothing() -> None:
    assert needs_of(made()) == needs_of(made(luigi.Task, memory=7, timeout="x")) == Needs()


def test_all_that_a_class_declares_is_read() -> None:
    cls = made(memory="1.5 GB", timeout=60, retries=2, needs={"cpus": 4, "gpu": 1})

    assert needs_of(cls) == Needs(1_500_000_000, 60, 2, {"cpus": 4, "gpu": 1})


@pytest.mark.parametrize(
    ("text", "size"), [("1 B", 1), ("2kB", 2000), ("1 KiB", 1024), ("3GiB", 3 * 2**30), (512, 512)]
)
def test_an_amount_of_memory_is_read_in_its_unit(text: object, size: int) -> None:
    assert needs_of(made(memory=text)).memory == size


def test_an_amount_without_a_unit_is_refused_with_what_it_can_be() -> None:
    with pytest.raises(ChainError, match="such as '2 GB' or '512 MiB'"):
        needs_of(made(memory="2"))


def test_luigi_is_told_in_its_own_words(chain: ModuleType) -> None:
    class Patient(chain.SumTask):  # type: ignore[misc,name-defined]
        timeout = 5
        retries = 2

    class Own(Patient):
        worker_timeout = 7
        retry_count = 1

    task, own, plain = Patient(n=1), Own(n=1), chain.SumTask(n=1)
    assert (task.worker_timeout, task.retry_count) == (5, 3)
    assert (own.worker_timeout, own.retry_count) == (7, 1)
    assert (plain.worker_timeout, plain.retry_count) == (None, None)
