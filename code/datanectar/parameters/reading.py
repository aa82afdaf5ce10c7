"""From a request's raw parameters, texts or JSON values, to a task."""

from __future__ import annotations

import json
from typing import Any

import luigi
from luigi.parameter import OptionalParameterMixin

from datanectar import reasons
from datanectar.errors import BadRequest, DatanectarError, PayloadTooLarge
from datanectar.parameters.types import LUIGI_MODULE, ParameterType, type_of
from datanectar.parameters.values import canonical, default_of, kept_text
from datanectar.parameters.visibility import is_public, short_repr

#: Bytes that one parameter may have, and all of a request together.
_MOST_BYTES = 64 * 1024
_MOST_BYTES_TOGETHER = 256 * 1024


class Unreadable(ValueError):
    """A text that a parameter can't read; the message says what it reads."""


def make_task(cls: type[luigi.Task], raw: dict[str, Any]) -> luigi.Task:
    """Return the task with these raw parameters: texts, or JSON values from a JSON body.

    A parameter that the request leaves out keeps the author's default, as the object it is.

    Raises:
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        PayloadTooLarge: naming those that are too long.
        ChainError: naming a parameter that is left out and has a default that no run could have.
    """
    _check_sizes(raw)
    values = _read_all(cls, raw)
    for name, item in cls.get_params():
        if name not in values:
            default_of(cls, name, item)
    return _construct(cls, values)


def supplied_names(cls: type[luigi.Task], raw: dict[str, Any]) -> list[str]:
    """Return which of the task's parameters the request supplies, in the class's order."""
    return [
        name
        for name, item in cls.get_params()
        if name in raw and not _means_default(cls, name, item, raw[name])
    ]


def read_parameter(cls: type[luigi.Task], item: luigi.Parameter, value: Any) -> Any:
    """Return the value of a raw one, as a run that has only its text will read it.

    Raises:
        ValueError: or whatever else the parameter's ``parse`` raises when it can't read it.
    """
    text = _text(item, value)
    if "\x00" in text:
        raise ValueError("it holds a NUL byte")
    text.encode()  # raises for half a surrogate pair, which JSON can spell and nothing can hash
    _check_json_type(item, text)
    parsed = item.normalize(parse(item, text))
    spelled = kept_text(cls, item, parsed)
    kept = item.parse(spelled)
    if _is_lost(parsed, item.normalize(kept)):
        raise ValueError(f"it can only be kept as {spelled!r}, which is something else")
    return kept


def parse(item: luigi.Parameter[Any], text: str) -> Any:
    """Return the value of a text.

    Raises:
        Unreadable: saying what the parameter reads, where that is known.
        Exception: what the ``parse`` of any other parameter raises.
    """
    kind = type_of(item) if _reads_as_luigi_does(item) else ParameterType()
    try:
        return item.parse(kind.to_luigi(text))
    except Exception as problem:
        if kind.reads is None:
            raise
        words = kind.reads if isinstance(kind.reads, str) else kind.reads(item)
        raise Unreadable(words) from problem


def _reads_as_luigi_does(item: luigi.Parameter[Any]) -> bool:
    """Return whether the class is Luigi's, or one that an author made from it with no other notation."""
    own = type(item)
    luigis = next(cls for cls in own.__mro__ if cls.__module__ == LUIGI_MODULE)
    return all(
        getattr(own, name, None) is getattr(luigis, name, None) for name in ("parse", "date_format")
    )


def _check_sizes(raw: dict[str, Any]) -> None:
    sizes = {name: _size(value) for name, value in raw.items()}
    long = {name: f"{size} bytes" for name, size in sizes.items() if size > _MOST_BYTES}
    if long:
        listed = ", ".join(f"{name[:100]} ({size})" for name, size in long.items())
        raise PayloadTooLarge(
            f"A parameter may have {_MOST_BYTES} bytes; too long: {listed}. "
            "Give the name of a file instead.",
            fields=long,
        )
    if sum(sizes.values()) > _MOST_BYTES_TOGETHER:
        raise PayloadTooLarge(
            f"The parameters have {sum(sizes.values())} bytes together; "
            f"{_MOST_BYTES_TOGETHER} is the most."
        )


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    return len(text.encode(errors="surrogatepass"))


def _read_all(cls: type[luigi.Task], raw: dict[str, Any]) -> dict[str, Any]:
    declared = dict(cls.get_params())
    listed = ", ".join(declared) or "no parameters"
    problems = {n: f"unknown; this task takes {listed}" for n in raw if n not in declared}
    supplied = supplied_names(cls, raw)
    values: dict[str, Any] = {}
    for name, item in declared.items():
        if name in supplied:
            try:
                values[name] = read_parameter(cls, item, raw[name])
            except Exception as problem:  # also of parameter classes that an author wrote
                problems[name] = refusal(item, raw[name], problem)
        elif not item.has_task_value(cls.get_task_family(), name):
            problems[name] = f"required ({type(item).__name__})"
    if problems:
        listed = "; ".join(f"{name}: {why}" for name, why in problems.items())
        raise BadRequest(f"{cls.__name__} can't take these parameters: {listed}", fields=problems)
    return values


def refusal(item: luigi.Parameter, value: Any, problem: Exception) -> str:
    """Return why a value can't be read; of a private one nothing that may repeat it."""
    name = type(item).__name__
    if not is_public(item):
        return f"the value that was given is no {name}"
    if isinstance(problem, Unreadable):
        return f"{short_repr(value)} is not {problem}"
    return f"{short_repr(value)} is no {name}: {str(problem) or type(problem).__name__}"


def _means_default(cls: type[luigi.Task], name: str, item: luigi.Parameter, value: Any) -> bool:
    """Return whether ``value`` is the default and no text: JSON's null, or false for False."""
    family = cls.get_task_family()
    if isinstance(value, str) or not item.has_task_value(family, name):
        return False
    if value is None:
        is_optional = isinstance(item, OptionalParameterMixin)
        return not is_optional and item.task_value(family, name) is None
    if _json_type(item) is not str:
        return False
    return canonical(item, value) == canonical(item, item.task_value(family, name))


def _json_type(item: luigi.Parameter) -> type | None:
    """Return the one JSON type that a class of Luigi's reads; an author's class may read any."""
    return type_of(item).json_type if type(item).__module__ == LUIGI_MODULE else None


def _text(item: luigi.Parameter, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None and isinstance(item, OptionalParameterMixin):
        return ""
    if value is None:
        raise ValueError("null is no value")
    if isinstance(value, bool) and _json_type(item) is str:
        raise ValueError("it takes text, of which each is true; let it be a BoolParameter")
    kind = type_of(item)
    if kind.json_type in (list, dict) or not isinstance(value, (list, dict)):
        return json.dumps(value)
    if kind.several:
        return ",".join(map(str, value))
    raise ValueError("give it as text")


def _check_json_type(item: luigi.Parameter, text: str) -> None:
    """Refuse other JSON for an object or a list: Luigi makes a list of the letters of a text."""
    expected = _json_type(item)
    if expected not in (list, dict):
        return
    try:
        value = json.loads(text)
    except ValueError:  # parse() has the words for it, or knows another spelling
        return
    if value is not None and not isinstance(value, expected):
        raise ValueError(f"it is no JSON {'object' if expected is dict else 'list'}")


def _is_lost(value: Any, kept: Any) -> bool:
    """Return whether a value's text means another value: then two requests would share one key.

    Luigi's ``TimeDeltaParameter`` drops what is shorter than a second. NaN is not even equal to
    itself, and objects without an equality of their own can't be compared.
    """
    if type(value).__eq__ is object.__eq__:  # type: ignore[comparison-overlap]
        return False
    return bool(value == value and kept != value)


def _construct(cls: type[luigi.Task], values: dict[str, Any]) -> luigi.Task:
    try:
        return cls(**values)
    except DatanectarError:
        raise
    except Exception as problem:  # an author's __init__, or a parameter's normalize()
        reason = _without_secrets(cls, values, reasons.of_exception(problem))
        raise BadRequest(f"{cls.__name__} refuses these parameters: {reason}") from problem


def _without_secrets(cls: type[luigi.Task], values: dict[str, Any], words: str) -> str:
    """Return an error's words with the values of private parameters left out."""
    for name, item in cls.get_params():
        text = str(values.get(name, ""))
        if text and not is_public(item):
            words = words.replace(text, "...")
    return words
