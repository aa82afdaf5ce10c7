"""How Sphinx builds the guide: ``make docs``, into the package, which serves it at ``/docs/guide``."""

from __future__ import annotations

import posixpath
from importlib.metadata import version as installed_version

from docutils import nodes
from sphinx.application import Sphinx

project = "datanectar"
author = "the datanectar authors"
copyright = "the datanectar authors; MIT license"
version = release = installed_version("datanectar")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["images"]

myst_heading_anchors = 4  # a link to `chains.md#the-key` is checked like one to a page
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "datanectar"
html_favicon = "../code/datanectar/static/icon.svg"
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
default_role = "literal"  # what stands in backquotes in the help of a command


def _escape(app: Sphinx, ctx: object, lines: list[str]) -> None:
    """Have docutils read the help of a command as the plain text that it is."""
    lines[:] = [line.replace("*", r"\*") for line in lines]


def _keep_colons(app: Sphinx, what: str, *about: object) -> None:
    """Have Napoleon leave an attribute's text alone: it takes what precedes a colon for a type."""
    if what == "attribute":
        *_, lines = about
        lines[:0] = ["..", ""]  # an empty comment


def _name_pages(app: Sphinx, page: nodes.document, name: str) -> None:
    """Show a link to ``chains.md``, as it stands in the repository, by the page's title."""
    for link in page.findall(nodes.reference):
        target = link.get("refuri", "").partition("#")[0].removesuffix(".html")
        title = app.env.titles.get(
            posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        )
        if title is not None and link.astext().endswith(".md"):
            link.children = [nodes.inline("", "", *title.deepcopy().children)]


def setup(app: Sphinx) -> None:
    """Register what Sphinx calls while it builds."""
    app.connect("sphinx-click-process-description", _escape)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # before Napoleon
    app.connect("doctree-resolved", _name_pages)
