"""A real Dask cluster: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.servers.optional import require
from tests.servers.processes import PATIENCE, descendants, free_port, is_running, wait_for


@dataclass
class DaskCluster:
    """A scheduler and workers by name, with the environment that the workers get.

    Args:
        folder: for their logs and files.
        environ: what the workers have in their environment, such as keys for S3.
        host: where the scheduler listens; it is asked by loopback.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.dashboard = free_port(), free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"

    def start(self, *workers: str, **options: str) -> DaskCluster:
        """Start the scheduler, and workers with these names and options."""
        self.start_scheduler()
        for name in workers:
            self.start_worker(name, **options)
        return self

    def start_scheduler(self) -> None:
        self._spawn(
            "scheduler", [], "distributed.cli.dask_scheduler", "--host", self.host, "--port",
            str(self.port), "--dashboard-address", f"{self.host}:{self.dashboard}",
        )  # fmt: skip
        wait_for(lambda: f":{self.port}" in self.output("scheduler"), "the scheduler is up")

    def start_worker(
        self,
        name: str,
        prefix: tuple[str, ...] = (),
        address: str = "",
        environ: dict[str, str] | None = None,
        **options: str,
    ) -> None:
        """Start a worker with its nanny; wait until it has joined.

        Args:
            name: its name.
            prefix: a command that runs it, such as ``ip netns exec``.
            address: the scheduler's, as the worker reaches it.
            environ: variables of this worker alone.
            options: of ``dask worker``, such as ``nthreads="2"``.
        """
        known = {"nthreads": "2", "memory_limit": "2GB", **options}
        flags = [part for key, value in known.items() for part in (f"--{key.replace('_', '-')}", value)]  # fmt: skip
        before = self.output("scheduler").count("Register worker")
        env = ["env", *(f"{k}={v}" for k, v in environ.items())] if environ else []
        self._spawn(
            name, [*prefix, *env], "distributed.cli.dask_worker", address or self.address, "--name",
            name, "--local-directory", str(self.folder / name), "--no-dashboard", *flags,
        )  # fmt: skip
        wait_for(
            lambda: self.output("scheduler").count("Register worker") > before, f"{name} joins"
        )

    def _spawn(self, name: str, prefix: list[str], module: str, *arguments: str) -> None:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("DATANECTAR_", "AWS_"))}
        command = [*prefix, sys.executable, "-m", module, *arguments]
        with (self.folder / f"{name}.out").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env={**plain, **self.environ}, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def output(self, name: str) -> str:
        """Return what a process has printed."""
        file = self.folder / f"{name}.out"
        return file.read_text(errors="replace") if file.exists() else ""

    def pids(self, name: str) -> list[int]:
        """Return the pids of a process and of all below it."""
        pid = self.processes[name].pid if name in self.processes else 0
        return [pid, *descendants(pid)]

    def kill(self, name: str) -> None:
        """SIGKILL a process and its worker, as a machine that loses its power."""
        for pid in self._own(name):
            os.kill(pid, signal.SIGKILL)
        self.processes.pop(name).wait()

    def suspend(self, name: str) -> None:
        for pid in self._own(name):
            os.kill(pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        for pid in self._own(name):
            os.kill(pid, signal.SIGCONT)

    def _own(self, name: str) -> list[int]:
        """Return the pids of a nanny and its worker, without what the worker has started."""
        nanny = self.processes[name].pid
        return [nanny, *[p for p in descendants(nanny) if _parent(p) == nanny]]

    def close(self) -> None:
        """Stop everything; fail when a process is left over."""
        pids = [pid for name in self.processes for pid in self.pids(name)]
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        wait_for(lambda: not any(map(is_running, pids)), "no process of Dask is left over", 20)

    def client(self) -> Any:
        """Return a client of the cluster; close it after use."""
        from distributed import Client

        return Client(self.address, set_as_default=False)


def _parent(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(fields.rpartition(")")[2].split()[1])


@pytest.fixture
def make_cluster(tmp_path: Path) -> Any:
    """Make clusters that one test may break; not started. ``make_cluster(AWS_...="...")``."""
    made: list[DaskCluster] = []

    def make(**environ: str) -> DaskCluster:
        made.append(DaskCluster(tmp_path / f"dask{len(made)}", environ))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A scheduler and two workers for the tests of one module that break nothing."""
    if importlib.util.find_spec("distributed") is None:
        require("Dask", "venv/bin/pip install 'datanectar[dask]'")
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        yield cluster.start("anna", "bert", resources="cpus=2 memory=2e9")
    finally:
        cluster.close()
