"""``python -m datanectar.local_run``: what ``datanectar run --here`` becomes, by ``exec``.

A process of its own, in the source root and with the environment of a run's child, for the command
line never loads Luigi and an author's code never sees its secrets. Its one argument is the request as
JSON: the fields of :class:`Request`.
"""

from __future__ import annotations

import json
import sys

import datanectar.child.preload  # noqa: F401  # before what imports Luigi: it imports less of it
from datanectar.cli.exit_codes import CANNOT
from datanectar.cli.terminal import echo
from datanectar.errors import DatanectarError
from datanectar.local_run.run import Request, run


def main() -> int:
    """Run what the argument asks for; return the exit code."""
    try:
        return run(Request(**json.loads(sys.argv[1])))
    except DatanectarError as problem:
        echo(f"datanectar: {problem.message}", err=True)
        return CANNOT


if __name__ == "__main__":
    sys.exit(main())
