"""A form's request as a program or a terminal would send it: curl, Python, the command line.

``static/form.js`` makes the same texts anew as the form is edited.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from datanectar.views.catalogue.forms import Field


@dataclass(frozen=True)
class Command:
    """One way to send a request: the language, its name for people, and the text to copy."""

    language: str
    name: str
    text: str


def commands(path: str, root: str, fields: list[Field]) -> list[Command]:
    """Return the ways to send the request that the form would send now.

    Args:
        path: ``<type>/<chain>/<Task>``.
        root: the app's address, with a slash at its end.
        fields: the form's; private ones are left out, and those that are empty unless required.
    """
    values = {
        field.parameter.name: field.value or "..."
        for field in fields
        if not field.parameter.private and (field.value or field.parameter.required)
    }
    return [
        Command("curl", "curl", _curl(f"{root}api/chains/{path}", values)),
        Command("python", "Python", _python(path, root, values)),
        Command("shell", "Command line", _shell(path, root, values)),
    ]


def _curl(address: str, values: dict[str, str]) -> str:
    pairs = [
        f" \\\n  --data-urlencode {shlex.quote(f'{name}={text}')}" for name, text in values.items()
    ]
    return f"curl -X POST {'-G ' if pairs else ''}{shlex.quote(address)}{''.join(pairs)}"


def _python(path: str, root: str, values: dict[str, str]) -> str:
    given = "".join(f", {name}={_text(text)}" for name, text in values.items())
    return (
        "from datanectar import Client\n\n"
        f"client = Client({_text(root.rstrip('/'))})\n"
        f"result = client.run({_text(path)}{given}).wait()"
    )


def _shell(path: str, root: str, values: dict[str, str]) -> str:
    pairs = "".join(f" {shlex.quote(f'{name}={text}')}" for name, text in values.items())
    return f"datanectar run {shlex.quote(path)}{pairs} --url {shlex.quote(root.rstrip('/'))}"


def _text(text: str) -> str:
    """Return a Python literal of a text, as JSON spells it."""
    return json.dumps(text, ensure_ascii=False)
