"""Every setting, in one table: its name, environment variable, default, and what it is for.

Parsing, checks, ``datanectar settings`` and ``docs/settings.md`` all come from the fields of
:class:`Settings`. A value comes from the environment, else from the project's settings file, else it
is the default. Elsewhere the package reads from the environment only what its own processes tell each
other and where the command line finds an app (:data:`OTHER_VARIABLES`), the run's time
(``keys.RUN_TIME_VARIABLE``), and ``AWS_REGION``, which boto3 leaves out of the ``AWS_*`` variables that
it reads itself.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from datanectar.cores import available_cores
from datanectar.errors import StartupError
from datanectar.project_file import find_project, read_project_file

#: Who holds these can start runs or rewrite the history; children need none of them.
PARENTS_ONLY = ("DATANECTAR_TOKENS", "DATANECTAR_DATABASE_URL", "DATANECTAR_QUEUE_URL")
#: Set in an environment that spells all settings: whoever starts with it leaves the file alone,
#: so that all parts of an app agree, also after an edit.
_COMPLETE = "DATANECTAR_COMPLETE"
#: What the package reads besides settings: what its processes tell each other, and where an app is.
OTHER_VARIABLES = frozenset(
    {
        _COMPLETE,
        "DATANECTAR_ATTEMPT_DIR",
        "DATANECTAR_SUPERVISED",
        "DATANECTAR_TOKEN",
        "DATANECTAR_URL",
        "DATANECTAR_FORK_SERVER",
    }
)
_DAY = 86_400.0




def _setting(variable: str, default: Any, help: str, parse: Callable[[str], Any] = str) -> Any:
    metadata = {"variable": variable, "default": default, "help": help, "parse": parse}
    return dataclasses.field(metadata=metadata)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text) if len(text) < 20 and text.strip().lstrip("-").isdecimal() else None
        if value is None or not least <= value <= most:
            raise ValueError(f"it can be a whole number from {least} to {most}")
        return value

    return parse


def _amount(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        words = f"it can be a number from {least:.15g} to {most:.15g}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(words) from None
        if not least <= value <= most:  # which NaN is not either
            raise ValueError(words)
        return value

    return parse


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _tokens(text: str) -> tuple[str, ...]:
    entries = _words(text)
    if not entries:
        raise ValueError("it is set and names no token; leave it unset, or name one")
    names = [entry.partition(":")[0] for entry in entries]
    for number, name in enumerate(names):
        if name in names[:number]:
            first = names.index(name) + 1
            raise ValueError(f"entries {first} and {number + 1} are the same token; keep one")
    return entries


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        user = Path(text).parts[0]
        raise ValueError(f"there is no user {user[1:]!r}; write the path in full") from None


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("it can be http://<host>:<port>, with a port up to 65535")
    return text


def sqlite_url(file: Path) -> str:
    """Return the URL of a SQLite file, whatever signs its path has."""
    return f"sqlite:///{quote(os.fsencode(file), safe=' +/')}"


def sqlite_file(url: str) -> Path:
    """Return the file that a URL, ``sqlite:///<path>``, names: what :func:`sqlite_url` made it from."""
    path = url.partition(":///")[2].partition("?")[0]
    return Path(os.fsdecode(unquote_to_bytes(path)))


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
        lambda s: _nearest_project(),
        "the project's folder; the nearest one upwards that holds `code/chains` or a settings file",
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
    port: int = _setting("DATANECTAR_PORT", 5000, "the app's port", _whole(0, 65_535))
    luigid_url: str = _setting(
        "DATANECTAR_LUIGID_URL",
        "http://127.0.0.1:8082",
        "where luigid is; unless it is given, `datanectar up` takes another port when this one is taken",
        _http_url,
    )
    database_url: str = _setting(
        "DATANECTAR_DATABASE_URL",
        lambda s: sqlite_url(s["state"] / "runs.db"),
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
        _whole(1, 1_000),
    )
    web_threads: int = _setting(
        "DATANECTAR_WEB_THREADS", 16, "requests answered at a time", _whole(1, 1_000)
    )
    max_queued: int = _setting(
        "DATANECTAR_MAX_QUEUED",
        10_000,
        "runs that may wait; beyond it a POST answers 429",
        _whole(1, 10**9),
    )
    max_attempts: int = _setting(
        "DATANECTAR_MAX_ATTEMPTS", 3, "how often a run is begun when its process is lost", _whole(1, 1_000)
    )
    heartbeat_timeout: float = _setting(
        "DATANECTAR_HEARTBEAT_TIMEOUT",
        30.0,
        "seconds of silence after which another host takes up a worker's runs",
        _amount(1, _DAY),
    )
    grace: float = _setting(
        "DATANECTAR_GRACE",
        10.0,
        "seconds that running runs get to finish when a worker is told to stop",
        _amount(0, 7 * _DAY),
    )
    import_timeout: float = _setting(
        "DATANECTAR_IMPORT_TIMEOUT",
        20.0,
        "seconds that a chain may take to be imported and its parameters to be resolved",
        _amount(0.1, _DAY),
    )
    run_timeout: float = _setting(
        "DATANECTAR_RUN_TIMEOUT",
        86_400.0,
        "seconds that a run may take; a task class can set its own `run_timeout`",
        _amount(0.1, 3650 * _DAY),
    )
    retry_delay: float = _setting(
        "DATANECTAR_RETRY_DELAY",
        5.0,
        "seconds before a failed task with `retry_count` above 1 is tried again within its run",
        _amount(0, _DAY),
    )
    keep_runs_days: float = _setting(
        "DATANECTAR_KEEP_RUNS_DAYS",
        90.0,
        "days that the history of an ended run is kept; results are never deleted; 0 keeps all",
        _amount(0, 36_500),
    )
    log_ship_interval: float = _setting(
        "DATANECTAR_LOG_SHIP_INTERVAL",
        10.0,
        "seconds between copies of a running task's log to S3",
        _amount(0.1, _DAY),
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
        _tokens,
    )
    allowed_hosts: tuple[str, ...] = _setting(
        "DATANECTAR_ALLOWED_HOSTS",
        (),
        "names under which browsers and clients may reach the app, besides loopback and `DATANECTAR_HOST`",
        _words,
    )
    result_folders: tuple[str, ...] = _setting(
        "DATANECTAR_RESULT_FOLDERS",
        (),
        "folders, besides the project's and `DATANECTAR_LOCAL_TARGETS`, from which files that plain Luigi tasks declare as their output are given out, e.g. `/data/exports`",
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
        spelt = {
            field.metadata["variable"]: _spell(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }
        return {**spelt, _COMPLETE: "1"}

    def environ_for_children(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with these settings, less what authors' code has no business to read."""
        merged = {**environ, **self.environ()}
        return {name: value for name, value in merged.items() if name not in PARENTS_ONLY}

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
    def app_url(self) -> str:
        """The app's address on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        name = f"[{host}]" if ":" in host else host
        return f"http://{'localhost' if host == '127.0.0.1' else name}:{self.port}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the app."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on a host's name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _spell(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _queue_beside(database_url: str, state: Path) -> str:
    return sqlite_url(state / "queue.db") if database_url.startswith("sqlite") else database_url


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that ``environ`` (by default the process's) and the project's file spell.

    Raises:
        StartupError: naming each value that can't be used, where it stands, and why.
    """
    return load_with_sources(environ)[0]


def load_with_sources(
    environ: Mapping[str, str] | None = None,
) -> tuple[Settings, dict[str, str]]:
    """Return what :func:`load` does, and by field name where a value comes from.

    That is ``environment``, the file's name, or ``default``.

    Raises:
        StartupError: as :func:`load`.
    """
    environ = os.environ if environ is None else environ
    file, written, folder = _written(environ)
    problems = _strangers(file, written)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field in dataclasses.fields(Settings):
        meta = field.metadata
        place, source, value = meta["variable"], "environment", environ.get(meta["variable"], "")
        try:
            text = value
            if not value and field.name in written:
                place, source, value = f"{field.name} in {file}", file, written[field.name]
                text = _text_of(str(field.type), value)
            if not text:
                source = "default"
            values[field.name] = (
                _from_text(field, text, folder if source == file else None)
                if text
                else _default(meta["default"], values)
            )
        except ValueError as problem:
            # What may hold a token or a password is not repeated.
            shown = "not usable" if meta["variable"] in PARENTS_ONLY else repr(value)
            problems[place] = f"{shown}: {problem}"
            values[field.name] = Path() if field.type == "Path" else ""  # others look at it
        sources[field.name] = source
    if problems:
        lines = "; ".join(f"{name} is {why}" for name, why in problems.items())
        raise StartupError(f"These settings can't be used: {lines}.", fields=problems)
    return Settings(**values), sources


def _written(environ: Mapping[str, str]) -> tuple[str, dict[str, Any], Path]:
    """Return the name of the settings file that counts here, what it holds, and its folder."""
    if environ.get(_COMPLETE):
        return "", {}, Path()
    try:
        text = environ.get("DATANECTAR_PROJECT", "")
        project = _folder(text) if text else _nearest_project()
    except ValueError:  # told with the other settings
        return "", {}, Path()
    return *read_project_file(project), project


def _nearest_project() -> Path:
    try:
        return find_project(Path.cwd())
    except OSError as problem:
        raise StartupError(
            f"The folder in which this was started can't be used ({problem.strerror}): "
            "change to another one."
        ) from problem


def _strangers(file: str, written: dict[str, Any]) -> dict[str, str]:
    """Return what a settings file names that is no setting there, with what may be meant."""
    known = [field.name for field in dataclasses.fields(Settings) if field.name != "project"]
    strangers = {}
    for name in written.keys() - known:
        meant = name.lower().removeprefix("datanectar_")
        near = difflib.get_close_matches(meant, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "; `datanectar settings` lists what is"
        strangers[f"{name} in {file}"] = f"no setting{hint}"
    return strangers


def _text_of(kind: str, value: Any) -> str:
    """Return a file's value as a variable would spell it.

    Raises:
        ValueError: when it is of another type than the setting, or can't be spelt.
    """
    types, words = _FILE_TYPES[kind]
    if not isinstance(value, types) or isinstance(value, bool):
        raise ValueError(f"it must be {words}")
    items = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not all(isinstance(item, str) for item in items):
        raise ValueError(f"it must be {words}")
    if isinstance(value, list) and any(_words(str(item)) != (item,) for item in items):
        raise ValueError("each of its texts must be a word without blanks and commas")
    if any("\0" in item for item in items if isinstance(item, str)):
        raise ValueError("it holds a NUL character")
    return _spell(tuple(value) if isinstance(value, list) else value)


#: The types of a settings file for each type of setting, and how they are called.
_FILE_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text in quotes"),
    "Path": ((str,), "a path in quotes"),
    "int": ((int,), "a whole number without quotes"),
    "float": ((int, float), "a number without quotes"),
    "tuple[str, ...]": ((list,), 'a list of texts, ["...", "..."]'),
}


def _from_text(field: dataclasses.Field[Any], text: str, folder: Path | None) -> Any:
    """Return the value that ``text`` spells; a file's paths begin at its ``folder``."""
    if folder is not None and field.type == "Path" and not text.startswith("~"):
        text = str(folder / text)
    value = field.metadata["parse"](text)
    if folder is not None and field.name.endswith("_url") and text.startswith("sqlite:///"):
        query = text.partition("?")[2]
        return sqlite_url(folder / sqlite_file(text)) + (f"?{query}" if query else "")
    return value


def _default(default: Any, values: dict[str, Any]) -> Any:
    return default(values) if callable(default) else default


_kept: Settings | None = None


def keep(settings: Settings) -> None:
    """Make these what :func:`current` returns: an edit of the file must not divide a process."""
    global _kept
    _kept = settings
    current.cache_clear()


@lru_cache(maxsize=1)
def current() -> Settings:
    """Return this process's settings: those it keeps, or as they are read once."""
    return _kept or load()


def is_given(variable: str) -> bool:
    """Tell whether somebody has set the variable, or its name in the project's file, on purpose."""
    return load_with_sources()[1][field_of(variable)] != "default"


def field_of(variable: str) -> str:
    """Return the name that a setting's variable has in a settings file."""
    names = {field.metadata["variable"]: field.name for field in dataclasses.fields(Settings)}
    return names[variable]


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
