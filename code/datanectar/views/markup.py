"""Docstrings and Markdown files as HTML that is safe in a page: no raw HTML, no scripts, no pictures.

A docstring is reStructuredText where it reads as such without a complaint, Markdown otherwise. Sections
of Google's style (``Args:``) become lists.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

#: A page has its own titles: those of a text begin below them.
_TITLE_LEVELS_ABOVE = 2
_SAFE_LINK = re.compile(r"(https?:|mailto:|#|/(?!/)|[\w.-]+(/|\Z))", re.IGNORECASE)

#: What only reStructuredText has: a directive, a field, a literal block, a role, a reference.
_RST = re.compile(
    r"^\s*\.\. |^\s*:[a-z][^:`\n]*:(\s|$)|::\s*$|:[a-zA-Z:]+:`[^`]+`|`[^`]+`__?\b", re.MULTILINE
)
#: A role of Sphinx's, such as :class:`~luigi.Task`, which docutils does not know.
_ROLE = re.compile(r":(?:[a-zA-Z+-]+:)*(?:class|func|meth|mod|attr|data|exc|obj|ref|doc|term|const):`~?([^`<]+?)\s*(?:<[^`]*>)?`")  # fmt: skip
_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Attributes|Returns|Yields|Raises|Keyword Args|Requires):[ \t]*\n"
    r"((?:[ \t]+\S.*(?:\n|\Z)|[ \t]*\n(?=[ \t]+\S))+)",
    re.MULTILINE,
)
_ITEM = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*(?: \([^)\n]*\))?): ", re.MULTILINE)


@lru_cache(maxsize=2000)
def docstring(text: str) -> Markup:
    """Return a docstring as HTML."""
    readable = text.encode(errors="replace").decode()
    found = _rst(readable) if _RST.search(readable) else None
    return found or markdown(_SECTION.sub(_as_list, readable))


def markdown(text: str) -> Markup:
    """Return Markdown as HTML; raw HTML in it is shown as text, and of a picture only its words."""
    return Markup(_reader().render(text))  # noqa: S704  # html=False: all else is escaped


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.core.ruler.push("titles", _lower_titles)
    return reader


def _lower_titles(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _TITLE_LEVELS_ABOVE)}"


def _as_list(section: re.Match[str]) -> str:
    """Return a section of Google's style as a bold word and a list."""
    title, body = section.groups()
    indent = min(len(line) - len(line.lstrip()) for line in body.splitlines() if line.strip())
    items: list[str] = []
    for line in body.splitlines():
        if line.strip() and len(line) - len(line.lstrip()) == indent and _begins(title, items):
            items.append("- " + _ITEM.sub(r"`\1`: ", line.strip()))
        else:
            items.append(f"  {line.strip()}")
    return "\n".join((f"**{title}**", "", *items, "", ""))


def _begins(title: str, items: list[str]) -> bool:
    return title not in ("Returns", "Yields") or not items


def _rst(text: str) -> Markup | None:
    """Return reStructuredText as HTML; None when docutils has anything to complain about."""
    from docutils import nodes
    from docutils.core import publish_doctree, publish_from_doctree

    settings: dict[str, Any] = {
        "_disable_config": True,
        "file_insertion_enabled": False,
        "raw_enabled": False,
        "report_level": 2,
        "halt_level": 5,
        "warning_stream": False,
        "syntax_highlight": "none",
        "initial_header_level": _TITLE_LEVELS_ABOVE + 1,
        "doctitle_xform": False,
        "table_style": "colwidths-auto",
        "output_encoding": "unicode",
    }
    try:
        tree = publish_doctree(_ROLE.sub(r"``\1``", text), settings_overrides=settings)
        if next(tree.findall(nodes.system_message), None) is not None:
            return None
        _disarm(tree, nodes)
        whole = publish_from_doctree(tree, writer="html5", settings_overrides=settings)
    except Exception:  # an author's text must not fail a page
        return None
    body = re.search(r"<main[^>]*>(.*)</main>", whole, re.DOTALL) or re.search(
        r"<body[^>]*>(.*)</body>", whole, re.DOTALL
    )
    return Markup(body[1]) if body else None  # noqa: S704  # docutils escapes all text


def _disarm(tree: Any, nodes: Any) -> None:
    """Remove links to scripts, and pictures, which a page would load from elsewhere."""
    for link in tree.findall(nodes.reference):
        if not _SAFE_LINK.match(link.get("refuri", "#")):
            del link["refuri"]
            link["refid"] = "main"
    for picture in list(tree.findall(nodes.image)):
        picture.parent.replace(picture, nodes.inline("", picture.get("alt", "")))
