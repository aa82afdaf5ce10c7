"""A real nginx with the configuration that the project ships."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import trustme

from tests.servers.optional import require
from tests.servers.processes import free_port, running

SHIPPED = Path(__file__).parents[2] / "configuration" / "proxies" / "nginx.conf"
NAME = "chains.example"


@dataclass(frozen=True)
class Nginx:
    """A running nginx: where it listens, and the certificate of the authority that signed its own."""

    port: int
    authority: Path

    @property
    def url(self) -> str:
        """Its address, by TLS. Its certificate is for ``localhost`` and ``chains.example``."""
        return f"https://localhost:{self.port}"


@contextmanager
def nginx(folder: Path, app_port: int) -> Iterator[Nginx]:
    """Run nginx before the app on a port, in a folder of its own, with the shipped server block."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        require("nginx", "apt-get install nginx")
    port, authority = free_port(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    own = authority.issue_cert(NAME, "localhost")
    own.private_key_pem.write_to_path(folder / "own.key")
    for pem in own.cert_chain_pems:
        pem.write_to_path(folder / "own.crt", append=True)
    (folder / "nginx.conf").write_text(_whole(folder, _placed(folder, port, app_port)))
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, folder / "nginx.log", lambda: _listens(port, folder)):
        yield Nginx(port, folder / "authority.pem")


def _placed(folder: Path, port: int, app_port: int) -> str:
    """Return the shipped configuration for these ports and this folder."""
    text = SHIPPED.read_text()
    for shipped, here in (
        ("127.0.0.1:5000", f"127.0.0.1:{app_port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server_name chains.example", "server_name chains.example localhost"),
        ("/etc/ssl/chains.example", str(folder / "own")),
    ):
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    return text


def _whole(folder: Path, server: str) -> str:
    temporary = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    indented = re.sub("^", "    ", server, flags=re.MULTILINE)
    return (
        f"daemon off;\npid {folder}/nginx.pid;\nworker_processes 1;\n"
        f"events {{ worker_connections 256; }}\nhttp {{\n    access_log off;\n{temporary}\n{indented}\n}}\n"
    )


def _listens(port: int, folder: Path) -> bool:
    try:
        requests.get(f"https://localhost:{port}/", verify=str(folder / "authority.pem"), timeout=2)
    except requests.RequestException:
        return False
    return True
