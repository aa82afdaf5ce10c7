"""Docstrings as HTML: whole, whichever notation they have, and never as an author's own HTML."""

from __future__ import annotations

import pytest

from datanectar.views.markup import docstring


def test_markdown() -> None:
    html = docstring("# Title\n\n- a\n- b\n\n| x | y |\n| - | - |\n| 1 | 2 |\n\n[a](https://a.org)")
    assert "<h3>Title</h3>" in html  # a page has its own titles
    assert html.count("<li>") == 2
    assert "<table>" in html
    assert 'href="https://a.org"' in html


def test_restructured_text() -> None:
    text = "Counts.\n\n:param day: which *day*\n\nSee :class:`~luigi.Task`.\n\nExample::\n\n    x < 1\n"
    html = docstring(text)
    assert "<em>day</em>" in html
    assert "luigi.Task" in html
    assert ":class:" not in html
    assert "<pre" in html and "x &lt; 1" in html


def test_sections_of_googles_style_are_lists() -> None:
    html = docstring(
        "Makes it.\n\nArgs:\n    day: which\n        day.\n    n (int): how many.\n\nMore."
    )
    assert html.count("<li>") == 2
    assert "<code>day</code>" in html
    assert "More." in html


@pytest.mark.parametrize(
    "text",
    [
        ".. raw:: html\n\n   <script>alert(1)</script>\n",
        ".. include:: /etc/passwd\n",
        "`x <javascript:alert(1)>`_ ::\n\n  y\n",
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        ".. image:: http://evil.example/x.png\n   :target: javascript:alert(1)\n",
        "![x](http://evil.example/x.png)",
    ],
)
def test_nothing_runs_and_nothing_is_loaded(text: str) -> None:
    html = docstring(text).lower()
    for bad in ("<script", 'href="javascript:', "<img", "root:x:", "<object", "<embed"):
        assert bad not in html


@pytest.mark.parametrize("text", ["", "``", ":a:`", ".. x::", "a \udce9 b", "=\n=\n", "x\n::::\n"])
def test_no_text_fails_and_none_is_lost(text: str) -> None:
    html = docstring(text)
    assert text.strip("`:.= \n")[:1] in html
