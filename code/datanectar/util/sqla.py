"""Makes ``luigi.contrib.sqla`` work with SQLAlchemy 2, which this package needs for its run store.

Luigi 3.8.1 calls ``sqlalchemy.select([table])`` in one place, ``SQLAlchemyTarget.exists``, and
SQLAlchemy 2 refuses the list (spotify/luigi#3278, open since 2024). That method is replaced when the
module is imported. SQLAlchemy itself is not changed, and is loaded only by a chain that imports it.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

_MODULE = "luigi.contrib.sqla"


def mend_sqla() -> None:
    """Patch ``luigi.contrib.sqla``: now if it is imported already, otherwise when it is."""
    module = sys.modules.get(_MODULE)
    if module is not None:
        _patch(module)
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds that one module where Python does, and gives it to our loader."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != _MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            return spec
        return spec_from_file_location(fullname, spec.origin, loader=_Loader(fullname, spec.origin))


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _patch(module)


def _patch(module: Any) -> None:
    """Replace the target's ``exists``; a subclass with its own keeps that."""
    sqlalchemy = module.sqlalchemy

    def exists(self: Any) -> bool:
        """Tell whether the marker table has the row of this update."""
        if self.marker_table_bound is None:
            self.create_marker_table()
        table = self.marker_table_bound
        query = (
            sqlalchemy.select(table)
            .where(table.c.update_id == self.update_id, table.c.target_table == self.target_table)
            .limit(1)
        )
        with self.engine.begin() as connection:
            return connection.execute(query).fetchone() is not None

    module.SQLAlchemyTarget.exists = exists
