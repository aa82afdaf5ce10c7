"""Makes the modules of datanectar 0.1 importable under their old names, where nothing else has them.

Chains of 0.1 put ``code/`` on ``sys.path`` and imported ``pathutils`` and ``util.s3task`` from there, and
took ``luigi.s3`` from the Luigi of that time. ``code.util.s3task`` is found too.
"""

from __future__ import annotations

import code
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

#: By the old module's name: a name in it, the module that has it now, and what to write instead.
_OLD = {
    "pathutils": ("project_path", "pathutils", "nothing, since code/ is on sys.path"),
    "util.s3task": ("NectarS3Task", "tasks", "from datanectar import NectarTask"),
    "util.nectar_s3_task": ("NectarS3Task", "tasks", "from datanectar import NectarTask"),
    "util.nectar_local_task": (
        "NectarLocalTask",
        "tasks",
        "from datanectar import NectarLocalTask",
    ),
    "luigi.s3": ("S3Target", "s3", "nothing, and leave output() out: NectarTask has it"),
}


def make_importable() -> None:
    """Have this process find the old modules, after every other place where a module may be."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
        vars(code)["__path__"] = []  # else Python looks for nothing below it


def _old_name(name: str) -> str:
    return name.removeprefix("code.")


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of an old module, or of ``util``, which holds three of them."""
        is_package = _old_name(name) == "util"
        if _old_name(name) in _OLD or is_package:
            return spec_from_loader(name, _Loader(), is_package=is_package)
        return None


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        """Have Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module, and warn that it is an old one."""
        if _old_name(module.__name__) not in _OLD:
            return
        name, home, instead = _OLD[_old_name(module.__name__)]
        found = __import__(f"datanectar.legacy.{home}", fromlist=[name])
        setattr(module, name, getattr(found, name))
        warnings.warn(
            f"{module.__name__} is of the time of datanectar 0.1. Instead of importing it, write: {instead}",
            DeprecationWarning,
            stacklevel=2,
        )
