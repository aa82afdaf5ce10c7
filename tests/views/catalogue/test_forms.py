"""Which widget a parameter gets, and what a sent form means."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from werkzeug.datastructures import MultiDict

from datanectar.messages import ParameterDescription
from datanectar.views.catalogue.forms import Field, fields, sent_values
from tests.servers.stack import Stack


def parameter(type: str = "Parameter", **more: Any) -> ParameterDescription:
    return ParameterDescription(name="p", type=type, **{"required": False, **more})


def field(item: ParameterDescription, **typed: str) -> Field:
    return fields([item], typed)[0]


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("DateParameter", "date"),
        ("MonthParameter", "month"),
        ("IntParameter", "number"),
        ("FloatParameter", "number"),
        ("BoolParameter", "checkbox"),
        ("ListParameter", "textarea"),
        ("DictParameter", "textarea"),
        ("DateHourParameter", "datetime-local"),
        ("Parameter", "text"),
        ("AuthorsOwnParameter", "text"),
    ],
)
def test_each_type_has_its_widget(type: str, kind: str) -> None:
    assert field(parameter(type)).kind == kind
    if type != "BoolParameter":
        assert field(parameter(f"Optional{type}", optional=True)).kind == kind


@pytest.mark.parametrize(
    ("type", "default", "shown", "step"),
    [
        ("DateHourParameter", "2026-06-03T14", "2026-06-03T14:00", "3600"),
        ("DateMinuteParameter", "2026-06-03T1405", "2026-06-03T14:05", "60"),
        ("DateSecondParameter", "2026-06-03T140507", "2026-06-03T14:05:07", "1"),
    ],
)
def test_a_time_is_chosen_as_finely_as_its_type(
    type: str, default: str, shown: str, step: str
) -> None:
    item = parameter(type, default=default)
    assert (field(item).kind, field(item).value, field(item).step) == (
        "datetime-local",
        shown,
        step,
    )
    assert field(item, p=shown).value == shown  # as it comes back from the form
    assert field(item, p="soon").kind == "text"


def test_several_choices_are_boxes_to_check() -> None:
    item = parameter("ChoiceListParameter", choices=["a", "b", "c"], default="a,b")
    assert (field(item).kind, field(item).choices) == ("several", ("a", "b", "c"))
    assert field(item).chosen == ["a", "b"]
    assert sent(item, "", "b", "c") == {"p": "b,c"}
    assert sent(item, "b") == {"p": "b"}
    for typed in ("a,z", "b,a"):  # boxes have one order, and a list's is part of its value
        assert field(item, p=typed).kind == "text"


def test_lists_and_objects_are_edited_by_their_items() -> None:
    assert field(parameter("ListParameter")).json == "list"
    assert field(parameter("TupleParameter")).json == "list"
    assert field(parameter("DictParameter")).json == "dict"
    assert field(parameter("Parameter"), p="a\nb").json is None


def test_an_optional_bool_has_three_choices() -> None:
    item = parameter("OptionalBoolParameter", optional=True)
    assert field(item).choices == ("", "True", "False")


def test_a_choice_without_a_default_begins_with_none_chosen() -> None:
    item = parameter("ChoiceParameter", choices=["a", "b"], required=True)
    assert field(item).choices == ("", "a", "b")
    assert field(parameter("ChoiceParameter", choices=["a"], default="a")).choices == ("a",)


def test_whole_numbers_step_by_one_and_others_freely() -> None:
    assert field(parameter("IntParameter")).step == "1"
    assert field(parameter("FloatParameter")).step == "any"


def test_what_a_widget_can_not_show_is_kept_in_a_text_field() -> None:
    assert field(parameter("IntParameter"), p="lots") == field(parameter("IntParameter"), p="lots")
    kept = field(parameter("IntParameter"), p="lots")
    assert (kept.kind, kept.value) == ("text", "lots")
    assert field(parameter("DateParameter"), p="today").kind == "text"
    assert field(parameter("FloatParameter"), p="-1.5e3").kind == "number"
    assert field(parameter("Parameter"), p="a\nb").kind == "textarea"


def test_a_private_value_is_never_sent_back_to_the_page() -> None:
    shown = field(parameter(private=True), p="hunter2")
    assert (shown.kind, shown.value) == ("password", "")


def sent(item: ParameterDescription, *texts: str) -> dict[str, Any]:
    return sent_values([item], MultiDict([("p", text) for text in texts]))


def test_a_checkbox_counts_by_its_last_value() -> None:
    item = parameter("BoolParameter", default="True")
    assert sent(item, "false") == {"p": "false"}
    assert sent(item, "false", "true") == {"p": "true"}


def test_what_is_left_empty_is_left_to_the_default() -> None:
    assert sent(parameter("IntParameter", default="3"), "") == {}
    assert sent(parameter(required=True), "") == {}
    assert sent(parameter(private=True, default=None), "") == {}
    assert sent(parameter(default=None), "") == {}


def test_an_emptied_text_is_an_empty_text() -> None:
    assert sent(parameter(default="x"), "") == {"p": ""}
    optional = parameter("OptionalIntParameter", default="3", optional=True)
    assert sent(optional, "") == {"p": ""}


def test_line_ends_are_as_they_were_typed() -> None:
    assert sent(parameter(), "a\r\nb") == {"p": "a\nb"}


def test_every_kind_of_parameter_has_a_form_that_can_be_sent_as_it_is(web: Stack) -> None:
    chain = web.get("/api/chains/http/kinds_chain").json()["data"]
    assert len(chain["tasks"]) > 30
    for task in chain["tasks"]:
        page = f"{web.url}/chains/http/kinds_chain/{task['name']}"
        assert requests.get(page, timeout=20).status_code == 200
        if not task["parameters"]:
            continue
        item = task["parameters"][0]
        if not item["required"]:
            response = requests.post(
                f"{page}/key", data={"value": item["default"] or ""}, timeout=20
            )
            assert response.status_code == 200, (task["name"], response.text)
            assert "From defaults" in response.text or item["default"] is not None


def test_a_default_that_is_no_text_is_kept_by_leaving_its_field_alone() -> None:
    """fault 1.2"""
    false = parameter(default="False", default_readable=False)

    assert field(false).value == "False"
    assert sent_values([false], MultiDict({"p": "False"})) == {}
    assert sent_values([false], MultiDict({"p": "True"})) == {"p": "True"}
    assert sent_values([parameter(default="x")], MultiDict({"p": "x"})) == {"p": "x"}


@pytest.mark.parametrize("type", ["Parameter", "IntParameter", "DateParameter"])
def test_a_parameter_that_is_none_unless_given_is_optional_and_none_when_left_empty(
    type: str,
) -> None:
    """fault 3.22: an optional parameter's None"""
    none = parameter(type, optional=True)

    assert field(none).value == ""
    assert sent_values([none], MultiDict({"p": ""})) == {}
    assert sent_values([parameter()], MultiDict({"p": "None"})) == {"p": "None"}
