"""What the pages show and no test runs, each with its reason."""

from __future__ import annotations

_INSTALLS = "the test's Python has it"
_MADE = "the test's project is made by it"
_STARTS = "the test has started the app"
_HOSTS = "needs hosts that are not there; tests/hosts has them"

#: Blocks by page and first line.
BLOCKS = {
    (
        "README.md",
        "class TestS3Task(NectarTask):",
    ): "the shipped chain without its imports; the commands below it run it",
    (
        "README.md",
        '{"data": {"attempts": 1, "created": "2026-11-22T21:28:34.736+00:00", "error": null, "expires_in": null, ...',
    ): "a moment of a run",
    (
        "README.md",
        "$ python3 -m venv venv && venv/bin/pip install -r configuration/requirements.txt",
    ): "tests/test_main_job.py goes this way",
    (
        "docs/chains.md",
        "$ cd code",
    ): "Luigi's own command: tests/shipped_chains and bringing-a-pipeline.md run it",
    ("docs/operations.md", "$ export DATANECTAR_DATABASE_URL=postgresql://datanectar:...@db/datanectar   # the queue goes along; or"): _HOSTS,
    ("docs/s3.md", "$ export AWS_ENDPOINT_URL_S3=http://minio:9000 AWS_ACCESS_KEY_ID=datanectar AWS_SECRET_ACCESS_KEY=..."): _HOSTS,
    ("docs/your-own-project.md", "$ pip install -e ."): "tests/cli/test_project.py runs it in a venv of its own",
    ("docs/task-helpers.md", "for file in self.track(files):                  # 0 of 12, ... 12 of 12"): "lines of a run(); tests/authoring/test_progress.py runs such",
    ("docs/access.md", "$ datanectar token new ci --scope run --type etl --expires 90d"): "tests/cli/access/ runs them; they would close the test's app",
    ("docs/access.md", "$ datanectar user new ann --scope admin"): "tests/cli/access/ runs them; they ask for passwords",
    ("docs/access.md", "$ pip install 'datanectar[oidc]'"): _INSTALLS,
    ("docs/deploying.md", "$ sudo useradd --system --home-dir /var/lib/datanectar datanectar"): _HOSTS,
    ("docs/deploying.md", "$ BIN=/opt/datanectar/bin LOGS=/var/log/datanectar supervisord -c configuration/supervisord/supervisord.conf"): "tests/configuration/test_supervisord.py runs it",
    ("docs/deploying.md", "$ cp configuration/docker/env.example configuration/docker/.env   # and fill it in"): _HOSTS,
    ("docs/deploying.md", "$ kubectl create namespace datanectar"): _HOSTS,
    ("docs/command-line.md", '$ eval "$(_DATANECTAR_COMPLETE=bash_source datanectar)"     # in ~/.bashrc'): "tests/cli/test_completion.py runs it",
    ("docs/upgrading.md", "$ datanectar backup before-upgrade.db"): _INSTALLS,
    ("docs/upgrading.md", "$ datanectar worker --drain            # the workers of this host; returns when they have ended"): "tests/cli/operations runs it; it would end the test's worker",
    ("docs/upgrading.md", '$ pg_dump --format=custom --file=runs.dump "$DATANECTAR_DATABASE_URL"'): "tests/cli/operations runs it",
    ("docs/upgrading.md", "$ rm -f .datanectar/runs.db .datanectar/runs.db-wal .datanectar/runs.db-shm"): "tests/cli/operations starts a service from a backup; here one runs",
    ("docs/upgrading.md", "$ createdb datanectar_restored"): "tests/cli/operations runs it",
    ("docs/operations.md", "$ python -m benchmarks.soak --minutes 30"): "takes half an hour",
    ("docs/faults.md", "$ python -m tests.faults --rounds 100 --seed 8"): "takes hours; tests/faults/test_rounds.py runs some rounds",
    ("docs/monitoring.md", "$ promtool check rules configuration/prometheus/alerts.yaml"): "tests/configuration/test_monitoring.py runs them",
    ("docs/logs-and-traces.md", "$ pip install 'datanectar[otel]'"): _INSTALLS,
    ("docs/engines.md", "from dask_jobqueue import SLURMCluster"): _HOSTS,
    ("docs/limits.md", "class ExportTask(NectarTask):"): "an outline; tests/runner/test_stopping.py runs tasks like it",
    ("docs/engines.md", "class CityTask(NectarTask):"): "tests/shipped_chains/test_orders.py runs one like it",
    ("docs/notifications.md", '$ datanectar webhook add oncall "mailto://user:password@example.com?to=oncall@example.com" --status FAILED'): "they need accounts; tests/notifications/sending sends real mail",
    ("docs/frontend.md", '@routes.get("/things")'): "an outline of a page; tests/views/test_live_page.py has real ones",
}  # fmt: skip

#: Commands by how they begin.
COMMANDS = {
    "cd shop": _MADE,
    "datanectar init": _MADE,
    "datanectar up": _STARTS,
    "git clone": _INSTALLS,
    "make test": "the test is part of it",
    "make up": _STARTS,
    "ENV=qa PROJECT_BUCKET=datanectartest AWS_REGION=eu-west-1 make up": "needs an account of AWS",
    "pip install": _INSTALLS,
    "python3 -m venv": _INSTALLS,
    "uv run datanectar up": _STARTS,
    "uvx": _INSTALLS,
}
