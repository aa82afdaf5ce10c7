"""The rules and the dashboard are what Prometheus knows, and use only metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.servers.optional import require
from tests.servers.stack import Stack

CONFIGURATION = Path(__file__).parents[2] / "configuration"
PROMETHEUS = CONFIGURATION / "prometheus"
DASHBOARD = CONFIGURATION / "grafana" / "dashboard.json"


def promtool(*arguments: str | Path) -> str:
    if not shutil.which("promtool"):
        require("promtool", "apt-get install prometheus")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    keda = yaml.safe_load((CONFIGURATION / "kubernetes" / "keda.yaml").read_text())
    yield from (trigger["metadata"]["query"] for trigger in keda["spec"]["triggers"])


def test_prometheus_takes_the_files(tmp_path: Path) -> None:
    shutil.copytree(PROMETHEUS, tmp_path, dirs_exist_ok=True)
    promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yaml")
    promtool("check", "rules", tmp_path / "alerts.yaml")


def test_the_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", PROMETHEUS / "alerts.test.yaml")


def test_the_dashboard_asks_what_prometheus_can_answer(tmp_path: Path) -> None:
    rules = [{"record": f"a:{n}", "expr": one} for n, one in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


@pytest.mark.slow
def test_each_metric_that_is_asked_for_exists(stack: Stack) -> None:
    asked = set(re.findall(r"datanectar_\w+", " ".join(expressions())))
    given = set(re.findall(r"^# TYPE (datanectar_\w+)", stack.get("/metrics").text, re.MULTILINE))
    assert {name.removesuffix("_bucket") for name in asked} <= given
