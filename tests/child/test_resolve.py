"""From a request to a key: what a child makes of real chains and their parameters."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from datanectar.errors import BadRequest, ChainError, DatanectarError, KeyUndefined, NotFound
from tests.servers.bench import Bench

KEYS = "luigi/keys_chain"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def key_md5(bench: Bench, task: str, run_time: str = "2016-06-03T23:59:59", **raw: Any) -> str:
    return bench.resolve(f"{KEYS}/{task}", run_time, **raw).key.rpartition("/")[2]


def test_the_golden_key(bench: Bench) -> None:
    bench.stack.chain(
        "testchains/hello_luigiworld_chain",
        "from datanectar import NectarTask\nclass TestS3Task(NectarTask):\n    pass\n",
    )

    resolution = bench.resolve(
        "testchains/hello_luigiworld_chain/TestS3Task", "2016-06-03T09:00:00"
    )

    assert resolution.key == (
        "chains/testchains/hello_luigiworld_chain/TestS3Task/b226f1826734303ca9d39d79f960b367"
    )
    assert resolution.source == "2016-06-03"


def test_frequencies_and_versions(bench: Bench) -> None:
    assert key_md5(bench, "TestS3Task") == md5("2016-06-03")
    assert key_md5(bench, "HourlyTask") == md5("2016-06-03 23")
    assert key_md5(bench, "OnceTask") == md5("{}")
    assert key_md5(bench, "VersionedTask") == md5('{"name": "x", "version": "2"}')
    assert key_md5(bench, "VersionedDailyTask") == md5('{"date": "2016-06-03", "version": "2"}')


def test_every_kind_of_parameter_is_keyed_by_luigis_text_of_it(bench: Bench) -> None:
    resolution = bench.resolve(f"{KEYS}/ManyKindsTask")

    params = json.loads(resolution.source)
    assert md5(json.dumps(params, sort_keys=True)) == resolution.key.rpartition("/")[2]
    assert params["day"] == "2020-01-02"
    assert params["interval"] == "2020-W02"
    assert params["colour"] == "GREEN"
    assert params["text"] == "ünï∂ 漢字 😀"
    assert "hidden" not in params
    assert "hidden" in resolution.params


def test_a_key_is_the_same_in_every_process(bench: Bench) -> None:
    keys = {bench.resolve(f"{KEYS}/ManyKindsTask").key for _ in range(5)}

    assert len(keys) == 1


def test_what_was_resolved_makes_the_same_task_in_the_run(bench: Bench) -> None:
    raw = {"day": "2021-02-03", "mapping": {"z": 1, "a": [True, None]}, "maybe": "", "number": 4}

    ran = bench.run(f"{KEYS}/ManyKindsTask", **raw)

    assert bench.file(ran.key).read_text() == ran.key


def test_equal_objects_have_equal_keys_whatever_their_order(bench: Bench) -> None:
    one = key_md5(bench, "ManyKindsTask", mapping={"a": 1, "b": {"c": 2, "d": 3}})
    other = key_md5(bench, "ManyKindsTask", mapping={"b": {"d": 3, "c": 2}, "a": 1})

    assert one == other


def test_insignificant_parameters_change_no_key(bench: Bench) -> None:
    assert key_md5(bench, "ManyKindsTask", hidden="x") == key_md5(bench, "ManyKindsTask")


def test_an_authors_version_is_a_parameter(bench: Bench) -> None:
    resolution = bench.resolve(f"{KEYS}/OwnNamesTask", version=8, key="yours")

    assert json.loads(resolution.source) == {"key": "yours", "version": "8", "width": "300"}
    assert (resolution.width, resolution.run_timeout, resolution.output) == (1, None, "out.txt")
    assert resolution.storage == "local"


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ("AddressTask", KeyUndefined, "'thing' has no stable text"),
        ("BareTask", KeyUndefined, "'number' serialises to int"),
        ("OddFrequencyTask", KeyUndefined, "'day', 'hour' or 'once'"),
        ("NoSuchTask", NotFound, "has no task 'NoSuchTask'"),
    ],
)
def test_a_key_that_cant_be_computed_is_an_error(
    bench: Bench, task: str, error: type[DatanectarError], words: str
) -> None:
    with pytest.raises(error, match=words):
        bench.resolve(f"{KEYS}/{task}")


def test_a_parameter_that_cant_be_read_is_named(bench: Bench) -> None:
    with pytest.raises(BadRequest) as problem:
        bench.resolve(f"{KEYS}/ManyKindsTask", day="tomorrow", colour="BLUE", nothing="x")

    assert sorted(problem.value.fields) == ["colour", "day", "nothing"]


OPTIONS = {"run_timeout = 'soon'": "run_timeout is 'soon'", "width = 'wide'": "wide"}


@pytest.mark.parametrize(("line", "words"), OPTIONS.items(), ids=OPTIONS)
def test_an_option_that_makes_no_sense_is_the_chains_error(
    bench: Bench, line: str, words: str
) -> None:
    source = f"from datanectar import NectarTask\nclass OptionTask(NectarTask):\n    {line}\n"
    bench.stack.chain("made/option_chain", source)

    with pytest.raises(ChainError, match=words):
        bench.resolve("made/option_chain/OptionTask")


def test_an_endless_time_limit_is_none(bench: Bench) -> None:
    source = "from datanectar import NectarTask\nclass LongTask(NectarTask):\n"
    bench.stack.chain("made/endless_chain", source + "    run_timeout = float('inf')\n")

    assert bench.resolve("made/endless_chain/LongTask").run_timeout is None
