"""Every setting, in one table: its name, environment variable, default, and what it is for.

Loading, checks, ``datanectar settings`` and ``docs/settings.md`` all come from the fields of
:class:`Settings`. A new setting is one row here. The package reads nothing else from the environment,
except :data:`OTHER_VARIABLES`, the time of a run (``keys.RUN_TIME_VARIABLE``), and ``AWS_REGION``,
which is the one ``AWS_*`` variable that boto3 does not read itself.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datanectar.cores import available_cores
from datanectar.settings.ages import AGE_RULES
from datanectar.settings.hosts import in_url, is_loopback
from datanectar.settings.kinds import (
    DATABASE_URL,
    FOLDER,
    HTTP_URL,
    NETWORKS,
    OPTIONAL_URL,
    ORIGINS,
    SIZE,
    TEXT,
    TOKENS,
    URL_PREFIX,
    WORDS,
    Kind,
    choice,
    integer,
    none_or,
    number,
    one_of,
    sqlite_url,
    to_text,
)
from datanectar.settings.project_file import nearest_project

#: Children don't get these variables: whoever holds them can start runs or change the history.
PARENTS_ONLY = (
    "DATANECTAR_TOKENS",
    "DATANECTAR_DATABASE_URL",
    "DATANECTAR_QUEUE_URL",
    "DATANECTAR_OIDC_CLIENT_SECRET",
)
#: Marks an environment that has all settings. A process that starts with it does not read the
#: settings file: all processes of an app agree, also after an edit.
COMPLETE = "DATANECTAR_COMPLETE"
#: The variables that the package reads and that are no settings: what its processes pass on to each
#: other, and where the command line finds an app.
OTHER_VARIABLES = frozenset(
    {
        COMPLETE,
        "DATANECTAR_ATTEMPT_DIR",
        "DATANECTAR_SUPERVISED",
        "DATANECTAR_TOKEN",
        "DATANECTAR_URL",
        "DATANECTAR_FORK_SERVER",
    }
)
_DAY = 86_400.0
#: What can run tasks.
ENGINES = ("processes", "dask")


def setting(variable: str, default: Any, help: str, kind: Kind = TEXT) -> Any:
    """Return the field of a setting.

    Args:
        variable: its environment variable.
        default: its value, or a function that gets the values of the rows above, by name.
        help: what it is for, in Markdown.
        kind: how its values are written.
    """
    metadata = {"variable": variable, "default": default, "help": help, "kind": kind}
    return dataclasses.field(metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The values in force. :func:`datanectar.settings.load` makes them from the environment and the file."""

    env: str = setting(
        "ENV",
        "local",
        "`local` keeps results in `local_targets/`; any other name keeps them in the bucket `<ENV>.<PROJECT_BUCKET>`",
    )
    project_bucket: str = setting(
        "PROJECT_BUCKET", "datanectar", "the bucket's name without the environment"
    )
    bucket: str = setting(
        "DATANECTAR_BUCKET",
        lambda s: f"{s['env']}.{s['project_bucket']}",
        "the bucket's whole name, for servers that allow no dot in it; `<ENV>.<PROJECT_BUCKET>` unless given",
    )
    project: Path = setting(
        "DATANECTAR_PROJECT",
        lambda s: nearest_project(),
        "the project's folder; the nearest one upwards that holds `code/chains` or a settings file",
        FOLDER,
    )
    chains: Path = setting(
        "DATANECTAR_CHAINS",
        lambda s: s["project"] / "code" / "chains",
        "the folder with `<type>/<name>_chain.py`",
        FOLDER,
    )
    local_targets: Path = setting(
        "DATANECTAR_LOCAL_TARGETS",
        lambda s: s["project"] / "local_targets",
        "where local results go",
        FOLDER,
    )
    state: Path = setting(
        "DATANECTAR_STATE",
        lambda s: s["project"] / ".datanectar",
        "where the run store, the queue, luigid's state and unfinished logs are kept",
        FOLDER,
    )
    host: str = setting(
        "DATANECTAR_HOST",
        "127.0.0.1",
        "the address that the app listens on; any but loopback needs `DATANECTAR_TOKENS`",
    )
    port: int = setting("DATANECTAR_PORT", 5000, "the app's port", integer(0, 65_535))
    luigid_url: str = setting(
        "DATANECTAR_LUIGID_URL",
        "http://127.0.0.1:8082",
        "where luigid is; unless it is given, `datanectar up` takes another port when this one is taken",
        HTTP_URL,
    )
    database_url: str = setting(
        "DATANECTAR_DATABASE_URL",
        lambda s: sqlite_url(s["state"] / "runs.db"),
        "the run store: `sqlite:///...` or `postgresql://...`",
        DATABASE_URL,
    )
    queue_url: str = setting(
        "DATANECTAR_QUEUE_URL",
        lambda s: _queue_beside(s["database_url"], s["state"]),
        "the queue: `sqlite:///...`, `postgresql://...` or `redis://...`; beside the run store by default",
        DATABASE_URL,
    )
    workers: int = setting(
        "DATANECTAR_WORKERS",
        lambda s: available_cores(),
        "runs at a time on this host; the number of cores by default",
        integer(1, 1_000),
    )
    web_threads: int = setting(
        "DATANECTAR_WEB_THREADS", 16, "requests answered at a time", integer(1, 1_000)
    )
    max_queued: int = setting(
        "DATANECTAR_MAX_QUEUED",
        10_000,
        "runs that may wait; beyond it a POST answers 429",
        integer(1, 10**9),
    )
    max_backfill_items: int = setting(
        "DATANECTAR_MAX_BACKFILL_ITEMS",
        10_000,
        "tasks that one backfill may have",
        integer(1, 100_000),
    )
    max_attempts: int = setting(
        "DATANECTAR_MAX_ATTEMPTS", 3, "how often a run is begun when its process is lost", integer(1, 1_000)
    )
    heartbeat_timeout: float = setting(
        "DATANECTAR_HEARTBEAT_TIMEOUT",
        30.0,
        "seconds of silence after which another host takes up a worker's runs",
        number(1, _DAY),
    )
    grace: float = setting(
        "DATANECTAR_GRACE",
        10.0,
        "seconds that running runs get to finish when a worker is told to stop",
        number(0, 7 * _DAY),
    )
    import_timeout: float = setting(
        "DATANECTAR_IMPORT_TIMEOUT",
        20.0,
        "seconds that a chain may take to be imported and its parameters to be resolved",
        number(0.1, _DAY),
    )
    run_timeout: float = setting(
        "DATANECTAR_RUN_TIMEOUT",
        86_400.0,
        "seconds that a run may take; a task class can set its own `run_timeout`",
        number(0.1, 3650 * _DAY),
    )
    kill_after: float = setting(
        "DATANECTAR_KILL_AFTER",
        10.0,
        "seconds that a task that is cancelled or out of time gets for its `finally` and `on_failure`; then it is killed",
        number(0, _DAY),
    )
    task_memory: str = setting(
        "DATANECTAR_TASK_MEMORY",
        "",
        "memory that a task may take, e.g. `2 GB`; a task class can set its own `memory`",
        SIZE,
    )
    task_cpu_time: float = setting(
        "DATANECTAR_TASK_CPU_TIME",
        0.0,
        "seconds of CPU time that a task may use; a task class can set its own `cpu_time`; 0: no limit",
        number(0, 3650 * _DAY),
    )
    task_timeout: float = setting(
        "DATANECTAR_TASK_TIMEOUT",
        0.0,
        "seconds that a task may take; a task class can set its own `timeout`; 0: no limit but the run's",
        number(0, 3650 * _DAY),
    )
    task_processes: int = setting(
        "DATANECTAR_TASK_PROCESSES",
        0,
        "processes and threads that a task may have at a time; a task class can set its own `processes`; 0: no limit",
        none_or(4, 10**6),
    )
    task_open_files: int = setting(
        "DATANECTAR_TASK_OPEN_FILES",
        0,
        "files that a process of a task may have open; a task class can set its own `open_files`; 0: the limit of the service",
        none_or(64, 10**6),
    )
    task_nice: int = setting(
        "DATANECTAR_TASK_NICE",
        0,
        "niceness of tasks: the higher, the more they leave the CPU to others; a task class can set its own `nice`",
        integer(0, 19),
    )
    oom_score_adj: int = setting(
        "DATANECTAR_OOM_SCORE_ADJ",
        500,
        "`oom_score_adj` of runs: the higher, the rather the kernel kills them when the machine is out of memory; a task class can set its own",
        integer(0, 1000),
    )
    cgroup: str = setting(
        "DATANECTAR_CGROUP",
        "",
        "a delegated cgroup (v2) that holds no process, as a folder: each task with limits gets a group below it; that of a systemd unit with `Delegate=` and `DelegateSubgroup=` is found by itself",
    )
    retry_delay: float = setting(
        "DATANECTAR_RETRY_DELAY",
        5.0,
        "seconds before a failed task with `retry_count` above 1 is tried again within its run",
        number(0, _DAY),
    )
    engine: str = setting(
        "DATANECTAR_ENGINE",
        "processes",
        "what runs tasks: `processes` of the run's own host, or a `dask` cluster; a task class can set its own `engine`",
        choice(*ENGINES),
    )
    dask_scheduler: str = setting(
        "DATANECTAR_DASK_SCHEDULER",
        "",
        "the address of Dask's scheduler, `tcp://host:8786`; without one, a run that needs Dask starts a cluster of its own on its host",
    )
    dask_patience: float = setting(
        "DATANECTAR_DASK_PATIENCE",
        900.0,
        "seconds that a task waits while no Dask worker has what it needs; then it fails",
        number(0, 7 * _DAY),
    )
    keep_results: str = setting(
        "DATANECTAR_KEEP_RESULTS",
        "",
        "how long results are kept once they are made: `90 days`, by type, chain and task: `90 days, etl = 30 days, etl/sales_chain/ReportTask = forever`; a task class can set its own `keep`; empty: for ever",
        AGE_RULES,
    )
    keep_logs: str = setting(
        "DATANECTAR_KEEP_LOGS",
        "",
        "how long the logs of tasks are kept, in the same words; empty: as long as their results",
        AGE_RULES,
    )
    keep_runs_days: float = setting(
        "DATANECTAR_KEEP_RUNS_DAYS",
        90.0,
        "days that the history of an ended run is kept; 0 keeps all",
        number(0, 36_500),
    )
    keep_runs_most: int = setting(
        "DATANECTAR_KEEP_RUNS_MOST",
        0,
        "ended runs whose history is kept at most, the newest; 0: no limit",
        integer(0, 10**9),
    )
    purge_every: float = setting(
        "DATANECTAR_PURGE_EVERY",
        0.0,
        "hours between two purges of results and logs by a worker; 0: only `datanectar purge` deletes them",
        number(0, 8760),
    )
    log_ship_interval: float = setting(
        "DATANECTAR_LOG_SHIP_INTERVAL",
        10.0,
        "seconds between copies of a running task's log to S3",
        number(0.1, _DAY),
    )
    preload: tuple[str, ...] = setting(
        "DATANECTAR_PRELOAD",
        (),
        "modules that children find imported already, e.g. `pandas numpy`",
        WORDS,
    )
    tokens: tuple[str, ...] = setting(
        "DATANECTAR_TOKENS",
        (),
        "API tokens as `<token>:<scope>`, scope `read`, `run` or `admin`; a token without one is `admin`",
        TOKENS,
    )
    session_hours: float = setting(
        "DATANECTAR_SESSION_HOURS", 12.0, "hours for which a browser stays logged in", number(0.001, 8760)
    )
    login_attempts: int = setting(
        "DATANECTAR_LOGIN_ATTEMPTS",
        20,
        "wrong tokens and passwords that one address may send in a minute",
        integer(1, 10**6),
    )
    audit_log: Path = setting(
        "DATANECTAR_AUDIT_LOG",
        lambda s: s["state"] / "audit.jsonl",
        "the file that is told who changed what, from where, once there are accounts",
        FOLDER,
    )
    user_header: str = setting(
        "DATANECTAR_USER_HEADER",
        "",
        "the header in which a proxy of `DATANECTAR_TRUSTED_PROXIES` names the user, e.g. `X-Forwarded-Email`",
    )
    vouched_scope: str = setting(
        "DATANECTAR_VOUCHED_SCOPE",
        "read",
        "what may be done by those whom the proxy or the OpenID provider names and who are no users of `datanectar user`",
        one_of("none", "read", "run", "admin"),
    )
    oidc_issuer: str = setting(
        "DATANECTAR_OIDC_ISSUER",
        "",
        "the OpenID provider that people log in with, e.g. `https://login.example/realms/team`; needs `datanectar[oidc]`",
    )
    oidc_client_id: str = setting(
        "DATANECTAR_OIDC_CLIENT_ID", "datanectar", "what the OpenID provider calls this app"
    )
    oidc_client_secret: str = setting(
        "DATANECTAR_OIDC_CLIENT_SECRET", "", "the secret that the OpenID provider has given this app"
    )
    oidc_claim: str = setting(
        "DATANECTAR_OIDC_CLAIM",
        "email",
        "the claim of the OpenID provider that names a user; users must not be able to change theirs",
    )
    allowed_hosts: tuple[str, ...] = setting(
        "DATANECTAR_ALLOWED_HOSTS",
        (),
        "names under which browsers and clients may reach the app, besides loopback and `DATANECTAR_HOST`",
        WORDS,
    )
    url_prefix: str = setting(
        "DATANECTAR_URL_PREFIX",
        "",
        "the path under which a proxy serves the app, e.g. `/dn`; every link and page keeps it",
        URL_PREFIX,
    )
    public_url: str = setting(
        "DATANECTAR_PUBLIC_URL",
        "",
        "the address under which people reach the app, for links in what webhooks and mails are told, e.g. `https://data.example/dn`",
        OPTIONAL_URL,
    )
    webhook_networks: tuple[str, ...] = setting(
        "DATANECTAR_WEBHOOK_NETWORKS",
        (),
        "networks that webhooks may reach though their addresses are not public, e.g. `10.0.0.0/8 127.0.0.0/8`",
        NETWORKS,
    )
    trusted_proxies: tuple[str, ...] = setting(
        "DATANECTAR_TRUSTED_PROXIES",
        (),
        "addresses and networks of proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed, e.g. `10.0.0.0/8`",
        NETWORKS,
    )
    cors_origins: tuple[str, ...] = setting(
        "DATANECTAR_CORS_ORIGINS",
        (),
        "origins whose pages may call the API, e.g. `https://dash.example`; they send a token, as any program does",
        ORIGINS,
    )
    result_folders: tuple[str, ...] = setting(
        "DATANECTAR_RESULT_FOLDERS",
        (),
        "folders, besides the project's and `DATANECTAR_LOCAL_TARGETS`, from which files that plain Luigi tasks declare as their output are given out, e.g. `/data/exports`",
        WORDS,
    )
    result_scripts: str = setting(
        "DATANECTAR_RESULT_SCRIPTS",
        "refuse",
        "`allow`: scripts in HTML and SVG results run when a page shows them, in a sandbox that reaches nothing of this app",
        one_of("refuse", "allow"),
    )
    s3_public_endpoint: str = setting(
        "DATANECTAR_S3_PUBLIC_ENDPOINT",
        "",
        "the S3 endpoint for URLs handed to clients, when it differs from the one used inside",
    )
    log_format: str = setting(
        "DATANECTAR_LOG_FORMAT",
        "text",
        "how the service writes its own log: `text`, or `json`, a line each with what it belongs to",
        one_of("text", "json"),
    )
    node: str = setting(
        "DATANECTAR_NODE", lambda s: socket.gethostname(), "this host's name among the workers"
    )

    def environ(self) -> dict[str, str]:
        """Return the environment variables from which ``load`` makes these settings again."""
        values = {
            field.metadata["variable"]: to_text(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }
        return {**values, COMPLETE: "1"}

    def environ_for_children(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with these settings, without those that authors' code must not read."""
        merged = {**environ, **self.environ()}
        return {name: value for name, value in merged.items() if name not in PARENTS_ONLY}

    @property
    def is_local(self) -> bool:
        """Whether ``NectarTask`` keeps its results on this disk."""
        return self.env == "local"

    @property
    def code(self) -> Path:
        """The source root that holds ``chains/``; a child's working directory and import path."""
        return self.chains.parent

    @property
    def app_url(self) -> str:
        """The app's address on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        name = "localhost" if host == "127.0.0.1" else in_url(host)
        return f"http://{name}:{self.port}{self.url_prefix}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the app."""
        return is_loopback(self.host)


def _queue_beside(database_url: str, state: Path) -> str:
    return sqlite_url(state / "queue.db") if database_url.startswith("sqlite") else database_url


def field_of(variable: str) -> str:
    """Return the name that a setting's variable has in a settings file."""
    names = {field.metadata["variable"]: field.name for field in dataclasses.fields(Settings)}
    return names[variable]


def rows() -> list[tuple[str, str, str]]:
    """Return variable, default and help of every setting, for the help page and the docs."""
    return [
        (row["variable"], "computed" if callable(row["default"]) else to_text(row["default"]), row["help"])
        for row in (field.metadata for field in dataclasses.fields(Settings))
    ]
