"""The set-up of docs/high-availability.md: two webs behind nginx, three worker hosts, one luigid.

The run store is PostgreSQL, the queue Redis, luigid under supervisord. Results are in a folder that
all hosts share.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from datanectar.luigid.launch import CONFIGURATION
from tests.servers.evidence import Evidence
from tests.servers.hosts import Host, can_make_namespaces
from tests.servers.optional import require
from tests.servers.processes import descendants, free_port, responds, wait_for
from tests.servers.stack import Stack, copy_catalogue

WEBS = ("web-1", "web-2")
WORKERS = ("east", "north", "west")
_SUPERVISED = """
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid

[program:luigid]
command={python} -c "from luigi.cmdline import luigid; luigid()" --address 127.0.0.1 --port {port} --state-path {folder}/luigid.pickle
environment=LUIGI_CONFIG_PATH="{configuration}"
autorestart=true
startsecs=0
"""
#: A POST may be repeated at the other web: equal requests are one run.
_PROXY = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream datanectar {{
        server 127.0.0.1:{first} fail_timeout=1s;
        server 127.0.0.1:{second} fail_timeout=1s;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://datanectar;
            proxy_set_header Host $http_host;
            proxy_next_upstream error timeout http_502 http_503 non_idempotent;
        }}
    }}
}}
"""


@dataclass
class Site:
    """The processes; ``stack.url`` is nginx's, ``stack.processes`` has all by name."""

    stack: Stack
    evidence: Evidence
    folder: Path
    hosts: dict[str, Host] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in WEBS})

    def start(self) -> None:
        """Start every part."""
        self.start_luigid()
        for name in WEBS:
            self.start_web(name)
        self._start_proxy()
        namespaces = can_make_namespaces()
        for number, name in enumerate(WORKERS, 11):
            self.hosts[name] = Host(name, number, self.stack, namespaces)
            self.hosts[name].start()

    def start_web(self, name: str) -> None:
        """Start a web under its name."""
        port = self.ports[name]
        environ = {
            "DATANECTAR_PORT": str(port),
            "DATANECTAR_STATE": str(self.stack.project / f"state-{name}"),
        }
        self.stack.spawn(name, [sys.executable, "-m", "datanectar", "web"], environ)
        wait_for(
            lambda: self.stack.is_alive(name) and responds(f"http://127.0.0.1:{port}/healthz"), name
        )

    def start_luigid(self) -> None:
        """Start supervisord with luigid below it."""
        file = self.folder / "supervisord.conf"
        names = {"folder": self.folder, "python": sys.executable, "configuration": CONFIGURATION}
        file.write_text(_SUPERVISED.format(port=self.stack.luigid_port, **names))
        program = Path(sys.executable).parent / "supervisord"
        self.stack.spawn("luigid", [str(program), "-c", str(file)])
        self.stack.wait_for_luigid()

    def pid(self, name: str) -> int:
        """Return the pid of a part; of luigid, not its supervisor's, and 0 while there is none."""
        own = self.stack.processes[name].pid
        return next(iter(descendants(own)), 0) if name == "luigid" else own

    def kill_luigid(self) -> None:
        """SIGKILL luigid, and return once its supervisor has started it again."""
        pid = self.pid("luigid")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.pid("luigid") not in (0, pid), "luigid is started again")
        self.stack.wait_for_luigid()

    def lose_luigid(self) -> None:
        """Kill luigid with its supervisor: its host is gone."""
        pids = [
            self.stack.processes["luigid"].pid,
            *descendants(self.stack.processes["luigid"].pid),
        ]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.stack.processes["luigid"].wait()

    def restart(self, name: str) -> None:
        """SIGKILL a part and start it again, as its supervisor would."""
        if name == "luigid":
            self.kill_luigid()
        elif name in WEBS:
            self.stack.kill(name)
            self.start_web(name)
        else:
            self.stack.kill(name)
            self.hosts[name].start()

    def drain(self, name: str) -> None:
        """Replace a host's worker by a new one, as a rolling restart does."""
        command = [sys.executable, "-m", "datanectar", "worker", "--drain", name]
        environ, folder = self.stack.environment, self.stack.project
        subprocess.run(command, env=environ, cwd=folder, check=True, capture_output=True)
        self.stack.processes[name].wait()
        self.hosts[name].start()

    def _start_proxy(self) -> None:
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            require("nginx", "apt-get install nginx")
        first, second = self.ports.values()
        file = self.folder / "nginx.conf"
        file.write_text(
            _PROXY.format(folder=self.folder, port=self.stack.port, first=first, second=second)
        )
        self.stack.spawn(
            "nginx", [program, "-e", "stderr", "-p", str(self.folder), "-c", str(file)]
        )
        wait_for(lambda: responds(f"{self.stack.url}/healthz"), "nginx is up")


@contextmanager
def site(folder: Path, database: str, queue: str, **environ: str) -> Iterator[Site]:
    """Run a site over an empty folder, a PostgreSQL database and a Redis; with further settings."""
    evidence = Evidence(folder / "evidence")
    evidence.folder.mkdir()
    settings = {
        "DATANECTAR_DATABASE_URL": database,
        "DATANECTAR_QUEUE_URL": queue,
        "DATANECTAR_HEARTBEAT_TIMEOUT": "3",
        "DATANECTAR_MAX_ATTEMPTS": "9",
        "FAULTS_EVIDENCE": str(evidence.folder),
    }
    made = Site(Stack(folder / "project", environ={**settings, **environ}), evidence, folder)
    copy_catalogue(made.stack.project)
    shutil.rmtree(made.stack.project / "code" / "chains" / "wide")  # it has a schedule
    try:
        made.start()
        yield made
    finally:
        made.stack.close()
        for host in made.hosts.values():
            host.close()
