"""Docs that can't go stale: ``docs/settings.md`` is made from the table of settings.

``python tests/test_docs.py`` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from datanectar.settings import rows

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

HEAD = """# Settings

Every setting is an environment variable; what is unset has its default. `datanectar settings` prints the same list. AWS
credentials, region and endpoint come from the `AWS_*` variables as boto3 reads them, `AWS_ENDPOINT_URL_S3` included.

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
