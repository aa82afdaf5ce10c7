from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.shipped_chains.conftest import CHAINS

DESCRIBE = """
import json, msgspec, sys
sys.modules.update(dict.fromkeys(["sklearn", "matplotlib", "numpy", "joblib"]))
from datanectar.catalog.collector import APIChainCollector
print(json.dumps(msgspec.to_builtins(APIChainCollector().collect())))
"""


def described() -> Any:
    """Return the chains as a process describes them that has none of the optional libraries."""
    environ = {**os.environ, "DATANECTAR_PROJECT": str(CHAINS.parents[1])}
    command = [sys.executable, "-c", DESCRIBE]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_shipped_chain_is_listed_and_described_without_the_optional_libraries() -> None:
    chains = described()
    assert {f"{chain['type']}/{chain['name']}": chain["error"] for chain in chains} == {
        "agg/bicycle_weeks_chain": None,
        "ds/diagnosis_chain": None,
        "ds/orders_chain": None,
        "etl/bicycles_chain": None,
        "testchains/hello_luigiworld_chain": None,
    }
    for chain in chains:
        assert chain["doc"]
        for task in chain["tasks"]:
            assert task["doc"] and not task["error"]
            assert all(parameter["description"] for parameter in task["parameters"]), task["name"]


def test_what_to_install_is_in_the_docs() -> None:
    chains = {chain["name"]: chain for chain in described()}
    (plot,) = (t for t in chains["bicycles_chain"]["tasks"] if t["name"] == "PlotTask")
    for doc in (plot["doc"], chains["diagnosis_chain"]["doc"]):
        assert "pip install -e '.[examples]'" in doc
