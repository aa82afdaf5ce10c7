"""``python -m datanectar.local_run.imports TYPE/CHAIN...``: imports chains for ``datanectar doctor``.

Prints a line of JSON for each as soon as it is imported: its name, and why it can't be served or null.
"""

from __future__ import annotations

import json
import os
import sys

from datanectar.catalog.collector import APIChainCollector
from datanectar.child.isolation import luigi_restored


def main(places: list[str]) -> None:
    """Import the chains in this order; what they print goes nowhere."""
    results = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    collector = APIChainCollector()
    for place in places:
        with luigi_restored():
            chain = collector.describe(*place.split("/"))
        problems = [chain.error, *(task.error for task in chain.tasks)]
        print(json.dumps([place, next(filter(None, problems), None)]), file=results, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
