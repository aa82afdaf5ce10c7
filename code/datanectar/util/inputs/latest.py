"""``latest(Task)``: the newest result that is there, such as yesterday's while today's is not."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import luigi

from datanectar.errors import ChainError, DatanectarError, NotFound
from datanectar.keys import PARAMS_FILE, Key
from datanectar.storage.threads import mapped
from datanectar.util.identity import chain_of, key_of
from datanectar.util.inputs.external import ExternalParameter
from datanectar.util.inputs.run_memory import once_in_a_run
from datanectar.util.result_addresses import has_nectar_output, result_file
from datanectar.util.tasklog import storage_of_class

_NO_DEFAULT: Any = object()


def latest(
    task_class: type[luigi.Task],
    /,
    *,
    at_most: Mapping[str, Any] | None = None,
    default: Any = _NO_DEFAULT,
    **params: Any,
) -> Any:
    """Return the task with the newest result that is there, among those with these parameters.

    The newest is the one with the greatest values of the parameters that are not named, such as the
    latest day; when it was made matters among equal ones alone, made of other states of a file. It is looked up once in a run, so every task of the
    run gets the same. The key of the task that requires it does not depend on it: a result that is
    there is not made again because a newer input has come::

        def requires(self):
            return latest(PricesTask, at_most={"day": self.day}, shop=self.shop)

    Args:
        task_class: a Nectar task class with the ``output()`` that it inherits.
        at_most: the greatest value that counts, by parameter, so that a run for an old day does not
            take what came later.
        default: returned when there is no result, such as the task that would make one.
        params: values of other parameters.

    Raises:
        NotFound: when there is no result and no ``default``.
        ChainError: when the class has no such parameter, or none is left to choose by.
    """
    at_most = at_most or {}
    free = _free_parameters(task_class, params, at_most)
    question: Hashable = (task_class, repr(sorted(params.items())), repr(sorted(at_most.items())))
    found = once_in_a_run(question, lambda: _newest(task_class, free, params, at_most))
    if found is not None:
        return found
    if default is _NO_DEFAULT:
        raise _nothing_there(task_class, params, at_most)
    return default


def _nothing_there(
    cls: type[luigi.Task], params: Mapping[str, Any], at_most: Mapping[str, Any]
) -> NotFound:
    named = "".join(f", {name}={value}" for name, value in params.items())
    named += "".join(f", {name} at most {value}" for name, value in at_most.items())
    return NotFound(
        f"latest({cls.__name__}{named}): no result is there. Run that task first, or give latest() a "
        "default."
    )


def _free_parameters(
    cls: type[luigi.Task], params: Mapping[str, Any], at_most: Mapping[str, Any]
) -> list[str]:
    if not has_nectar_output(cls):
        raise ChainError(
            f"latest({cls.__name__}): it takes Nectar tasks without output() of their own."
        )
    ordered = [
        name
        for name, item in cls.get_params()
        if item.significant and not isinstance(item, ExternalParameter)
    ]
    unknown = sorted({*params, *at_most} - set(cls.get_param_names(include_significant=True)))
    if unknown:
        raise ChainError(f"latest({cls.__name__}): it has no parameter {', '.join(unknown)}.")
    free = [name for name in ordered if name not in params]
    if not free:
        raise ChainError(
            f"latest({cls.__name__}): no parameter is left to choose by; require the task itself."
        )
    return free


def _newest(
    cls: type[luigi.Task], free: list[str], params: Mapping[str, Any], at_most: Mapping[str, Any]
) -> luigi.Task | None:
    def values(task: luigi.Task) -> list[Any]:
        return [getattr(task, name) for name in free]

    try:
        fitting = [
            task
            for task in _made(cls, params)
            if all(getattr(task, name) <= value for name, value in at_most.items())
        ]
        greatest = max(map(values, fitting), default=None)
    except TypeError as problem:
        raise ChainError(
            f"latest({cls.__name__}): values of {', '.join(free)} have no order ({problem}): "
            "name those parameters."
        ) from problem
    newest = [task for task in fitting if values(task) == greatest]
    return newest[0] if len(newest) == 1 else max(newest, key=_when_made, default=None)


def _when_made(task: Any) -> tuple[float, str]:
    target = task.output()
    info = target.storage.info(target.key, target.file)
    return (info.modified if info else 0.0, str(task.key))


def _made(cls: type[luigi.Task], params: Mapping[str, Any]) -> Iterator[luigi.Task]:
    """Yield the tasks with these parameters whose results are there and would have the same key now."""
    storage = storage_of_class(cls)
    type, chain = chain_of(cls)
    family = Key(type, chain, cls.__name__, "0" * 32)
    found = list(storage.list_family(family, result_file(cls)))

    def texts(md5: str) -> dict[str, str]:
        key = Key(type, chain, cls.__name__, md5)
        try:
            return dict(json.loads(b"".join(storage.read_chunks(key, PARAMS_FILE))))
        except (NotFound, ValueError):  # dropped meanwhile, or copied there without it
            return {}

    for md5, kept in zip(found, mapped(texts, found), strict=True):
        task = _task(cls, kept, params)
        if task is not None and key_of(task).md5 == md5:
            yield task


def _task(
    cls: type[luigi.Task], texts: Mapping[str, str], params: Mapping[str, Any]
) -> luigi.Task | None:
    """Return the task of these parameters; None for what another version of the class has made."""
    declared = dict(cls.get_params())
    try:
        others = {n: declared[n].parse(text) for n, text in texts.items() if n not in params}
        return cls(**others, **params)
    except (DatanectarError, KeyError, ValueError, TypeError, luigi.parameter.ParameterException):
        return None
