"""A chain in a notebook or a script: its task classes by name, and what it is as HTML."""

from __future__ import annotations

from datanectar.catalog.collector import APIChainCollector
from datanectar.errors import BadRequest, NotFound


class Chain:
    """A chain of this project; its task classes are attributes.

    ::

        orders = Chain("etl/orders_chain")
        run(orders.ReportTask(day=date(2026, 1, 1)))

    It works wherever the project is found: in its folder, below it, or by ``DATANECTAR_PROJECT``.

    Args:
        name: type and module, such as ``etl/orders_chain``.

    Raises:
        BadRequest: when that is no such name.
        NotFound: when there is no such chain.
    """

    def __init__(self, name: str) -> None:
        parts = name.split("/")
        if len(parts) != 2:
            raise BadRequest(f"{name!r} is not TYPE/CHAIN, such as etl/orders_chain.")
        self.type, self.name = parts
        self._collector = APIChainCollector()
        self.description = self._collector.describe(self.type, self.name)

    def __getattr__(self, name: str) -> type:
        if name.startswith("_"):  # notebooks look for many names
            raise AttributeError(name)
        try:
            return self._collector.task_class(self.type, self.name, name)
        except NotFound as problem:
            raise AttributeError(problem.message) from problem

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(task.name for task in self.description.tasks)]

    def __repr__(self) -> str:
        return f"Chain({f'{self.type}/{self.name}'!r})"

    def _repr_html_(self) -> str:
        from datanectar.notebook.html import chain_html

        return chain_html(self.description)
