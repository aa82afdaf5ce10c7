"""What ``datanectar up`` prints once the app answers."""

from __future__ import annotations

from urllib.parse import urlencode

from datanectar.catalog.files import find_chains
from datanectar.cli.outline import Task, tasks_of
from datanectar.settings import Settings

#: The task that is shown first, where the project has it: the hello world of this repository.
_HELLO = ("testchains/hello_luigiworld_chain/DownstreamTask", {"name": "you"})


def banner(settings: Settings) -> str:
    """Return the addresses, and a command that runs a task of this project."""
    lines = (
        f"\n  app      {settings.app_url}\n"
        f"  API      {settings.app_url}/api/chains\n"
        f"  luigid   {settings.luigid_url}\n\n"
    )
    example = _example(settings)
    if example:
        lines += f"Run a chain:\n  curl -X POST '{settings.app_url}/api/chains/{example}'\n\n"
    return f"{lines}Ctrl-C stops everything.\n"


def _example(settings: Settings) -> str | None:
    """Return path and query of a task that is there: the last one of the first chain that has any."""
    chains = find_chains(settings.chains)
    hello = [chain for chain in chains if _HELLO[0].startswith(f"{chain.type}/{chain.name}/")]
    if hello:
        return f"{_HELLO[0]}?{urlencode(_HELLO[1])}"
    return next((_call(tasks[-1]) for tasks in map(tasks_of, chains) if tasks), None)


def _call(task: Task) -> str:
    examples = {item.name: item.example for item in task.parameters if item.required}
    return f"{task.path}?{urlencode(examples)}" if examples else task.path
