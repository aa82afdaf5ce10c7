"""Parameters from the request into the run: the author's defaults as they are, one key for equals."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

from datanectar.errors import BadRequest, KeyUndefined, PayloadTooLarge
from datanectar.parameters import value_json as carried
from datanectar.statuses import DONE
from tests.servers.bench import Bench, Ran

CHAIN = "luigi/values_chain"
UNTYPED = (
    "{'wipe': False, 'rows': 3, 'names': ('a', 'b'), 'maybe': None, "
    "'day': datetime.date(2020, 1, 2), 'half': 2.5}"
)


def result(bench: Bench, ran: Ran) -> str:
    assert ran.outcome is not None
    assert ran.outcome.status == DONE, ran.outcome
    return bench.file(ran.key).read_text()


def test_what_is_not_given_is_the_authors_default_as_it_is(bench: Bench) -> None:
    """fault 1.1, fault 1.2"""
    assert result(bench, bench.run(f"{CHAIN}/UntypedTask")) == UNTYPED


def test_a_text_that_spells_a_default_is_a_text_and_has_another_key(bench: Bench) -> None:
    """fault 1.2"""
    default = bench.resolve(f"{CHAIN}/UntypedTask")
    texts = {"wipe": "False", "rows": "3", "maybe": "None", "day": "2020-01-02"}

    given = {name: bench.run(f"{CHAIN}/UntypedTask", **{name: texts[name]}) for name in texts}

    assert len({default.key, *(ran.key for ran in given.values())}) == 5
    for name, ran in given.items():
        assert f"{name!r}: {texts[name]!r}" in result(bench, ran)


@pytest.mark.parametrize(
    ("task", "spellings", "source", "written"),
    [
        ("PriceTask", [{}, {"rate": "1"}, {"rate": 1.0}], {"rate": "1.0"}, "{'rate': 1}"),
        (
            "LevelTask",
            [{}, {"level": "1", "count": 5}, {"count": "5"}],
            {"count": "5", "level": "1.0"},
            "{'level': 1, 'count': 5.0}",
        ),
    ],
)
def test_a_default_has_the_key_of_the_equal_value_given(
    bench: Bench, task: str, spellings: list[dict[str, object]], source: object, written: str
) -> None:
    """fault 1.3"""
    sources = [json.loads(bench.resolve(f"{CHAIN}/{task}", **raw).source) for raw in spellings]

    assert sources == [source] * len(spellings)
    assert result(bench, bench.run(f"{CHAIN}/{task}")) == written


def test_a_required_task_has_the_key_of_the_one_that_is_asked_for(bench: Bench) -> None:
    """fault 1.3"""
    ran = bench.run(f"{CHAIN}/BillTask")

    assert result(bench, ran) == "{'n': 0}"
    keys = {report.key for report in ran.reports}
    assert bench.resolve(f"{CHAIN}/PriceTask", rate="2").key in keys
    untyped = bench.resolve(f"{CHAIN}/UntypedTask").key
    assert untyped in keys
    assert bench.file(untyped).read_text() == UNTYPED
    assert bench.resolve(f"{CHAIN}/NumberTask", number="5").key not in keys


@pytest.mark.parametrize("task", ["DynamicTask", "DynamicOnTwoTask"])
def test_what_a_task_needs_as_it_runs_has_the_values_it_was_asked_for_with(
    bench: Bench, task: str
) -> None:
    """fault 1.2"""
    ran = bench.run(f"{CHAIN}/{task}")

    number = bench.settings.local_targets / result(bench, ran)
    assert number.read_text() == "{'number': 6}"


def test_a_default_that_changes_is_what_it_was_when_the_run_was_accepted(bench: Bench) -> None:
    """fault 1.2"""
    resolution = bench.resolve(f"{CHAIN}/MomentTask")

    ran = bench.finish(bench.begin_resolved(f"{CHAIN}/MomentTask", resolution))

    found = result(bench, ran)
    assert repr(resolution.params["label"]) in found
    assert f"'plain': {carried.from_text(resolution.params['=plain'])!r}" in found
    assert "{'a': 1.5}, None, 'x')" in found
    assert resolution.given == []


def test_a_run_of_before_has_all_its_parameters_given(bench: Bench) -> None:
    resolution = structs.replace(bench.resolve(f"{CHAIN}/PriceTask", rate="7"), given=None)

    ran = bench.finish(bench.begin_resolved(f"{CHAIN}/PriceTask", resolution))

    assert result(bench, ran) == "{'rate': 7.0}"


def test_a_default_that_cant_be_carried_is_refused_unless_the_parameter_is_given(
    bench: Bench,
) -> None:
    """fault 1.2, fault 3.13"""
    for task, name in {"ThingTask": "thing", "HalfALetterTask": "name"}.items():
        with pytest.raises(KeyUndefined, match=f"'{name}' has"):
            bench.resolve(f"{CHAIN}/{task}")

        assert result(bench, bench.run(f"{CHAIN}/{task}", **{name: "x"})) == repr({name: "x"})


def test_long_parameters_are_refused_by_name(bench: Bench) -> None:
    """fault 3.17"""
    with pytest.raises(PayloadTooLarge, match="number") as problem:
        bench.resolve(f"{CHAIN}/NumberTask", number="x" * (64 * 1024 + 1))
    assert list(problem.value.fields) == ["number"]
    assert bench.resolve(f"{CHAIN}/NumberTask", number="x" * 64 * 1024)
    with pytest.raises(PayloadTooLarge, match="number"):
        bench.resolve(f"{CHAIN}/NumberTask", number="ä" * 40_000)
    with pytest.raises(PayloadTooLarge, match="together"):
        bench.resolve(f"{CHAIN}/NumberTask", **{f"p{n}": "x" * 60_000 for n in range(5)})


def test_a_json_value_that_is_the_default_is_the_default(bench: Bench) -> None:
    """fault 1.2"""
    default = bench.resolve(f"{CHAIN}/UntypedTask")

    given = {"wipe": False, "rows": 3, "maybe": None}
    assert bench.resolve(f"{CHAIN}/UntypedTask", **given).key == default.key
    with pytest.raises(BadRequest, match="BoolParameter"):
        bench.resolve(f"{CHAIN}/UntypedTask", wipe=True)


def test_a_default_of_none_has_the_key_that_it_has_always_had(bench: Bench) -> None:
    """fault 1.2: the formula of docs/chains.md, and another key for the text "None"."""
    source = json.loads(bench.resolve(f"{CHAIN}/UntypedTask").source)
    typed = json.loads(bench.resolve(f"{CHAIN}/UntypedTask", maybe="None").source)

    assert source["maybe"] == "None"
    assert typed == {**source, "maybe": ["str", "None"]}


def test_a_plain_task_has_an_object_in_the_order_that_it_was_given_in(bench: Bench) -> None:
    """fault 1.12: Luigi's task id, and so files named after it, depend on the order."""
    orders = [{"b": 1, "a": [2]}, {"a": [2], "b": 1}]

    plain, nectar = (
        [bench.resolve(f"{place}Task", words=words) for words in orders]
        for place in ("luigi/values_chain/PlainWords", "luigi/values_chain/Words")
    )

    assert plain[0].params["words"] == '{"b": 1, "a": [2]}'
    assert plain[1].params["words"] == nectar[0].params["words"] == '{"a": [2], "b": 1}'
    assert len({one.task_id for one in plain}) == 2
    for one, other in (plain, nectar):
        assert one.key == other.key
