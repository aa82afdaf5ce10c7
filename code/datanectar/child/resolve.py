"""From a request's raw parameters to a task, its key, and what will run; starts nothing."""

from __future__ import annotations

import json
import math
from typing import Any

import luigi
from luigi.parameter import (
    OptionalParameter,
    OptionalParameterMixin,
    OptionalStrParameter,
    StrParameter,
)

from datanectar import reasons
from datanectar.catalog.collector import APIChainCollector
from datanectar.child.isolation import instances_restored
from datanectar.errors import BadRequest, DatanectarError, PayloadTooLarge
from datanectar.keys import set_run_time
from datanectar.messages import Resolution, ResolveJob
from datanectar.parameters.class_options import check_options
from datanectar.parameters.types import Unreadable, parse
from datanectar.parameters.values import canonical, default_of, kept_text
from datanectar.parameters.visibility import is_public
from datanectar.runner import task_log as log
from datanectar.util.identity import class_option, digest_source, key_of
from datanectar.util.result_addresses import has_nectar_output, result_addresses
from datanectar.util.task_params import public_params, text_params

#: Luigi's types of which the values are texts.
_TEXTS = (luigi.Parameter, StrParameter, OptionalParameter, OptionalStrParameter)
#: Bytes that one parameter may have, and all of a request together.
_LONGEST_TEXT = 64 * 1024
_LONGEST_TOGETHER = 256 * 1024


def resolve(job: ResolveJob) -> Resolution:
    """Return what the request asks for.

    Raises:
        NotFound: when the chain or the task is not there.
        ChainError: when the chain can't be imported, or the task has an option that can't be used.
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        KeyUndefined: when the key can't be computed in full.
    """
    log.hold_output() if job.stays else log.discard_output()
    set_run_time(job.run_time)
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    check_options(cls)
    with instances_restored():  # what the run makes is to be its own
        return _resolution(cls, job)


def _resolution(cls: type[luigi.Task], job: ResolveJob) -> Resolution:
    task = make_task(cls, job.raw)
    given = given_names(cls, job.raw)
    place = result_addresses(task)
    return Resolution(
        key=str(key_of(task)),
        task_id=task.task_id,
        params=text_params(task),
        public_params=public_params(task),
        defaulted=sorted(set(task.get_param_names(include_significant=True)) - set(given)),
        source=digest_source(task),
        run_time=job.run_time,
        storage=place.storage,
        output=place.output,
        complete=_completeness(task),
        width=class_option(cls, "width", 1),
        run_timeout=_run_timeout(cls),
        given=given,
        results=place.results,
    )


def _run_timeout(cls: type[luigi.Task]) -> float | None:
    seconds = class_option(cls, "run_timeout", None)
    return None if seconds is None or math.isinf(seconds) else float(seconds)


def make_task(cls: type[luigi.Task], raw: dict[str, Any]) -> luigi.Task:
    """Return the task with these raw parameters: text, or JSON values from a JSON body.

    What is not given keeps the author's default, as the object it is.

    Raises:
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        PayloadTooLarge: naming those that are too long.
        ChainError: naming a parameter that is not given and has a default that no run could have.
    """
    declared = dict(cls.get_params())
    _refuse_long(raw)
    problems = {
        name: f"unknown; this task takes {', '.join(declared) or 'no parameters'}"
        for name in raw
        if name not in declared
    }
    values: dict[str, Any] = {}
    given = given_names(cls, raw)
    for name, item in declared.items():
        if name in given:
            try:
                values[name] = read_parameter(cls, item, raw[name])
            except Unreadable as problem:
                problems[name] = _refusal(item, f"{_shown(raw[name])} is not {problem}")
            except Exception as problem:  # also of parameter classes that an author wrote
                words = str(problem) or type(problem).__name__
                words = f"{_shown(raw[name])} is no {type(item).__name__}: {words}"
                problems[name] = _refusal(item, words)
        elif not item.has_task_value(cls.get_task_family(), name):
            problems[name] = f"required ({type(item).__name__})"
    if problems:
        raise BadRequest(
            f"{cls.__name__} can't take these parameters: "
            + "; ".join(f"{name}: {why}" for name, why in problems.items()),
            fields=problems,
        )
    for name, item in declared.items():
        if name not in values:
            default_of(cls, name, item)
    return _construct(cls, values)


def _refuse_long(raw: dict[str, Any]) -> None:
    sizes = {name: _size(value) for name, value in raw.items()}
    long = {name: f"{size} bytes" for name, size in sizes.items() if size > _LONGEST_TEXT}
    if long:
        listed = ", ".join(f"{name[:100]} ({size})" for name, size in long.items())
        raise PayloadTooLarge(
            f"A parameter may have {_LONGEST_TEXT} bytes; too long: {listed}. "
            "Give the name of a file instead.",
            fields=long,
        )
    if sum(sizes.values()) > _LONGEST_TOGETHER:
        raise PayloadTooLarge(
            f"The parameters have {sum(sizes.values())} bytes together; "
            f"{_LONGEST_TOGETHER} is the most."
        )


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    return len(text.encode(errors="surrogatepass"))


def given_names(cls: type[luigi.Task], raw: dict[str, Any]) -> list[str]:
    """Return which of the task's parameters are given, in the class's order."""
    return [
        name
        for name, item in cls.get_params()
        if name in raw and not _means_default(cls, name, item, raw[name])
    ]


def _refusal(item: luigi.Parameter, words: str) -> str:
    """Return words for a value that can't be read; those of a private one may repeat it."""
    return words if is_public(item) else f"the value that was given is no {type(item).__name__}"


def _without_secrets(cls: type[luigi.Task], values: dict[str, Any], words: str) -> str:
    """Return an error's words with the values of private parameters left out."""
    for name, item in cls.get_params():
        text = str(values.get(name, ""))
        if text and not is_public(item):
            words = words.replace(text, "...")
    return words


def _means_default(cls: type[luigi.Task], name: str, item: luigi.Parameter, value: Any) -> bool:
    """Tell whether ``value`` is the default and no text: JSON's null, or false for False."""
    family = cls.get_task_family()
    if isinstance(value, str) or not item.has_task_value(family, name):
        return False
    if value is None:
        return (
            not isinstance(item, OptionalParameterMixin) and item.task_value(family, name) is None
        )
    if type(item) not in _TEXTS:
        return False
    return canonical(item, value) == canonical(item, item.task_value(family, name))


def _construct(cls: type[luigi.Task], values: dict[str, Any]) -> luigi.Task:
    try:
        return cls(**values)
    except DatanectarError:
        raise
    except Exception as problem:  # an author's __init__, or a parameter's normalize()
        reason = _without_secrets(cls, values, reasons.of_exception(problem))
        raise BadRequest(f"{cls.__name__} refuses these parameters: {reason}") from problem


def read_parameter(cls: type[luigi.Task], item: luigi.Parameter, value: Any) -> Any:
    """Return what a raw value stands for, as a run that has only its text will read it.

    Raises:
        ValueError: or whatever else the parameter's ``parse`` raises when it can't read it.
    """
    text = _text(item, value)
    if "\x00" in text:
        raise ValueError("it holds a NUL byte")
    text.encode()  # raises for half a surrogate pair, which JSON can spell and nothing can hash
    _check_kind(item, text)
    parsed = item.normalize(parse(item, text))
    spelled = kept_text(cls, item, parsed)
    kept = item.parse(spelled)
    if _is_lost(parsed, item.normalize(kept)):
        raise ValueError(f"it can only be kept as {spelled!r}, which is something else")
    return kept


def _check_kind(item: luigi.Parameter, text: str) -> None:
    """Refuse other JSON for an object or a list: Luigi makes a list of the letters of a text."""
    kinds = {luigi.DictParameter: dict, luigi.ListParameter: list}
    wanted = next((kind for cls, kind in kinds.items() if isinstance(item, cls)), None)
    if wanted is None or type(item).__module__ != luigi.Parameter.__module__:
        return
    try:
        value = json.loads(text)
    except ValueError:  # parse() has the words for it, or knows another spelling
        return
    if value is not None and not isinstance(value, wanted):
        raise ValueError(f"it is no JSON {'object' if wanted is dict else 'list'}")


def _is_lost(value: Any, kept: Any) -> bool:
    """Tell whether a value's text means another value: then two requests would share one key.

    Luigi's ``TimeDeltaParameter`` drops what is shorter than a second. NaN is not even equal to
    itself, and objects without an equality of their own can't be compared.
    """
    if type(value).__eq__ is object.__eq__:  # type: ignore[comparison-overlap]
        return False
    return bool(value == value and kept != value)


def _text(item: luigi.Parameter, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None and isinstance(item, OptionalParameterMixin):
        return ""
    if value is None:
        raise ValueError("null is no value")
    if isinstance(value, bool) and type(item) in _TEXTS:
        raise ValueError("it takes text, of which each is true; let it be a BoolParameter")
    if isinstance(item, (luigi.ListParameter, luigi.DictParameter)) or not isinstance(
        value, (list, dict)
    ):
        return json.dumps(value)
    if isinstance(item, (luigi.ChoiceListParameter, luigi.EnumListParameter)):
        return ",".join(map(str, value))
    raise ValueError("give it as text")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _completeness(task: luigi.Task) -> bool | None:
    """Return whether the result is there, or None when a look for its file tells."""
    cls = type(task)
    if has_nectar_output(cls) and cls.complete is luigi.Task.complete:
        return None
    return _complete(task)


def _complete(task: luigi.Task) -> bool:
    try:
        return bool(task.complete())
    except Exception:  # an author's complete(); the run will say what is wrong with it
        return False
