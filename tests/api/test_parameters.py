"""Every kind of Luigi parameter over HTTP: read in every spelling, one key, kept into the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.api.answers import data, refused
from tests.servers.stack import Stack

#: By task: spellings as text, spellings as JSON, and what the run finds.
KINDS: dict[str, tuple[list[str], list[Any], str]] = {
    "DateTask": (["2026-06-03"], ["2026-06-03"], "datetime.date(2026, 6, 3)"),
    "MonthTask": (["2026-06"], ["2026-06"], "datetime.date(2026, 6, 1)"),
    "YearTask": (["2026"], [2026, "2026"], "datetime.date(2026, 1, 1)"),
    "DateHourTask": (["2026-06-03T05"], [], "datetime.datetime(2026, 6, 3, 5, 0)"),
    "DateMinuteTask": (["2026-06-03T0507"], [], "datetime.datetime(2026, 6, 3, 5, 7)"),
    "DateSecondTask": (["2026-06-03T050709"], [], "datetime.datetime(2026, 6, 3, 5, 7, 9)"),
    "DateIntervalTask": (["2026-W23"], ["2026-W23"], "2026-W23"),
    "TimeDeltaTask": (
        ["1 d 2 h", "P1DT2H", "93600", "1 day 2 hours"],
        [93600],
        "datetime.timedelta(days=1, seconds=7200)",
    ),
    "ListTask": (['[1, "two", [3]]', '[1,"two",[3]]'], [[1, "two", [3]]], "(1, 'two', (3,))"),
    "TupleTask": (["[[1, 2], [3, 4]]", "((1,2),(3,4))"], [[[1, 2], [3, 4]]], "((1, 2), (3, 4))"),
    "EnumTask": (["BLUE"], ["BLUE"], "<Colour.BLUE: 2>"),
    "EnumListTask": (["BLUE,RED"], [["BLUE", "RED"]], "(<Colour.BLUE: 2>, <Colour.RED: 1>)"),
    "BoolTask": (["true", "True", "TRUE"], [True, "true"], "True"),
    "ChoiceTask": (["2"], [2, "2"], "2"),
    "ChoiceListTask": (["b,a"], [["b", "a"], "b,a"], "('b', 'a')"),
    "IntTask": (["7", "007", "+7", " 7 "], [7, "7"], "7"),
    "FloatTask": (["1.5", "1.50", "15e-1"], [1.5], "1.5"),
    "NumericalTask": (["5", "05"], [5], "5"),
    "StrTask": (["grün & ☃ = 100%"], ["grün & ☃ = 100%"], "'grün & ☃ = 100%'"),
    "PlainTask": (["../a/./b?c#d\n\t'\"\\"], ["../a/./b?c#d\n\t'\"\\"], None),
    "TaskTask": (
        ["KnownTask"],
        ["KnownTask"],
        "<class 'chains.http.kinds_chain.KnownTask'>",
    ),
    "OptionalTask": (["x"], ["x"], "'x'"),
    "OptionalStrTask": (["x"], ["x"], "'x'"),
    "OptionalIntTask": (["2", "02"], [2], "2"),
    "OptionalFloatTask": (["2.5"], [2.5], "2.5"),
    "OptionalBoolTask": (["false"], [False], "False"),
    "OptionalListTask": (["[2]"], [[2]], "(2,)"),
    "OptionalTupleTask": (["[2, 3]"], [[2, 3]], "(2, 3)"),
    "OptionalChoiceTask": (["b"], ["b"], "'b'"),
    "OptionalNumericalTask": (["2"], [2], "2"),
    "NoneIntTask": (["3"], [3], "3"),
    "NonePlainTask": (["x"], ["x"], "'x'"),
    "NoneDateTask": (["2026-06-03"], ["2026-06-03"], "datetime.date(2026, 6, 3)"),
}
KINDS["PlainTask"] = (*KINDS["PlainTask"][:2], repr(KINDS["PlainTask"][0][0]))

#: By task: which spellings mean None.
NONES: dict[str, tuple[list[dict[str, str]], list[dict[str, Any]]]] = {
    "OptionalTask": ([{"value": ""}], [{"value": None}]),
    "OptionalStrTask": ([{"value": ""}], [{"value": None}]),
    "OptionalIntTask": ([{"value": ""}], [{"value": None}]),
    "OptionalFloatTask": ([{"value": ""}], [{"value": None}]),
    "OptionalBoolTask": ([{"value": ""}], [{"value": None}]),
    "OptionalListTask": ([{"value": ""}], [{"value": None}]),
    "OptionalDictTask": ([{"value": ""}], [{"value": None}]),
    "OptionalTupleTask": ([{"value": ""}], [{"value": None}]),
    "OptionalPathTask": ([{"value": ""}], [{"value": None}]),
    "OptionalChoiceTask": ([{"value": ""}], [{"value": None}]),
    "OptionalNumericalTask": ([{"value": ""}], [{"value": None}]),
    "NoneIntTask": ([{}], [{}, {"value": None}]),
    "NonePlainTask": ([{}], [{}, {"value": None}]),
    "NoneDateTask": ([{}], [{}, {"value": None}]),
    "NoneListTask": ([{}], [{}, {"value": None}]),
}

ONE_ORDER = '{"a": {"d": [1, {"y": 1, "x": 2}], "c": null}, "b": 1.5}'
OTHER_ORDER = '{"b": 1.5, "a": {"c": null, "d": [1, {"x": 2, "y": 1}]}}'


def keys_of(stack: Stack, task: str, texts: list[Any], values: list[Any]) -> set[str]:
    """Ask for the task in every way that there is; return the keys, of which there should be one."""
    path = f"http/kinds_chain/{task}"
    responses = [stack.get(f"/api/chains/{path}/key", params=supplied) for supplied in texts]
    responses += [stack.post(path, params=supplied) for supplied in texts]
    responses += [stack.post(path, data=supplied) for supplied in texts]
    responses += [
        stack.post(path, files={n: (None, v) for n, v in supplied.items()}) for supplied in texts
    ]
    responses += [stack.post(path, json=supplied) for supplied in (*texts, *values)]
    return {data(response)["key"] for response in responses}


def result(stack: Stack, key: str) -> str:
    status = stack.ended(key)
    assert status["job_status"] == "DONE", status
    return stack.file(key).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("task", KINDS)
def test_a_value_has_one_key_in_every_spelling_and_reaches_the_run(stack: Stack, task: str) -> None:
    texts, values, found = KINDS[task]

    keys = keys_of(stack, task, [{"value": t} for t in texts], [{"value": v} for v in values])

    assert len(keys) == 1
    assert result(stack, keys.pop()) == found


@pytest.mark.parametrize("task", NONES)
def test_none_has_one_key_in_every_spelling_and_reaches_the_run(stack: Stack, task: str) -> None:
    keys = keys_of(stack, task, *NONES[task])

    assert len(keys) == 1
    assert result(stack, keys.pop()) == "None"


@pytest.mark.parametrize("task", ["DictTask", "OptionalDictTask", "ListTask"])
def test_equal_objects_have_one_key_whatever_the_order_of_their_names(
    stack: Stack, task: str
) -> None:
    spelled = [ONE_ORDER, OTHER_ORDER]
    if task == "ListTask":
        spelled = [f"[{text}]" for text in spelled]

    keys = keys_of(
        stack,
        task,
        [{"value": text} for text in spelled],
        [{"value": json.loads(text)} for text in spelled],
    )

    assert len(keys) == 1
    assert "{'x': 2, 'y': 1}" in result(stack, keys.pop())


def test_a_default_object_has_the_key_of_the_same_object_given(stack: Stack) -> None:
    supplied = [{}, {"value": '{"b": 1, "a": 2}'}, {"value": '{"a": 2, "b": 1}'}]

    keys = keys_of(stack, "UnsortedDictTask", supplied, [])

    assert len(keys) == 1
    assert stack.ended(keys.pop())["job_status"] == "DONE"


def test_a_path_reaches_the_run_as_a_path(stack: Stack) -> None:
    keys = keys_of(stack, "PathTask", [{"value": "/some/where"}], [{"value": "/some/where"}])

    assert result(stack, keys.pop()) == "PosixPath('/some/where')"


def test_other_values_have_other_keys(stack: Stack) -> None:
    texts = [{"value": text} for text in ('{"a": 1}', '{"a": "1"}', '{"a": [1]}', "{}")]

    keys = [
        data(stack.get("/api/chains/http/kinds_chain/DictTask/key", params=t))["key"] for t in texts
    ]

    assert len(set(keys)) == len(keys)


@pytest.mark.slow
def test_a_key_is_the_same_in_another_process_with_another_hash_seed(stack: Stack) -> None:
    expected = {task: texts[0] for task, (texts, _, _) in KINDS.items()} | {"DictTask": OTHER_ORDER}
    here = {
        task: data(stack.get(f"/api/chains/http/kinds_chain/{task}/key", params={"value": text}))
        for task, text in expected.items()
    }
    program = (
        "import json, sys\n"
        "from datanectar.catalog.collector import APIChainCollector\n"
        "from datanectar.parameters.reading import make_task\n"
        "for name, value in json.load(sys.stdin).items():\n"
        "    cls = APIChainCollector().task_class('http', 'kinds_chain', name)\n"
        "    print(name, make_task(cls, {'value': value}).key)\n"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(expected),
            env={**os.environ, **stack.defaults, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        there = dict(line.split() for line in done.stdout.splitlines())
        assert there == {task: explained["key"] for task, explained in here.items()}


@pytest.mark.parametrize(
    ("task", "value", "problem"),
    [
        ("DateTask", "2026-02-30", "'2026-02-30' is not a date such as 2016-05-17"),
        ("DateTask", "", "'' is not a date"),
        ("DateTask", "03.06.2026", "is not a date"),
        ("DateHourTask", "2026-06-03T25", "is not an hour such as"),
        ("DateIntervalTask", "2026-W99", "is not a period such as"),
        ("IntTask", "seven", "'seven' is not a whole number"),
        ("IntTask", "9" * 6000, "is not a whole number"),
        ("FloatTask", "1,5", "is not a number"),
        ("BoolTask", "yes", "'yes' is not true or false"),
        ("BoolTask", "", "'' is not true or false"),
        ("EnumTask", "GREEN", "is not one of "),
        ("EnumListTask", "RED,GREEN", "is no EnumListParameter"),
        ("ChoiceTask", "9", "is not one of "),
        ("ChoiceListTask", "a,z", "is not some of "),
        ("NumericalTask", "11", "is not a whole number of at least"),
        ("ListTask", "[1, 2", "is not JSON, such as [1, 2]"),
        ("ListTask", '"ab"', "it is no JSON list"),
        ("TupleTask", "5", "it is no JSON list"),
        ("DictTask", "[1]", "it is no JSON object"),
        ("DictTask", '{"a": 1', "is not JSON, such as {"),
        ("DictTask", "[" * 2000, "is no DictParameter"),
        ("TimeDeltaTask", "soon", "is not a length of time"),
        ("TimeDeltaTask", "0.5", "it can only be kept as '0 w 0 d 0 h 0 m 0 s'"),
        ("TaskTask", "NoSuchTask", "is no TaskParameter"),
        ("PlainTask", "a\x00b", "it holds a NUL byte"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(
    stack: Stack, task: str, value: str, problem: str
) -> None:
    path = f"http/kinds_chain/{task}"
    runs_before = stack.get("/api/runs?type=http").json()["data"]["runs"]

    for response in (
        stack.get(f"/api/chains/{path}/key", params={"value": value}),
        stack.post(path, params={"value": value}),
        stack.post(path, data={"value": value}),
        stack.post(path, json={"value": value}),
    ):
        body = refused(response, 400)
        assert problem in body["data"]["fields"]["value"], body
        assert "value" in body["message"]
        assert len(body["message"]) < 1000
    assert stack.get("/api/runs?type=http").json()["data"]["runs"] == runs_before


@pytest.mark.parametrize(
    ("task", "value"),
    [
        ("PlainTask", None),
        ("PlainTask", [1]),
        ("PlainTask", {"a": 1}),
        ("PlainTask", "\ud800"),
        ("IntTask", None),
        ("IntTask", True),
        ("IntTask", 1.5),
        ("DateTask", None),
        ("DateTask", 20260603),
        ("BoolTask", 1),
        ("DictTask", [1]),
        ("ListTask", {"a": 1}),
        ("EnumListTask", [1]),
    ],
)
def test_a_json_value_of_the_wrong_kind_is_refused_by_name(
    stack: Stack, task: str, value: Any
) -> None:
    response = stack.post(f"http/kinds_chain/{task}", data=json.dumps({"value": value}), **JSON)

    assert list(refused(response, 400)["data"]["fields"]) == ["value"]


JSON: dict[str, Any] = {"headers": {"Content-Type": "application/json"}}
