"""Docs that can't go stale: ``docs/settings.md`` is made from the table of settings.

``python tests/test_docs.py`` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from datanectar.settings import rows

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

HEAD = """# Settings

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


def settings_page() -> str:
    """Return what ``docs/settings.md`` has to hold."""
    lines = [
        f"| `{variable}` | {_default(default)} | {help.replace('|', chr(92) + '|')} |\n"
        for variable, default, help in rows()
    ]
    return HEAD + "".join(lines)


def _default(text: str) -> str:
    if text == "computed":
        return "see there"
    return f"`{text}`" if text else "none"


def test_the_page_of_settings_has_every_setting_as_it_is() -> None:
    assert PAGE.read_text() == settings_page(), "run: python tests/test_docs.py"


if __name__ == "__main__":
    PAGE.write_text(settings_page())
