"""Luigi's documented examples, in our words: the service does with them what Luigi itself does.

Each case runs in two projects, by Luigi's own command and by POSTs to one stack. Verdict, tasks that
ran (by their ids, each as often) and files have to be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.luigi_examples.compare import FAILED, Case, by_luigi, by_service, lay_out
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow

#: Luigi retries a failed task after these have passed by; the service has them of its own.
PATIENT = (
    "--scheduler-retry-delay=0",
    "--scheduler-prune-on-get-work",
    "--worker-keep-alive",
    "--worker-wait-interval=0.05",
    "--worker-wait-jitter=0",
)
WORDS = {"words_chain/2026-01-01.txt": "a b a", "words_chain/2026-01-02.txt": "b a"}
DAYS = {"start": "2026-01-01", "stop": "2026-01-04"}
KINDS = {
    "text_": "  Ünï ",
    "number": "-7",
    "share": "2",
    "flag": "true",
    "day": "2026-05-06",
    "hour": "2026-05-06T07",
    "minute": "2026-05-06T0708",
    "month": "2026-05",
    "year": "2026",
    "period": "2026-W20",
    "span": "2 days 3h",
    "items": '[2, "b", [1.5, null]]',
    "pairs": "((5, 6), (7, 8))",
    "words": '{"a": [], "z": {"y": 1}}',
    "colour": "BLUE",
    "colours": "BLUE,RED",
    "choice": "two",
    "level": "8",
    "maybe": "z",
    "hidden": "g",
}

CASES = [
    Case("hello", "HelloTask", runs=2, times=2),
    Case("hello", "QuietTask", runs=0),
    Case("foo", "FooTask", runs=10, times=2),
    Case("complex", "GraphTask", runs=19),
    Case("dynamic", "DynamicTask", runs=8, times=2),
    Case("words", "CountTask", 1, {"interval": "2026-01-01-2026-01-03"}, files=WORDS),
    Case("words", "CountTask", 0, {"interval": "2026-01-01-2026-01-04"}, FAILED, files=WORDS),
    Case("range", "SpanTask", 6, DAYS, times=2),
    Case("range", "SpanTask", 0, {"start": "2026-01-01", "stop": "2026-01-01"}),
    Case("range", "HoursTask", 3, {"start": "2026-01-01T22", "stop": "2026-01-02T01"}),
    Case("range", "MonthsTask", 2),
    Case("range", "EveryDayTask", 3, {"of": "DailyTask", **DAYS}),
    Case("config", "SendTask", 1, times=2),
    Case("config", "SendTask", 1, {"colour": "red"}),
    Case("config", "SellTask", 1, family="shop.SellTask"),
    Case("config", "AllTask", 2),
    Case("retry", "PatientTask", 5, options=PATIENT),
    Case("retry", "BothTask", 5, verdict=FAILED, options=PATIENT),
    # luigid remembers the failures of the run before, which are no concern of the next.
    Case("retry", "TwiceTask", 4, times=2, options=PATIENT),
    Case("always", "AlwaysTask", 2, times=2),
    Case("always", "NotifyTask", 4, times=2),
    Case("always", "BundleTask", 1),
    Case("always", "AfterTask", 2, verdict=FAILED),
    Case("requires", "LastTask", 3, {"day": "2026-01-01", "level": "4"}, times=2),
    Case("batch", "LoadAllTask", 1),
    Case("batch", "MailAllTask", 1),
    Case("task_parameter", "PaintTask", 2),
    Case("task_parameter", "PaintTask", 2, {"colour": "BlueTask"}),
    Case("failing", "JoinTask", 3, verdict=FAILED, times=2),
    Case("failing", "BrokenRequiresTask", 0, verdict=FAILED),
    Case("failing", "BrokenCompleteTask", 0, verdict=FAILED),
    Case("outputs", "NestedTask", 3, times=2),
    Case("artists", "TopArtistsTask", 9, {"period": "2026-W20"}, times=2),
    Case("program", "CopyTask", 1, {"text": "good day"}),
    Case("program", "StopTask", 1, verdict=FAILED),
    Case("program", "LoudTask", 2, times=2),
    Case("program", "PythonTask", 1),
    Case("defaults", "SweepTask", 1, times=2),
    Case("defaults", "SweepTask", 1, {"wipe": "False", "rate": "2"}),
    Case("defaults", "BelowTask", 2),
    Case("defaults", "KindsTask", 1),
    Case("defaults", "KindsTask", 1, KINDS),
    Case("once", "LoadTask", 1, times=2),
    Case("events", "FineTask", 1),
    Case("events", "SilentTask", 1),
    Case("events", "FailTask", 1, verdict=FAILED),
    Case("formats", "ReadTask", 2),
    Case("pool", "SumTask", 1),
    Case("borrow", "TakeTask", 3),
    Case("priority", "StepsTask", 5),
    Case("options", "BothTask", 2),
    Case("memory", "SayTask", 2),
    Case("table", "DumpTask", 2, times=2),
    Case("resources", "FilmTask", 3),
    Case("resources", "GreedyTask", 0, verdict=FAILED),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for Luigi's own command."""
    project = tmp_path_factory.mktemp("plain")
    lay_out(project)
    return project


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started stack over another project with the same files."""
    stack = Stack(tmp_path_factory.mktemp("service"))
    lay_out(stack.project)
    try:
        yield stack.start()
    finally:
        stack.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_service_does_what_luigi_does(case: Case, plain: Path, examples: Stack) -> None:
    luigi = by_luigi(plain, case)
    assert (luigi.verdicts, len(luigi.ran)) == ([case.verdict] * case.times, case.runs), luigi

    assert by_service(examples, case, luigi) == luigi
