"""Python processes that run an author's code for the command line: where, and with what environment."""

from __future__ import annotations

import os
import sys

from datanectar.settings import Settings


def child_command(
    settings: Settings, module: str, *arguments: str
) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of a module to be run in the folder ``settings.code``.

    As in the service, the code finds the project's settings, and none of the service's secrets.
    """
    paths = [str(settings.code), os.environ.get("PYTHONPATH", "")]
    environ = settings.environ_for_children(os.environ)
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return [sys.executable, "-m", module, *arguments], environ
