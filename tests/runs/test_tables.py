"""A record's fields are its table's columns: to add one is to add it in both, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, Table, Text, insert, select

from datanectar.messages import Resolution, TaskReport
from datanectar.runs.ids import new_id
from datanectar.runs.records import Run, TaskRow, WorkerRow
from datanectar.runs.store import RunStore
from datanectar.runs.tables import Json, SafeText, runs, tasks, to_record, workers
from tests.runs.conftest import new_run

#: Columns that the store alone uses.
INTERNAL = {"queued", "lease_until"}
RECORDS = [(Run, runs), (TaskRow, tasks), (WorkerRow, workers)]

Record = type[Run] | type[TaskRow] | type[WorkerRow]


@pytest.mark.parametrize(("cls", "table"), RECORDS)
def test_each_column_has_a_field_that_can_hold_what_it_can(cls: Record, table: Table) -> None:
    fields = {field.name: field for field in dataclasses.fields(cls)}

    assert fields.keys() == set(table.c.keys()) - INTERNAL
    for name, field in fields.items():
        has_default = field.default_factory is not dataclasses.MISSING
        has_default |= field.default is not dataclasses.MISSING
        assert has_default or not table.c[name].nullable, f"{name} may be NULL"
        assert kind_of(table.c[name]) == field.type.removesuffix(" | None"), name


def test_what_a_child_reports_of_a_task_has_its_column() -> None:
    assert {"run_id", *TaskReport.__struct_fields__} == set(tasks.c.keys())


@pytest.mark.parametrize(("cls", "table"), RECORDS)
def test_a_record_with_every_field_set_comes_back_equal(
    store: RunStore, cls: Record, table: Table
) -> None:
    record = cls(**{field.name: filled(table.c[field.name]) for field in dataclasses.fields(cls)})
    with store._db.write() as connection:
        internal = dict.fromkeys(INTERNAL & set(table.c.keys()), 1.5)
        connection.execute(insert(table), vars(record) | internal)
    columns = [table.c[field.name] for field in dataclasses.fields(cls)]
    with store._db.read() as connection:
        row = connection.execute(select(*columns)).mappings().one()

    assert to_record(cls, row) == record


def test_what_a_request_resolves_to_is_the_runs(store: RunStore) -> None:
    new = new_run("a", word="hello")
    run, _ = store.accept(new, max_queued=1)

    shared = set(Resolution.__struct_fields__) & {field.name for field in dataclasses.fields(Run)}
    assert shared >= {"key", "task_id", "params", "output", "width", "run_timeout", "results"}
    assert {name: getattr(run, name) for name in shared} == {
        name: getattr(new.resolution, name) for name in shared
    }


def kind_of(column: Column[Any]) -> str:
    """Return the type that a field of this column has, but for None."""
    if isinstance(column.type, Json):
        return "dict[str, str]" if "params" in column.name else "list[str]"
    names = {SafeText: "str", Text: "str", Integer: "int", Double: "float", Boolean: "bool"}
    return {**names, BigInteger: "int"}[type(column.type)]


def filled(column: Column[Any]) -> Any:
    """Return a value that no other column of the record has by accident."""
    if column.name in ("id", "run_id"):
        return new_id()
    number = sum(map(ord, column.name))
    values: dict[str, Any] = {
        "dict[str, str]": {"name": column.name, "odd": "\x00\ud800"},
        "list[str]": [column.name],
        "str": f"text of {column.name}",
        "int": number,
        "float": number + 0.5,
        "bool": column.name == "cancel_requested",
    }
    return values[kind_of(column)]
