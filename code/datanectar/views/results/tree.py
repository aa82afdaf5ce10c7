"""JSON as a tree that opens and closes without a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

#: The most values that are shown, of a tree and of one list or object in it; the deepest level.
_MOST, _MOST_IN_ONE, _DEEPEST = 1000, 200, 40
#: The longest text that is shown of a value.
_LONGEST = 2000


def json_tree(text: str) -> Markup | None:
    """Return JSON as nested lists; None when the text is no JSON object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return _Tree().of(json.loads(text))
    except (ValueError, RecursionError):
        return None


def lines_tree(text: str, *, is_cut: bool) -> Markup | None:
    """Return JSON lines as a tree with a branch for each line; None when a line is no JSON.

    Args:
        is_cut: the last line may be incomplete.
    """
    lines = text.splitlines()
    if is_cut and len(lines) > 1:
        del lines[-1]
    try:
        values = [json.loads(line) for line in lines[:_MOST_IN_ONE] if line.strip()]
        return _Tree().of(values) if values else None
    except (ValueError, RecursionError):
        return None


class _Tree:
    def __init__(self) -> None:
        self.left = _MOST

    def of(self, value: Any) -> Markup:
        return Markup('<div class="tree">{}</div>').format(self._node("", value, 0))

    def _node(self, name: str, value: Any, level: int) -> Markup:
        self.left -= 1
        label = Markup("<b>{}</b> ").format(name) if name else Markup("")
        if not isinstance(value, (dict, list)) or not value or level >= _DEEPEST:
            return label + _leaf(value)
        signs = "{%d}" if isinstance(value, dict) else "[%d]"
        children = Markup("").join(self._children(value, level))
        is_open = Markup(" open") if level == 0 or (level == 1 and self.left > _MOST // 2) else ""
        return Markup(
            '<details{}><summary>{}<span class="quiet">{}</span></summary><ul>{}</ul></details>'
        ).format(is_open, label, signs % len(value), children)

    def _children(self, value: Any, level: int) -> Iterator[Markup]:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for number, (name, child) in enumerate(items):
            if self.left <= 0 or number >= _MOST_IN_ONE:
                yield Markup('<li class="quiet">{} more</li>').format(len(value) - number)
                return
            yield Markup("<li>{}</li>").format(self._node(str(name), child, level + 1))


def _leaf(value: Any) -> Markup:
    kind = {str: "text", bool: "word", type(None): "word"}.get(type(value), "number")
    text = json.dumps(value, ensure_ascii=False)
    return Markup('<span class="{}">{}</span>').format(
        kind, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    )
