"""TCP ports of this machine: whether one is free, and whether an app answers on it."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

from datanectar.errors import StartupError
from datanectar.settings import PROJECT_HEADER, Settings, project_id

#: An app on this machine is asked directly, whatever proxy the environment names.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port(host: str) -> int:
    """Return a port of this host's that nothing listens on."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Tell whether a port can be listened on."""
    try:
        check_port(host, port, "")
    except StartupError:
        return False
    return True


def check_port(host: str, port: int, variable: str) -> None:
    """Check that a port can be listened on.

    Args:
        host, port: the address.
        variable: the setting that names another, for the message.

    Raises:
        StartupError: when it can't.
    """
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise StartupError(
                f"Port {port} on {host} can't be had ({problem.strerror}): stop what uses it, "
                f"or choose another with {variable} or in datanectar.toml."
            ) from problem


def answers(url: str) -> bool:
    """Tell whether a GET of ``url`` is answered with 200 within two seconds."""
    try:
        with _DIRECTLY.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def is_anothers_app(settings: Settings) -> bool:
    """Tell whether the app of another project answers at this project's address."""
    try:
        with _DIRECTLY.open(f"{settings.app_url}/healthz", timeout=2) as response:
            project = response.headers.get(PROJECT_HEADER)
    except (OSError, ValueError):
        return False
    return project not in (None, project_id(settings.project))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
