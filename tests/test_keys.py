"""Identity: the key of a task, and what is taken for one."""

from __future__ import annotations

import hashlib
import json
import os
import string
import time
from datetime import datetime
from pathlib import Path

import luigi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datanectar import keys
from datanectar.errors import BadRequest, KeyUndefined
from datanectar.keys import Key, digest, digest_source, parse_key, parse_target

MD5 = "b226f1826734303ca9d39d79f960b367"
GOLDEN = f"chains/testchains/hello_luigiworld_chain/TestS3Task/{MD5}"
NOON = datetime(2016, 6, 3, 12)


def source(
    params: dict[str, str] | None = None,
    frequency: str = "day",
    version: str | None = None,
    moment: datetime = NOON,
) -> str:
    return digest_source(params or {}, frequency=frequency, version=version, run_time=moment)


def test_the_golden_key_is_the_md5_of_the_run_date() -> None:
    key = Key("testchains", "hello_luigiworld_chain", "TestS3Task", digest(source()))

    assert str(key) == GOLDEN


def test_a_task_with_parameters_is_keyed_by_the_md5_of_their_sorted_json() -> None:
    params = {"b": "ünï", "a": "1"}

    expected = hashlib.md5(json.dumps(params, sort_keys=True).encode()).hexdigest()

    assert digest(source(params)) == expected
    assert digest(source({"a": "1", "b": "ünï"}, moment=datetime(2020, 1, 1))) == expected


def test_the_frequency_names_what_a_task_without_parameters_is_made_anew_for() -> None:
    assert source(frequency="day") == "2016-06-03"
    assert source(frequency="hour") == "2016-06-03 12"
    assert source(frequency="once") == "{}"


def test_a_frequency_that_nobody_knows_is_an_error_and_no_coarser_key() -> None:
    with pytest.raises(KeyUndefined, match="'day', 'hour' or 'once'"):
        source(frequency="fortnight")


def test_a_version_is_part_of_the_hashed_json() -> None:
    assert json.loads(source({"a": "1"}, version="2")) == {"a": "1", "version": "2"}
    assert json.loads(source(version="2")) == {"date": "2016-06-03", "version": "2"}
    assert json.loads(source(frequency="once", version="2")) == {"version": "2"}


@pytest.mark.parametrize(
    "text",
    [
        "<object object at 0x7f1e>",
        "[1, <__main__.Thing object at 0x7F00AA>]",
        "<function <lambda> at 0x7f12>",
        "<Thing\nof two lines at 0x7f12>",
        "not at 0x1>, but <here at 0x2>",
    ],
)
def test_a_value_whose_text_is_a_memory_address_has_no_key(text: str) -> None:
    with pytest.raises(KeyUndefined, match="'thing' has no stable text"):
        source({"thing": text})


@pytest.mark.parametrize(
    "text", ["meet at 0x7f", "meet at 0x7f>", "<b>at 0x12</b>", "a < b at 0x1", "0x7f1e"]
)
def test_a_value_that_only_resembles_an_address_has_a_key(text: str) -> None:
    assert json.loads(source({"thing": text})) == {"thing": text}


def test_a_long_text_is_searched_for_addresses_in_no_time() -> None:
    text = "< at 0x" * 100_000
    began = time.process_time()

    source({"thing": text})

    assert time.process_time() - began < 2


def test_a_value_that_is_no_text_has_no_key() -> None:
    with pytest.raises(KeyUndefined, match="'n' serialises to int"):
        source({"n": 5})  # type: ignore[dict-item]


def test_the_run_time_is_the_environments_and_fixed_at_the_first_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(keys.RUN_TIME_VARIABLE, "2016-06-03T23:59:59")
    assert keys.run_time() == datetime(2016, 6, 3, 23, 59, 59)

    monkeypatch.delenv(keys.RUN_TIME_VARIABLE)
    first = keys.run_time()
    assert os.environ[keys.RUN_TIME_VARIABLE] == first.isoformat()
    assert keys.run_time() == first


def test_a_key_reads_back_as_it_is_spelled() -> None:
    assert str(parse_key(GOLDEN)) == GOLDEN
    assert str(parse_key(f"/{GOLDEN}/")) == GOLDEN
    assert parse_target(f"{GOLDEN}/out.txt") == (parse_key(GOLDEN), "out.txt")
    assert parse_target(GOLDEN) == (parse_key(GOLDEN), None)
    assert parse_target(f"{GOLDEN}/") == (parse_key(GOLDEN), None)


ATTACKS = [
    "",
    "/",
    "chains",
    "chains////",
    f"chains/../../etc/{MD5}",
    f"chains/a/b/../{MD5}",
    f"chains/a/b/C/{MD5[:-1]}",
    f"chains/a/b/C/{MD5}0",
    f"chains/a/b/C/{MD5.upper()}",
    f"chains/a/b/C/{MD5}\n",
    f"chains/a\n/b/C/{MD5}",
    f"chains/a\x00/b/C/{MD5}",
    f"chains/a/b/C%2f/{MD5}",
    f"chains/a/b/ﬀ/{MD5}",
    f"chains/a/b/Ｃ/{MD5}",
    f"chains/a/b/1C/{MD5}",
    f"chains/a/b/{'C' * 201}/{MD5}",
    f"Chains/a/b/C/{MD5}",
    f"other/a/b/C/{MD5}",
    f"chains/a/b/C/{'٣' * 32}",
    f"x/chains/a/b/C/{MD5}",
    f" chains/a/b/C/{MD5}",
    "chains/" * 100_000,
]


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_whatever_else_is_refused_in_few_words(text: str) -> None:
    for parse in (parse_key, parse_target):
        with pytest.raises(BadRequest, match="is not a") as problem:
            parse(text)
        assert len(problem.value.message) < 1200


FILE_ATTACKS = [
    "..",
    ".hidden",
    "a/b",
    "../log",
    "",
    "a\x00",
    "a\n",
    "-rf",
    "x" * 129,
    "漢" * 67,
    " a",
    "a ",
    "a\u0308",
    "a\u202etxt.exe",
    "a\u2028b",
    "a\u00a0b",
    "a\ud800",
    "a;b",
    "a#b",
    "log?x",
    "..\\log",
    "%2e%2e",
]


@pytest.mark.parametrize("name", FILE_ATTACKS)
def test_no_name_leads_out_of_a_keys_folder(name: str) -> None:
    with pytest.raises(BadRequest, match="file name"):
        parse_key(GOLDEN).file(name)
    if name and name != "a/b":
        with pytest.raises(BadRequest):
            parse_target(f"{GOLDEN}/{name}")


@pytest.mark.parametrize(
    "name", ["out.txt", "Größe 2.csv", "日本語.parquet", "हिन्दी.txt", "_x-y.tar.gz", "log.12", "ä"]
)
def test_a_file_may_have_a_name_of_any_language(name: str) -> None:
    """fault 3.22: an output_name with a blank or a letter beyond ASCII"""
    assert parse_target(parse_key(GOLDEN).file(name)) == (parse_key(GOLDEN), name)


names = st.from_regex(keys.NAME, fullmatch=True).filter(lambda name: not name.endswith("\n"))
md5s = st.text("0123456789abcdef", min_size=32, max_size=32)
made_keys = st.builds(Key, names, names, names, md5s)
PIECES = ["chains", "..", ".", "a", "B", MD5, "out.txt", "\x00", "\n", "ä", "%2e", "\\"]
near_misses = st.lists(st.sampled_from(PIECES), max_size=8).map("/".join)


@given(made_keys)
def test_every_key_survives_being_spelled_and_parsed(key: Key) -> None:
    assert parse_key(str(key)) == key
    assert parse_target(key.file("log")) == (key, "log")


@given(st.one_of(st.text(max_size=300), near_misses))
def test_what_is_parsed_as_a_key_stays_below_its_root(text: str) -> None:
    try:
        key, name = parse_target(text)
    except BadRequest:
        return
    root = Path("/root")
    path = Path(os.path.normpath(root / (key.file(name) if name else str(key))))
    assert path.parts[:3] == ("/", "root", "chains")
    assert len(path.parts) == (8 if name else 7)
    assert set(str(key)) <= set(string.ascii_letters + string.digits + "_/")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), min_size=1, max_size=4))
def test_the_formula_is_luigis_parameters_as_sorted_json(params: dict[str, str]) -> None:
    try:
        text = source(params)
    except KeyUndefined:
        assert any(" at 0x" in value for value in params.values())
        return
    assert text == json.dumps(params, sort_keys=True)
    assert json.loads(text) == params


def test_the_formula_holds_for_a_luigi_task() -> None:
    class SomeTask(luigi.Task):
        task_namespace = "test_keys"
        day = luigi.DateParameter()
        number = luigi.IntParameter(default=3)
        hidden = luigi.Parameter(default="h", significant=False)

    task = SomeTask.from_str_params({"day": "2020-02-29"})

    text = source(task.to_str_params(only_significant=True))

    assert text == '{"day": "2020-02-29", "number": "3"}'
