from __future__ import annotations

import json

from tests.shipped_chains.conftest import Project

DESCRIBE = """
import json, msgspec, sys
sys.modules.update(dict.fromkeys(["sklearn", "matplotlib", "numpy", "joblib"]))
from datanectar.catalog.collector import APIChainCollector
print(json.dumps(msgspec.to_builtins(APIChainCollector().collect())))
"""


def test_every_shipped_chain_is_listed_and_described_without_the_optional_libraries(
    project: Project,
) -> None:
    chains = json.loads(project.python("-c", DESCRIBE).stdout)
    assert {f"{chain['type']}/{chain['name']}": chain["error"] for chain in chains} == {
        "agg/bicycle_weeks_chain": None,
        "ds/diagnosis_chain": None,
        "etl/bicycles_chain": None,
        "testchains/hello_luigiworld_chain": None,
    }
    for chain in chains:
        assert chain["doc"]
        for task in chain["tasks"]:
            assert task["doc"] and not task["error"]
            assert all(parameter["description"] for parameter in task["parameters"]), task["name"]


def test_what_to_install_is_in_the_docs(project: Project) -> None:
    chains = {chain["name"]: chain for chain in json.loads(project.python("-c", DESCRIBE).stdout)}
    (plot,) = (t for t in chains["bicycles_chain"]["tasks"] if t["name"] == "PlotTask")
    for doc in (plot["doc"], chains["diagnosis_chain"]["doc"]):
        assert "pip install -e '.[examples]'" in doc
