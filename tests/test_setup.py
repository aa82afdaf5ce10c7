"""The scripts of ``configuration/`` and ``code/app.py``, run for real on a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AS_ROOT = os.geteuid() == 0
NOBODY = 65534
INSTALLED_FROM = (
    "LICENSE",
    "Makefile",
    "README.md",
    "configuration",
    "code",
    "pyproject.toml",
    "setup.py",
)

#: Runs its code as a Python of another version would, or as one without the venv module.
STAND_IN = """#!/bin/sh
exec {python} -c 'import sys
{disguise}
exec(sys.argv[1])' "$2"
"""
OLD = "sys.version_info = (3, 8, 18)"
BARE = "sys.modules['ensurepip'] = None"

#: No index answers there, and pip is not to try for long.
OFFLINE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_NO_CACHE_DIR": "1",
}
#: Installs without compiling; pip takes the value for the one of ``compile``.
QUICK = {"PIP_NO_COMPILE": "0"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh clone, in a folder whose name has a space."""
    return _copy(tmp_path / "my project")


@pytest.fixture(scope="module")
def bare_path() -> Iterator[Path]:
    """A folder for PATH with every program of the system but Python."""
    with tempfile.TemporaryDirectory() as folder:
        for place in ("/usr/bin", "/bin"):
            for program in Path(place).iterdir():
                if not program.name.startswith(("python", "pypy")):
                    (Path(folder) / program.name).unlink(missing_ok=True)
                    (Path(folder) / program.name).symlink_to(program)
        yield Path(folder)


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    """A folder for PATH to put Pythons in."""
    folder = tmp_path / "pythons"
    folder.mkdir()
    return folder


def test_a_python_too_old_is_named_with_what_is_needed(
    project: Path, bare_path: Path, pythons: Path
) -> None:
    _stand_in(pythons / "python3", OLD)
    line = _refusal(project, PATH=f"{pythons}:{bare_path}")
    assert "3.10 or newer" in line
    assert "python3 (3.8.18)" in line
    assert "PYTHON=" in line


def test_a_machine_without_python_is_told_what_to_install(project: Path, bare_path: Path) -> None:
    line = _refusal(project, PATH=str(bare_path))
    assert "3.10 or newer" in line
    assert "PYTHON=" in line


def test_a_missing_venv_module_is_told_with_its_package(
    project: Path, bare_path: Path, pythons: Path
) -> None:
    _stand_in(pythons / "python3", BARE)
    line = _refusal(project, PATH=f"{pythons}:{bare_path}")
    minor = ".".join(map(str, sys.version_info[:2]))
    assert "has no venv module" in line
    assert f"apt install python{minor}-venv" in line


def test_a_named_python_is_used_or_refused_but_never_replaced(project: Path, pythons: Path) -> None:
    assert "PYTHON=/no/such can't be run" in _refusal(project, PYTHON="/no/such")
    _stand_in(pythons / "old", OLD)
    assert "3.8.18" in _refusal(project, PYTHON=str(pythons / "old"))


@pytest.mark.slow
def test_a_python_that_will_not_do_is_passed_over_for_one_that_will(
    project: Path, bare_path: Path, pythons: Path
) -> None:
    _stand_in(pythons / "python3.13", BARE)
    _stand_in(pythons / "python3.12", OLD)
    (pythons / "python3").symlink_to(sys.executable)
    outcome = _script(project, PATH=f"{pythons}:{bare_path}", **OFFLINE)
    assert "Making venv/ with python3 (" in outcome.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="make is not needed")
def test_make_hands_on_the_python_that_was_named(project: Path) -> None:
    command = ["make", "up", "PYTHON=/no/such"]
    outcome = subprocess.run(command, cwd=project, env=_env(), capture_output=True, text=True)
    assert "PYTHON=/no/such can't be run" in outcome.stderr


@pytest.mark.parametrize("closed", [".", "venv"])
def test_a_folder_without_write_permission_is_named(closed: str) -> None:
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        project = _copy(Path(parent) / "project")
        (project / "venv").mkdir()
        project.chmod(0o777)
        (project / closed).chmod(0o555)
        outcome = subprocess.run(
            ["sh", "configuration/up.sh"],
            cwd=project,
            env=_env(),
            capture_output=True,
            text=True,
            user=NOBODY if AS_ROOT else None,
            extra_groups=[] if AS_ROOT else None,
        )
        (project / closed).chmod(0o755)
    assert outcome.returncode == 1
    assert f"{project / closed} can't be written to" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_half_made_venv_is_made_again_and_a_failed_download_said_so(project: Path) -> None:
    programs = project / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (project / "venv" / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    (project / "venv.lock").symlink_to(str(_dead_process()))

    outcome = _script(project, **OFFLINE)

    assert outcome.returncode == 1
    assert "Making venv/" in outcome.stdout
    assert subprocess.run([programs / "pip", "--version"], capture_output=True).returncode == 0
    assert "pip could not download what configuration/requirements.txt needs" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not (project / "venv.lock").is_symlink()
    assert "Making venv/" not in _script(project, **OFFLINE).stdout


def test_a_second_installation_waits_for_the_first(project: Path) -> None:
    (project / "venv.lock").symlink_to(str(os.getpid()))
    command = ["sh", "configuration/up.sh"]
    env = _env(PYTHON="/no/such")
    with subprocess.Popen(
        command, cwd=project, env=env, stdout=subprocess.PIPE, text=True
    ) as second:
        assert second.stdout
        assert f"Waiting for process {os.getpid()}" in second.stdout.readline()
        assert second.poll() is None
        (project / "venv.lock").unlink()
        assert second.wait(30) == 1


def test_the_app_tells_a_python_too_old_in_one_line(project: Path) -> None:
    run = "import runpy; runpy.run_path('app.py', run_name='__main__')"
    outcome = _python(project / "code", "-c", f"import sys; {OLD}; {run}")
    assert outcome.returncode == 1
    assert outcome.stderr == "datanectar needs Python 3.10 or newer; this is 3.8.\n"


def test_the_app_tells_that_datanectar_is_not_installed_in_one_line(project: Path) -> None:
    outcome = _python(project / "code", "-S", "app.py")
    assert outcome.returncode == 1
    assert "datanectar is not installed for" in outcome.stderr
    assert "pip install -r configuration/requirements.txt" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.slow
def test_an_interrupted_installation_is_finished_by_the_next_and_not_done_twice(
    project: Path,
) -> None:
    first = subprocess.Popen(
        ["sh", "configuration/up.sh", "--help"],
        cwd=project,
        env=_env(PYTHON=sys.executable, **QUICK),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with first:
        assert first.stderr
        while not _has_text(project / "venv" / "install.log"):
            assert first.poll() is None
            time.sleep(0.01)
        os.killpg(first.pid, signal.SIGINT)
        assert first.wait(60) == 130
        assert "The same command goes on from here" in first.stderr.read()

    finished = _script(project, "--help", **QUICK)
    assert finished.returncode == 0, finished.stderr
    assert "Making venv/" not in finished.stdout
    assert "Installing configuration/requirements.txt" in finished.stdout

    again = _script(project, "--help")
    assert "--no-luigid" in again.stdout
    assert "Installing" not in again.stdout

    elsewhere = project.rename(project.with_name("moved"))
    assert "Making venv/" in _script(elsewhere, **OFFLINE).stdout


def test_the_gate_names_tests_that_are_there() -> None:
    named = re.findall(r"tests/[\w/.]+", (ROOT / ".ci" / "run").read_text())
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def _copy(folder: Path) -> Path:
    ignore = shutil.ignore_patterns("*.egg-info", "__pycache__")
    folder.mkdir()
    for name in INSTALLED_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def _stand_in(path: Path, disguise: str) -> None:
    path.write_text(STAND_IN.format(python=sys.executable, disguise=disguise.replace("'", '"')))
    path.chmod(0o755)


def _env(**more: str) -> dict[str, str]:
    """A clean environment, but for where this machine's pip gets its packages from."""
    env = {
        k: v for k, v in os.environ.items() if k.lower().startswith(("pip_", "http", "no_proxy"))
    }
    env |= {"HOME": os.environ.get("HOME", "/"), "PATH": "/usr/bin:/bin"}
    return env | more


def _script(project: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "configuration/up.sh", *arguments],
        cwd=project,
        env=_env(**({"PYTHON": sys.executable} if "PATH" not in env else {}) | env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def _refusal(project: Path, **env: str) -> str:
    """What the script says on one line when it can't go on."""
    outcome = _script(project, **env)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert not (project / "venv.lock").is_symlink()
    return outcome.stderr


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=_env(), capture_output=True, text=True)


def _has_text(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _dead_process() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid
