"""Batches: several tasks of one class that one task does in one go (Luigi's ``batch_method``)."""

from __future__ import annotations

import luigi


def can_batch(tasks: list[luigi.Task]) -> bool:
    """Tell whether one task can do these: one class, equal but for the parameters to batch."""
    cls = type(tasks[0])
    batched = set(cls.batch_param_names())
    rest = [
        {name: text for name, text in task.to_str_params().items() if name not in batched}
        for task in tasks
    ]
    return (
        bool(batched)
        and all(type(task) is cls for task in tasks)
        and all(texts == rest[0] for texts in rest)
    )


def batch_task(tasks: list[luigi.Task]) -> luigi.Task:
    """Return the task that does these, made from their parameters' values."""
    cls = type(tasks[0])
    declared = dict(cls.get_params())
    values = dict(tasks[0].param_kwargs)
    for name in cls.batch_param_names():
        values[name] = declared[name]._batch_method([task.param_kwargs[name] for task in tasks])
    return cls(**values)
