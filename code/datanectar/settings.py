"""Every setting, in one table: its name, environment variable, default, and what it is for.

Parsing, checks, ``datanectar settings`` and ``docs/settings.md`` all come from the fields of
:class:`Settings`. Nothing else in the package reads the environment for its configuration.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datanectar.errors import StartupError

#: Who holds these can start runs or rewrite the history; children need none of them.
_PARENTS_ONLY = ("DATANECTAR_TOKENS", "DATANECTAR_DATABASE_URL", "DATANECTAR_QUEUE_URL")


def available_cores() -> int:
    """Return how many cores this process may use, which in a container is not the host's count."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_project(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that holds ``code/chains``, else ``start``."""
    for folder in (start, *start.parents):
        if (folder / "code" / "chains").is_dir():
            return folder
    return start


def _setting(variable: str, default: Any, help: str, parse: Callable[[str], Any] = str) -> Any:
    metadata = {"variable": variable, "default": default, "help": help, "parse": parse}
    return dataclasses.field(metadata=metadata)


def _whole(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if int(text) < minimum:
            raise ValueError(f"must be at least {minimum}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    if not 0 <= float(text) < math.inf:
        raise ValueError("must be a number of at least 0")
    return float(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _http(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.port == 0:
        raise ValueError("must look like http://127.0.0.1:8082")
    return text


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


@dataclass(frozen=True)
class Settings:
    """The values in force. Made by :func:`load`; a default given as a function sees the others."""

    env: str = _setting(
        "ENV",
        "local",
        "`local` keeps results in `local_targets/`; any other name keeps them in the bucket `<ENV>.<PROJECT_BUCKET>`",
    )
    project_bucket: str = _setting(
        "PROJECT_BUCKET", "datanectar", "the bucket's name without the environment"
    )
    project: Path = _setting(
        "DATANECTAR_PROJECT",
        lambda s: find_project(Path.cwd()),
        "the project's folder; the nearest one upwards that holds `code/chains`",
        _folder,
    )
    chains: Path = _setting(
        "DATANECTAR_CHAINS",
        lambda s: s["project"] / "code" / "chains",
        "the folder with `<type>/<name>_chain.py`",
        _folder,
    )
    local_targets: Path = _setting(
        "DATANECTAR_LOCAL_TARGETS",
        lambda s: s["project"] / "local_targets",
        "where local results go",
        _folder,
    )
    state: Path = _setting(
        "DATANECTAR_STATE",
        lambda s: s["project"] / ".datanectar",
        "where the run store, the queue, luigid's state and unfinished logs are kept",
        _folder,
    )
    host: str = _setting(
        "DATANECTAR_HOST",
        "127.0.0.1",
        "the address that the app listens on; any but loopback needs `DATANECTAR_TOKENS`",
    )
    port: int = _setting("DATANECTAR_PORT", 5000, "the app's port", _whole(0))
    luigid_url: str = _setting(
        "DATANECTAR_LUIGID_URL",
        "http://127.0.0.1:8082",
        "where luigid is; unless it is given, `datanectar up` takes another port when this one is taken",
        _http,
    )
    database_url: str = _setting(
        "DATANECTAR_DATABASE_URL",
        lambda s: f"sqlite:///{s['state'] / 'runs.db'}",
        "the run store: `sqlite:///...` or `postgresql://...`",
    )
    queue_url: str = _setting(
        "DATANECTAR_QUEUE_URL",
        lambda s: _queue_beside(s["database_url"], s["state"]),
        "the queue: `sqlite:///...`, `postgresql://...` or `redis://...`; beside the run store by default",
    )
    workers: int = _setting(
        "DATANECTAR_WORKERS",
        lambda s: available_cores(),
        "runs at a time on this host; the number of cores by default",
        _whole(1),
    )
    web_threads: int = _setting(
        "DATANECTAR_WEB_THREADS", 16, "requests answered at a time", _whole(1)
    )
    max_queued: int = _setting(
        "DATANECTAR_MAX_QUEUED",
        10_000,
        "runs that may wait; beyond it a POST answers 429",
        _whole(1),
    )
    max_attempts: int = _setting(
        "DATANECTAR_MAX_ATTEMPTS", 3, "how often a run is begun when its process is lost", _whole(1)
    )
    heartbeat_timeout: float = _setting(
        "DATANECTAR_HEARTBEAT_TIMEOUT",
        30.0,
        "seconds of silence after which another host takes up a worker's runs",
        _seconds,
    )
    grace: float = _setting(
        "DATANECTAR_GRACE",
        10.0,
        "seconds that running runs get to finish when a worker is told to stop",
        _seconds,
    )
    import_timeout: float = _setting(
        "DATANECTAR_IMPORT_TIMEOUT",
        20.0,
        "seconds that a chain may take to be imported and its parameters to be resolved",
        _seconds,
    )
    run_timeout: float = _setting(
        "DATANECTAR_RUN_TIMEOUT",
        86_400.0,
        "seconds that a run may take; a task class can set its own `run_timeout`",
        _seconds,
    )
    retry_delay: float = _setting(
        "DATANECTAR_RETRY_DELAY",
        5.0,
        "seconds before a failed task with `retry_count` above 1 is tried again within its run",
        _seconds,
    )
    keep_runs_days: float = _setting(
        "DATANECTAR_KEEP_RUNS_DAYS",
        90.0,
        "days that the history of an ended run is kept; results are never deleted; 0 keeps all",
        _seconds,
    )
    log_ship_interval: float = _setting(
        "DATANECTAR_LOG_SHIP_INTERVAL",
        10.0,
        "seconds between copies of a running task's log to S3",
        _seconds,
    )
    preload: tuple[str, ...] = _setting(
        "DATANECTAR_PRELOAD",
        (),
        "modules that children find imported already, e.g. `pandas numpy`",
        _words,
    )
    tokens: tuple[str, ...] = _setting(
        "DATANECTAR_TOKENS",
        (),
        "API tokens as `<token>:<scope>`, scope `read`, `run` or `admin`; a token without one is `admin`",
        _words,
    )
    allowed_hosts: tuple[str, ...] = _setting(
        "DATANECTAR_ALLOWED_HOSTS",
        (),
        "names under which browsers and clients may reach the app, besides loopback and `DATANECTAR_HOST`",
        _words,
    )
    s3_public_endpoint: str = _setting(
        "DATANECTAR_S3_PUBLIC_ENDPOINT",
        "",
        "the S3 endpoint for URLs handed to clients, when it differs from the one used inside",
    )
    node: str = _setting(
        "DATANECTAR_NODE", lambda s: socket.gethostname(), "this host's name among the workers"
    )

    def environ(self) -> dict[str, str]:
        """Return the variables that make :func:`load` return these settings again."""
        return {
            field.metadata["variable"]: _spell(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    def environ_for_children(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with these settings, less what authors' code has no business to read."""
        merged = {**environ, **self.environ()}
        return {name: value for name, value in merged.items() if name not in _PARENTS_ONLY}

    @property
    def is_local(self) -> bool:
        """Whether ``NectarTask`` keeps its results on this disk."""
        return self.env == "local"

    @property
    def bucket(self) -> str:
        """The bucket's full name, ``<ENV>.<PROJECT_BUCKET>``."""
        return f"{self.env}.{self.project_bucket}"

    @property
    def code(self) -> Path:
        """The source root that holds ``chains/``; a child's working directory and import path."""
        return self.chains.parent

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the app."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _spell(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _queue_beside(database_url: str, state: Path) -> str:
    return f"sqlite:///{state / 'queue.db'}" if database_url.startswith("sqlite") else database_url


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that ``environ`` (by default the process's) spells.

    Raises:
        StartupError: naming each variable whose value can't be used, and why.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in dataclasses.fields(Settings):
        meta = field.metadata
        text = environ.get(meta["variable"], "")
        try:
            values[field.name] = meta["parse"](text) if text else _default(meta["default"], values)
        except ValueError as problem:
            problems[meta["variable"]] = f"{text!r}: {problem}"
            values[field.name] = None if callable(meta["default"]) else meta["default"]
    if problems:
        lines = "; ".join(f"{name} is {why}" for name, why in problems.items())
        raise StartupError(f"These settings can't be used: {lines}.", fields=problems)
    return Settings(**values)


def is_given(variable: str) -> bool:
    """Tell whether somebody has set the variable on purpose."""
    return bool(os.environ.get(variable))


def _default(default: Any, values: dict[str, Any]) -> Any:
    return default(values) if callable(default) else default


@lru_cache(maxsize=1)
def current() -> Settings:
    """Return this process's settings, read from its environment once."""
    return load()


def rows() -> list[tuple[str, str, str]]:
    """Return variable, default and help of every setting, for the help page and the docs."""
    described = []
    for field in dataclasses.fields(Settings):
        default = field.metadata["default"]
        shown = (
            "computed"
            if callable(default)
            else " ".join(map(str, default))
            if isinstance(default, tuple)
            else str(default)
        )
        described.append((field.metadata["variable"], shown, field.metadata["help"]))
    return described
