"""``python -m tests.faults --rounds 100 --seed 1``: plays rounds, prints their books and the sum."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.harness import Harness
from tests.servers.bookkeeping import Books


def main() -> int:
    """Play the rounds; return 1 when anything in the books is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--fault", help="this one in every round, e.g. 'kill luigid'")
    parser.add_argument("--keep", type=Path, help="an empty folder for the project, kept after")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datanectar-faults-") as folder:
        return _play(arguments.keep or Path(folder), arguments)


def _play(folder: Path, arguments: argparse.Namespace) -> int:
    print(f"seed {arguments.seed}", flush=True)
    harness = Harness(folder, arguments.seed)
    total = Books("in sum")
    try:
        harness.start()
        for number in range(1, arguments.rounds + 1):
            books = harness.play(number, arguments.fault)
            total += books
            print(f"{number:>4} {books}", flush=True)
    finally:
        harness.close()
    print(f"\n{arguments.rounds} rounds, seed {arguments.seed}\n     {total}")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
