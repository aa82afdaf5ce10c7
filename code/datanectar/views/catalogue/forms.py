"""Forms for a task's parameters: the widget of each, and what a sent form means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from datanectar.messages import ParameterDescription
from datanectar.parameters.types import ParameterType, label, plain_name, type_named

#: What an HTML input of a type can show. Any other text is kept in a plain one.
_SHOWABLE = {
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
    "month": re.compile(r"\d{4}-\d\d\Z"),
    "number": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE),
    "datetime-local": re.compile(r"\d{4}-\d\d-\d\dT\d\d(:\d\d){1,2}\Z"),
}
#: Luigi's texts of an hour, a minute and a second (2026-06-03T14, T1430, T143000).
_LUIGI_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)(\d\d)?(\d\d)?\Z")


@dataclass(frozen=True)
class Field:
    """One parameter in a form.

    ``type`` is the parameter's type in words; ``kind`` is select, several (boxes to check), checkbox,
    textarea, or the ``type`` of an HTML input. ``json``: a text area's JSON is a list or an object.
    """

    parameter: ParameterDescription
    type: str
    kind: str
    value: str
    step: str | None = None
    hint: str | None = None
    choices: tuple[str, ...] = ()
    error: str | None = None
    json: str | None = None

    @property
    def chosen(self) -> list[str]:
        """The choices of ``several`` that are checked."""
        return self.value.split(",")


def fields(
    parameters: list[ParameterDescription],
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[Field]:
    """Return the fields of a form.

    Args:
        parameters: the task's.
        typed: values by name that replace the defaults.
        errors: what is wrong, by name.
    """
    return [_field(item, typed or {}, (errors or {}).get(item.name)) for item in parameters]


def _field(item: ParameterDescription, typed: Mapping[str, str], error: str | None) -> Field:
    name = plain_name(item)
    type = type_named(name)
    value = "" if item.private else typed.get(item.name, item.default or "")
    if type.input == "datetime-local":
        value = _LUIGI_TIME.sub(_as_in_html, value)
    kind, choices = _widget(item, type, value)
    step = type.step if kind == type.input else None
    json_types: dict[object, str] = {list: "list", dict: "dict"}
    json = json_types.get(type.json_type) if kind == "textarea" else None
    return Field(
        item,
        label(name),
        kind,
        value,
        step,
        type.hint,
        choices,
        error,
        json if kind == "textarea" else None,
    )


def _as_in_html(time: re.Match[str]) -> str:
    """Return one of Luigi's times as a ``datetime-local`` input has it."""
    hour, minute, second = time.groups()
    return f"{hour}:{minute or '00'}{f':{second}' if second else ''}"


def _widget(
    item: ParameterDescription, type: ParameterType, value: str
) -> tuple[str, tuple[str, ...]]:
    """Return a field's kind and choices."""
    if item.private:
        return "password", ()
    if type.input == "checkbox":
        return ("select", ("", "True", "False")) if item.optional else ("checkbox", ())
    if item.choices is not None and type.several:
        chosen = value.split(",") if value else []
        in_order = [choice for choice in item.choices if choice in chosen] == chosen
        return ("several", tuple(item.choices)) if in_order else ("text", ())
    if item.choices is not None:
        return "select", _options(item, item.choices, value)
    if "\n" in value:
        return "textarea", ()
    shown = _SHOWABLE.get(type.input)
    return "text" if shown and value and not shown.match(value) else type.input, ()


def _options(item: ParameterDescription, choices: list[str], value: str) -> tuple[str, ...]:
    may_be_empty = item.optional or (item.default is None and "" not in choices)
    blank = [""] if may_be_empty else []
    unlisted = [value] if value and value not in choices else []
    return (*blank, *choices, *unlisted)


def sent_values(
    parameters: list[ParameterDescription], form: MultiDict[str, str]
) -> dict[str, Any]:
    """Return the raw values of a sent form. A field that is left empty takes the default.

    An emptied text field is an empty text. A checkbox follows a hidden ``false``: the last counts.
    A default that is no text, such as the False of a ``luigi.Parameter``, is kept by leaving its
    field as it is.
    """
    raw: dict[str, Any] = {}
    for item in parameters:
        texts = [text.replace("\r\n", "\n") for text in form.getlist(item.name)]
        sent = sent_text(item, texts) if texts else ""
        if texts and not _means_default(item, sent):
            raw[item.name] = sent
    return raw


def sent_text(item: ParameterDescription, texts: list[str]) -> str:
    """Return the text that a field's sent values mean: of boxes that are checked, all of them."""
    if item.choices is not None and type_named(plain_name(item)).several:
        return ",".join(text for text in texts if text)
    return texts[-1]


def _means_default(item: ParameterDescription, text: str) -> bool:
    if text != "":
        return not item.default_readable and text == item.default
    if item.required or item.private or item.default is None:
        return True
    keeps_empty = item.optional or type_named(plain_name(item)).keeps_empty
    return not keeps_empty and item.default != ""
