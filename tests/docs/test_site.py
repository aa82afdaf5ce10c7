"""The guide is built without a warning, holds what the code has, and works as the app serves it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from datanectar.cli.main import COMMANDS
from datanectar.client import Client
from datanectar.http.envelope import handle_errors
from datanectar.parameters.class_options import OPTIONS
from datanectar.views import guide
from tests.docs.pages import ROOT
from tests.servers.processes import wait_for
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Path:
    """The site as ``make docs`` builds it, where the app finds it."""
    command = ["sh", "configuration/docs.sh"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return guide.GUIDE


def test_the_reference_has_every_option_command_and_method(site: Path) -> None:
    tasks, python, commands = (
        (site / "reference" / f"{page}.html").read_text()
        for page in ("task-classes", "python", "commands")
    )
    assert not [name for name in OPTIONS if f'id="datanectar.NectarTask.{name}"' not in tasks]
    methods = [name for name in vars(Client) if not name.startswith("_")]
    assert not [name for name in methods if f'id="datanectar.Client.{name}"' not in python]
    names = set(COMMANDS) - {"settings"}  # the same as config
    assert not [name for name in names if f"datanectar {name} [OPTIONS]" not in _text(commands)]


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//""")
    assert not [page.name for page in site.rglob("*.html") if loaded.search(page.read_text())]
    fetched = re.compile(r"@import|url\(\s*[\"']?(?:https?:)?//")
    assert not [file.name for file in site.rglob("*.css") if fetched.search(file.read_text())]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_app_serves_it_under_a_strict_policy(
    site: Path, web: Stack, open_page: Callable[..., Any], scheme: str
) -> None:
    """``open_page`` fails on any script, style or image that the policy refuses."""
    page = open_page(f"{web.url}/", color_scheme=scheme)
    page.get_by_role("link", name="Guide").click()
    page.get_by_role("link", name="Chains", exact=True).first.click()
    assert page.url == f"{web.url}/docs/guide/chains.html"
    page.get_by_placeholder("Search").first.fill("debugger")
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.wait_for()
    assert "debugging.html" in page.locator("ul.search").inner_html()


def test_it_fits_a_phone(site: Path, web: Stack, open_page: Callable[..., Any]) -> None:
    for name in ("index", "settings", "tutorial", "reference/routes"):
        phone = {"width": 390, "height": 844}
        page = open_page(f"{web.url}/docs/guide/{name}.html", viewport=phone)
        width = "document.documentElement.scrollWidth"
        assert wait_for(lambda page=page, width=width: page.evaluate(width), "a width") <= 390


def test_what_is_no_file_of_the_guide_is_not_found(site: Path, web: Stack) -> None:
    for name in ("nothing.html", "../app.py", "..%2f__init__.py", "_static", "/etc/passwd"):
        answer = requests.get(f"{web.url}/docs/guide/{name}", timeout=30)
        assert answer.status_code == 404, name
    page = requests.get(f"{web.url}/docs/guide", timeout=30)
    assert page.url == f"{web.url}/docs/guide/"
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "script-src 'self' 'unsafe" not in policy


def test_without_a_guide_the_route_says_how_to_build_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guide, "GUIDE", tmp_path)
    app = Flask(__name__)
    handle_errors(app)
    app.register_blueprint(guide.blueprint())
    answer = app.test_client().get("/docs/guide/")
    assert answer.status_code == 404
    assert "make docs" in answer.json["message"]


def test_a_wheel_carries_it(site: Path, tmp_path: Path) -> None:
    """``build_py`` is the step of a wheel's build that takes the files."""
    build = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    files = {path.relative_to(site) for path in site.rglob("[!.]*") if path.is_file()}
    assert not [file for file in files if not (tmp_path / "datanectar/guide" / file).is_file()]


def _text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", page).split())
