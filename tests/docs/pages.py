"""The pages of the docs, and the pages among them that are made from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datanectar.api.openapi.paths import FIXED_PATHS
from datanectar.api.openapi.schemas import RESPONSES
from datanectar.settings import rows

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

SETTINGS_HEAD = """# Settings

A setting comes from its environment variable, else from the project's settings file, else it has its default. `datanectar settings`
prints the same list, with the value in force and where it comes from. AWS credentials, region and endpoint come from the `AWS_*`
variables as boto3 reads them, `AWS_ENDPOINT_URL_S3` included.

## The settings file

What is a project's own, such as its port, stands in `datanectar.toml` in its folder, or under `[tool.datanectar]` in its `pyproject.toml`;
not in both. Every command reads it, in the project's folder or anywhere below: `datanectar run` there talks to that project's app.

```toml
port = 5777
workers = 2
preload = ["pandas"]
allowed_hosts = ["chains.example"]
```

- A name is the variable's without `DATANECTAR_`, in small letters: `DATANECTAR_RUN_TIMEOUT` is `run_timeout`, `ENV` is `env`. `project` is
  none: it is the folder of the file.
- Texts and paths stand in quotes, numbers do not, and what may be several is a list of texts. A name that is no setting, or a value of
  another type, is refused at start.
- Relative paths, those of `sqlite:///` URLs too, begin at the file's folder.
- An app reads the file when it starts; its parts and runs keep what it said then.
- Chains can read the file, and it is kept with the code: tokens and passwords belong in the environment.

## Every setting

| variable | default | what it is for |
| --- | --- | --- |
"""

ROUTES_HEAD = """# Routes

Made from the description of the API. A running app has it at `/openapi.json`, with an operation for every task of its chains, and shows it at `/docs`.

Every JSON response is `{"data": ..., "message": ..., "status": N}`, and N is the HTTP status. Parameters of a task come in the query, as a
form, or as a JSON object. Options of a request come as headers: `Prefer: wait=N` on a POST waits up to N seconds for the result.
"""


def settings_page() -> str:
    """Return what ``docs/settings.md`` has to hold."""
    lines = [
        f"| `{variable}` | {_default(default)} | {help.replace('|', chr(92) + '|')} |\n"
        for variable, default, help in rows()
    ]
    return SETTINGS_HEAD + "".join(lines)


def _default(text: str) -> str:
    if text == "computed":
        return "see there"
    return f"`{text}`" if text else "none"


def routes_page() -> str:
    """Return what ``docs/reference/routes.md`` has to hold."""
    sections: dict[str, list[str]] = {}
    for path, methods in FIXED_PATHS.items():
        for method, operation in methods.items():
            route = _route(f"{method.upper()} {path}", operation)
            sections.setdefault(operation["tags"][0], []).append(route)
    listed = (f"\n## {tag.title()}\n\n{''.join(routes)}" for tag, routes in sections.items())
    errors = "".join(f"| {code} | {_cell(it['description'])} |\n" for code, it in RESPONSES.items())
    return (
        f"{ROUTES_HEAD}{''.join(listed)}\n## Errors\n\n| status | means |\n| --- | --- |\n{errors}"
    )


def _route(title: str, operation: dict[str, Any]) -> str:
    errors = [code for code in operation["responses"] if code not in ("200", "302", "default")]
    rows = "".join(
        f"| `{it['name']}` | {it['in']} | {_type(it['schema'])} | {_cell(it.get('description', ''))} |\n"
        for it in operation["parameters"]
    )
    head = "| parameter | in | type | |\n| --- | --- | --- | --- |\n"
    table = f"\n{head}{rows}" if rows else ""
    said = f"{operation['summary']}. Errors: {', '.join(errors) or 'none'}."
    return f"### `{title}`\n\n{said}\n{table}\n"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return str(schema.get("format", schema.get("type", "any")))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


#: By page: what it has to hold.
GENERATED = {
    DOCS / "settings.md": settings_page,
    DOCS / "reference" / "routes.md": routes_page,
}
