"""What the workers of a cluster have installed, compared with what is here."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

#: Seconds that the workers have to say it.
_LIMIT = 10.0
#: What has to be the same on both sides, or a task may not be made again there.
_COMPARED = ("datanectar", "luigi", "dask", "distributed", "cloudpickle", "pandas", "pyarrow")


def installed() -> dict[str, str]:
    """Return the versions that are installed here; "" for what is not."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in _COMPARED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def differences(client: Any) -> list[str]:
    """Return, in words, how the cluster's workers differ from this process.

    Args:
        client: a client of the cluster.
    """
    here = installed()
    replies = client.run(installed, on_error="return")
    found: dict[str, list[str]] = {}
    for address, there in sorted(replies.items()):
        for words in _differing(here, there):
            found.setdefault(words, []).append(address)
    return [f"{words} (on {_places(places)})" for words, places in found.items()]


def _differing(here: dict[str, str], there: Any) -> list[str]:
    if not isinstance(there, dict):
        return [f"datanectar can't be imported there: {there}"]
    return [
        f"{name} is {there.get(name) or 'missing'} there and {mine or 'missing'} here"
        for name, mine in here.items()
        if there.get(name) != mine
    ]


def _places(addresses: list[str]) -> str:
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    return addresses[0] + more
