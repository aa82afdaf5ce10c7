"""Sends a real app what its own description allows, and what it does not.

Schemathesis makes the requests from ``/openapi.json`` and judges the responses: no 5xx, each status,
type and shape described, tokens required where it says so. ``python -m tests.fuzz`` makes
5,000 of them; the tests make 500.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.stack import CATALOGUE, Stack

#: Of each kind of scope the highest: what it may not do is another test's affair.
TOKEN = "fuzz-" + "f" * 20
#: Chains whose tasks take parameters of several types, beside one that can't be imported.
CHAINS = ("http/base.py", "http/offers_chain.py")
#: What of a parameter's text is a date, or JSON, a schema can't say: such texts may be refused.
UNCHECKED = "positive_data_acceptance"
_SEED = 20160603


def app(project: Path, *, with_tokens: bool) -> Stack:
    """Return a web over a few chains, started; its runs wait for ever."""
    stack = Stack(project)
    for chain in CHAINS:
        place = stack.project / "code" / "chains" / chain
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((CATALOGUE / chain).read_bytes())
    stack.chain("basic/broken_chain", "import no_such_module")
    if with_tokens:
        stack.environ["DATANECTAR_TOKENS"] = TOKEN
    stack.settings.state.mkdir(parents=True)
    stack.start_web()
    return stack


def fuzz(stack: Stack, cases: int, *, seed: int = _SEED) -> tuple[int, str]:
    """Make at least ``cases`` requests; return how many there were and what was found, if anything."""
    token = stack.environ.get("DATANECTAR_TOKENS")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    paths = stack.get("/openapi.json", headers=headers).json()["paths"]
    operations = sum(len(path) for path in paths.values())
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{stack.url}/openapi.json",
        *("--max-examples", str(-(-cases // operations))),
        *("--seed", str(seed)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--exclude-checks", UNCHECKED),
        *("--request-timeout", "60"),
        *("--generation-database", "none"),
        *("--warnings", "off"),
        "--no-color",
        *(argument for pair in headers.items() for argument in ("-H", ": ".join(pair))),
    ]
    done = subprocess.run(command, cwd=stack.project, capture_output=True, text=True)
    said = done.stdout + done.stderr
    made = re.search(r"([\d,]+) generated", said)
    found = said if done.returncode or not made else ""
    if "Traceback" in stack.output("web"):
        found += stack.output("web")
    return int(made[1].replace(",", "")) if made else 0, found


def main() -> int:
    """Fuzz an app without tokens and one with them, half of the cases each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=_SEED)
    asked = parser.parse_args()
    result = 0
    for with_tokens in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            stack = app(Path(folder), with_tokens=with_tokens)
            try:
                made, found = fuzz(stack, asked.cases // 2, seed=asked.seed)
            finally:
                stack.close()
        print(json.dumps({"tokens": with_tokens, "cases": made, "clean": not found}))
        if found:
            print(found)
            result = 1
    return result


if __name__ == "__main__":
    sys.exit(main())
