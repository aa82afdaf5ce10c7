"""Which of several rules decides how long something is kept."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from datanectar.keys import Key
from datanectar.messages import ChainDescription
from datanectar.retention.rules import PurgeRequest, Rules
from datanectar.settings import load

CHAINS = [
    ChainDescription("etl", "sales_chain", "", keeps={"OwnTask": "5 days", "EverTask": "forever"}),
    ChainDescription("etl", "other_chain", "", keeps={"WrongTask": "5 dais"}),
]
SETTING = "90d, etl = 30d, etl/sales_chain = 20d, etl/sales_chain/NamedTask = 1d, ml = forever"


def rules(tmp_path: Path, results: str = "", logs: str = "", **request: object) -> Rules:
    environ = {"DATANECTAR_PROJECT": str(tmp_path), "DATANECTAR_KEEP_RESULTS": results}
    settings = load({**environ, "DATANECTAR_KEEP_LOGS": logs})
    return Rules(settings, CHAINS, PurgeRequest(**request))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "days", "asked"),
    [
        ("etl/sales_chain/NamedTask", 1, 7),
        ("etl/sales_chain/OwnTask", 5, 7),
        ("etl/sales_chain/EverTask", math.inf, math.inf),
        ("etl/sales_chain/AnyTask", 20, 7),
        ("etl/other_chain/WrongTask", math.inf, math.inf),
        ("etl/third_chain/AnyTask", 30, 7),
        ("ml/third_chain/AnyTask", math.inf, 7),
        ("web/third_chain/AnyTask", 90, 7),
    ],
)
def test_the_rule_that_names_most_decides(
    tmp_path: Path, place: str, days: float, asked: float
) -> None:
    key = Key(*place.split("/"), "0" * 32)
    assert rules(tmp_path, SETTING).result_age(key) == days * 86_400
    assert rules(tmp_path, SETTING, older_than=7 * 86_400).result_age(key) == asked * 86_400


def test_logs_have_rules_of_their_own_or_go_with_the_results(tmp_path: Path) -> None:
    key = Key("etl", "sales_chain", "OwnTask", "0" * 32)
    assert rules(tmp_path, SETTING).log_age(key) is None
    assert rules(tmp_path, SETTING, "7d").log_age(key) == 7 * 86_400
    assert rules(tmp_path, SETTING, "7d", older_than=1.0).log_age(key) == 1.0
    assert rules(tmp_path).result_age(Key("ml", "c", "T", "0" * 32)) == math.inf
