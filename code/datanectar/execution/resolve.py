"""From a request's raw parameters to a task, its key, and what will run; starts nothing."""

from __future__ import annotations

import json
import os
import traceback
from typing import Any

import luigi

from datanectar.api.api_chains import APIChainCollector
from datanectar.errors import BadRequest, DatanectarError
from datanectar.execution import log
from datanectar.keys import RUN_TIME_VARIABLE
from datanectar.records import Resolution, ResolveJob
from datanectar.settings import current
from datanectar.storage.select import default_name
from datanectar.util.identity import (
    class_option,
    digest_source,
    key_of,
    public_params,
    text_params,
)
from datanectar.util.nectartask import NectarTask
from datanectar.util.target import NectarTarget


def resolve(job: ResolveJob) -> Resolution:
    """Return what the request asks for.

    Raises:
        NotFound: when the chain or the task is not there.
        ChainError: when the chain can't be imported.
        BadRequest: naming each parameter that is unknown, missing or can't be read.
        KeyUndefined: when the key can't be computed in full.
    """
    log.discard_output()
    os.environ[RUN_TIME_VARIABLE] = job.run_time
    cls = APIChainCollector().task_class(job.type, job.chain, job.task)
    task = make_task(cls, job.raw)
    storage, output, complete = _whereabouts(task)
    return Resolution(
        key=str(key_of(task)),
        task_id=task.task_id,
        params=text_params(task),
        public_params=public_params(task),
        defaulted=sorted(set(task.get_param_names(include_significant=True)) - set(job.raw)),
        source=digest_source(task),
        run_time=job.run_time,
        storage=storage,
        output=output,
        complete=complete,
        width=max(1, int(class_option(cls, "width", 1))),
        run_timeout=class_option(cls, "run_timeout", None),
    )


def make_task(cls: type[luigi.Task], raw: dict[str, Any]) -> luigi.Task:
    """Return the task with these raw parameters: text, or JSON values from a JSON body.

    Raises:
        BadRequest: naming each parameter that is unknown, missing or can't be read.
    """
    declared = dict(cls.get_params())
    known = [name for name, item in declared.items() if item.positional or name in raw]
    problems = {
        name: f"unknown; this task takes {', '.join(known) or 'no parameters'}"
        for name in raw
        if name not in declared
    }
    texts: dict[str, str] = {}
    for name, item in declared.items():
        try:
            if name in raw:
                texts[name] = read_parameter(item, raw[name])
            elif not item.has_task_value(cls.get_task_family(), name):
                problems[name] = f"required ({type(item).__name__})"
        except Exception as problem:
            problems[name] = f"{_shown(raw[name])} is no {type(item).__name__}: {problem}"
    if problems:
        raise BadRequest(
            f"{cls.__name__} can't take these parameters: "
            + "; ".join(f"{name}: {why}" for name, why in problems.items()),
            fields=problems,
        )
    return _construct(cls, texts)


def _construct(cls: type[luigi.Task], texts: dict[str, str]) -> luigi.Task:
    try:
        return cls.from_str_params(texts)
    except DatanectarError:
        raise
    except Exception as problem:  # an author's __init__, or a parameter's normalize()
        reason = traceback.format_exception_only(problem)[-1].strip()
        raise BadRequest(f"{cls.__name__} refuses these parameters: {reason}") from problem


def read_parameter(item: luigi.Parameter, value: Any) -> str:
    """Return the text of one raw value, in one spelling for equal values.

    Raises:
        ValueError: or whatever else the parameter's ``parse`` raises when it can't read it.
    """
    text = _text(item, value)
    if "\x00" in text:
        raise ValueError("it holds a NUL byte")
    if isinstance(item, luigi.DictParameter) and text:
        # Luigi keeps the order of the request; equal objects must have equal keys.
        text = json.dumps(json.loads(text), sort_keys=True)
    parsed = item.normalize(item.parse(text))
    return str(item.serialize(parsed))


def _text(item: luigi.Parameter, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
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


def _whereabouts(task: luigi.Task) -> tuple[str, str | None, bool | None]:
    """Return the store's name, the output file if it is ours, and completeness if it is not."""
    cls = type(task)
    storage = class_option(cls, "storage_name", None) or default_name(current())
    if isinstance(task, NectarTask) and cls.output is NectarTask.output:
        if cls.complete is luigi.Task.complete:
            return storage, cls.output_name, None
        return storage, cls.output_name, _complete(task)
    target = _single_output(task)
    output = (
        target.file if isinstance(target, NectarTarget) and target.key == key_of(task) else None
    )
    return storage, output, _complete(task)


def _single_output(task: luigi.Task) -> Any:
    try:
        return task.output()
    except Exception:  # an author's output(); the run will say what is wrong with it
        return None


def _complete(task: luigi.Task) -> bool:
    try:
        return bool(task.complete())
    except Exception:  # an author's complete(); the run will say what is wrong with it
        return False
