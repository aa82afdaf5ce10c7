"""How luigid is started, and where the luigid of the running ``datanectar up`` is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from datanectar.luigid.address import host_and_port
from datanectar.permissions import read_private, write_private
from datanectar.settings import Settings

#: luigid's configuration for a service; comments in the file give the reasons.
CONFIGURATION = Path(__file__).with_name("luigid.cfg")

#: The file of the state folder with the process id of ``datanectar up`` and the URL of its luigid.
_URL_FILE = "luigid.url"


def command(settings: Settings) -> list[str]:
    """Return the command that starts luigid at the address in the settings.

    Its environment needs ``LUIGI_CONFIG_PATH``, set to :data:`CONFIGURATION`.
    """
    host, port = host_and_port(settings.luigid_url)
    address = ["--address", host, "--port", str(port), "--state", str(settings.state)]
    files = [word for file in _luigi_files(settings) for word in ("--resources", str(file))]
    form = ["--log-format", settings.log_format]
    return [sys.executable, "-m", "datanectar.luigid.server", *address, *form, *files]


def _luigi_files(settings: Settings) -> list[Path]:
    """Return the files that Luigi reads in a run, which starts in ``code/`` (luigi/configuration)."""
    own = os.environ.get("LUIGI_CONFIG_PATH")
    files = [Path("/etc/luigi/luigi.cfg"), settings.code / "luigi.cfg"]
    return [*files, settings.code / own] if own else files


def publish_url(state: Path, url: str) -> None:
    """Write luigid's URL into the state folder, for processes that are started by hand.

    It counts while this process lives.
    """
    write_private(state / _URL_FILE, f"{os.getpid()} {url}")


def withdraw_url(state: Path) -> None:
    """Remove luigid's URL from the state folder."""
    (state / _URL_FILE).unlink(missing_ok=True)


def published_url(state: Path) -> str | None:
    """Return the URL of the luigid of the ``datanectar up`` that runs over this state, or None."""
    pid, _, url = (read_private(state / _URL_FILE) or "").partition(" ")
    if not (pid.isdecimal() and url):
        return None
    try:
        os.kill(int(pid), 0)
    except (OSError, OverflowError):  # it was killed, and luigid with it
        return None
    return url
