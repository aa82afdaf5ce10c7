"""Messages between processes: what is encoded comes back equal, and nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from datanectar.messages import (
    ChainDescription,
    DescribeJob,
    DescribeManyJob,
    LogsUploaded,
    Outcome,
    ParameterDescription,
    Refusal,
    Resolution,
    ResolveJob,
    RunJob,
    SchedulerReport,
    TaskDescription,
    TaskReport,
    UploadLogsJob,
    decode,
    encode,
)
from datanectar.statuses import DONE, FAILED

KEY = f"chains/etl/a_chain/ATask/{'0' * 32}"
CHAIN = ChainDescription(
    "etl",
    "a_chain",
    "/somewhere",
    doc="ünï",
    tasks=[
        TaskDescription(
            "ATask", "does", [ParameterDescription("p", "IntParameter", False, "1", choices=["1"])]
        )
    ],
    sources=[("/somewhere", 1_700_000_000_000_000_000, 5)],
)
RESOLUTION = Resolution(
    KEY, "id", {"a": "1"}, {}, ["a"], "{}", "2016-06-03", "local", None, run_timeout=1
)
RECORDS: list[Any] = [
    CHAIN,
    DescribeJob("etl", "a_chain"),
    DescribeManyJob([("etl", "a_chain"), ("etl", "b_chain")]),
    ResolveJob("etl", "a_chain", "ATask", {"x": [1, {"y": None}]}, "2016-06-03T12:00:00"),
    RESOLUTION,
    RunJob("r", 1, "etl", "a_chain", "ATask", {"a": "\x00😀"}, "2016-06-03", "k", "/spool"),
    UploadLogsJob("/spool"),
    LogsUploaded(3),
    TaskReport("id", requires=["a", "b"], started=1.5, progress=40, error="line\nline"),
    SchedulerReport(False),
    Outcome(FAILED, "why", "Traceback", KEY),
    Outcome(DONE),
    Refusal("BadRequest", "no", {"x": "unknown"}),
    Refusal("BadRequest", "half \ud800 and \x00"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_equal_on_one_line(record: Any) -> None:
    line = encode(record)

    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode(line) == record


@given(st.text(), st.one_of(st.none(), st.text()), st.lists(st.text()))
def test_any_text_survives_the_way(task_id: str, error: str | None, requires: list[str]) -> None:
    report = TaskReport(task_id, error=error, requires=requires)

    assert decode(encode(report)) == report


NO_RECORDS = [
    b"",
    b"\n",
    b"junk",
    b"\xff\xfe\x00",
    b"5",
    b"null",
    b"[]",
    b"{}",
    b'["TaskReport"]',
    b'["Nothing", {}]',
    b'["Settings", {}]',
    b'["Run", {}]',
    b'[["TaskReport"], {"task_id": "x"}]',
    b'["TaskReport", {}]',
    b'["TaskReport", []]',
    b'["TaskReport", {"task_id": ["x"]}]',
    b'["TaskReport", {"task_id": "x", "unknown": 1}]',
    b'["TaskReport", {"task_id": "x", "requires": "abc"}]',
    b'["TaskReport", {"task_id": "x", "requires": [1]}]',
    b'["TaskReport", {"task_id": "x", "started": "soon"}]',
    b'["TaskReport", {"task_id": "x", "progress": 1e400}]',
    b'["Outcome", {"status": {"a": 1}}]',
    b'["Outcome", {"status": null}]',
    b'["SchedulerReport", {"reachable": "yes"}]',
    b'["Refusal", {"error": "X", "message": "m", "fields": {"a": {}}}]',
    b'["ChainDescription", {"type": "t", "name": "n", "path": "p", "tasks": [5]}]',
    b'["ChainDescription", {"type": "t", "name": "n", "path": "p", "sources": [["a", 1]]}]',
    # fault 3.14: numbers, keys and statuses that a store, a clock or a page can't hold
    b'["TaskReport", {"task_id": "x", "progress": 101}]',
    b'["TaskReport", {"task_id": "x", "progress": -1}]',
    b'["TaskReport", {"task_id": "x", "progress": 100000000000000000000}]',
    b'["TaskReport", {"task_id": "x", "progress": true}]',
    b'["TaskReport", {"task_id": "x", "started": true}]',
    b'["TaskReport", {"task_id": "x", "started": -1}]',
    b'["TaskReport", {"task_id": "x", "finished": 1e12}]',
    b'["TaskReport", {"task_id": "x", "finished": NaN}]',
    b'["TaskReport", {"task_id": "x", "finished": 1' + b"0" * 400 + b"}]",
    b'["TaskReport", {"task_id": "x", "log_number": 0}]',
    b'["TaskReport", {"task_id": "x", "log_number": 2147483648}]',
    b'["TaskReport", {"task_id": "x", "status": "SPLENDID"}]',
    b'["TaskReport", {"task_id": "x", "key": "chains/etl/a_chain/ATask/0"}]',
    b'["TaskReport", {"task_id": "x", "key": "/%s/"}]' % KEY.encode(),
    b'["TaskReport", {"task_id": "x", "storage": "Else Where"}]',
    b'["TaskReport", {"task_id": "x", "storage": ""}]',
    b'["TaskReport", {"task_id": "x", "storage": "s3://"}]',
    b'["TaskReport", {"task_id": "x", "storage": "s3://.."}]',
    b'["TaskReport", {"task_id": "x", "storage": "s3://a/b"}]',
    b'["TaskReport", {"task_id": "x", "storage": "folder://.hidden"}]',
    b'["TaskReport", {"task_id": "x", "storage": "ssssssssssssssssssssssssssssssssssssssss"}]',
    b'["TaskReport", {"task_id": "x", "output": "../out.txt"}]',
    b'["TaskReport", {"task_id": "' + b"x" * 2001 + b'"}]',
    b'["TaskReport", {"task_id": "x", "requires": [' + b'"y",' * 100_000 + b'"y"]}]',
    b'["TaskReport", {"task_id": "x", "key": "%s\\n"}]' % KEY.encode(),
    b'["TaskReport", {"task_id": "x", "output": "out.txt "}]',
    b'["TaskReport", {"task_id": "x", "storage": "s3://b/../c"}]',
    b'["ChainDescription", {"type": "t", "name": "n", "path": "p", "left_out": [{"name": 1}]}]',
    b'["ChainDescription", {"type": "t", "name": "n", "path": "p", "sources": [["a", true, 1]]}]',
    b'["Outcome", {"status": "CANCELLED"}]',
    b'["Outcome", {"status": "DONE", "failed_key": "../../etc"}]',
    b'["LogsUploaded", {"count": 9223372036854775808}]',
    b'["LogsUploaded", {"count": true}]',
    *(
        b'["Resolution", %s]' % json.dumps(structs.asdict(RESOLUTION) | {"width": width}).encode()
        for width in (0, -1, 1001, 10**20)
    ),
    b"[" * 100_000,
    b'["TaskReport", {"task_id": ' + b"9" * 10_000 + b"}]",
]


@pytest.mark.parametrize("line", NO_RECORDS, ids=range(len(NO_RECORDS)))
def test_what_is_no_record_is_a_value_error_and_nothing_worse(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a record") as problem:
        decode(line)
    assert len(str(problem.value)) < 1000


def test_a_text_that_is_too_long_loses_its_middle_and_nothing_else() -> None:
    """Fault 3.14: an end that is told at length is told."""
    end = Outcome(FAILED, "why", "first" + "x" * 1_000_000 + "last", KEY)

    read = decode(encode(end))

    assert (read.status, read.error, read.failed_key) == (FAILED, "why", KEY)
    assert read.traceback.startswith("first") and read.traceback.endswith("last")
    assert len(read.traceback) <= 32_000


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@given(st.sampled_from(RECORDS), st.data())
def test_a_record_with_one_field_wrong_is_refused_or_of_the_right_types(
    record: Any, data: st.DataObject
) -> None:
    content = msgspec.to_builtins(record)
    name = data.draw(st.sampled_from(sorted(content)))
    content[name] = data.draw(json_values)
    line = json.dumps([type(record).__name__, content]).encode()

    try:
        decoded = decode(line)
    except ValueError:
        return
    assert isinstance(getattr(decoded, "task_id", ""), str)
    assert isinstance(getattr(decoded, "requires", []), list | None)
    assert decode(encode(decoded)) == decoded
