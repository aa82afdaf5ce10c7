"""Live pages: a stream of server-sent events with the parts of a page that have changed.

A template marks its parts with ``m.part(id)`` and, where parts come and go, ``m.parts(id)`` around
them (``macros.html``); the element inside has the same id. What is outside of all parts never
changes. :class:`Parts` finds what is new in a rendered template; ``static/live.js`` patches it in.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Response, copy_current_request_context, g, request

from datanectar.http.event_stream import KEEP_ALIVE, STILL_HERE, event, event_stream
from datanectar.views.pages import page, rendered

#: Seconds between two looks, how many times longer than a look itself the pause is at least, and the
#: bytes a second that a page is sent at most in the long run.
_INTERVAL, _CALM, _RATE = 0.7, 6, 4000
_MARK = re.compile(r"<!--(/?)(parts?)(?: ([\w-]+))?-->")

State = TypeVar("State")


@dataclass
class Parts:
    """The parts of one rendered page.

    ``frames`` has each part's text without the parts inside it, ``whole`` with them; ``lists`` the
    ids of the parts inside each list, in order; ``list_of`` the lists inside each part.
    """

    frames: dict[str, str] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    lists_in: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Parts:
        """Return the parts that a rendered template marks."""
        found = cls()
        open_marks: list[tuple[str, str, int, list[str]]] = []  # kind, id, start, text of its own
        end = 0
        for mark in _MARK.finditer(text):
            if open_marks:
                open_marks[-1][3].append(text[end : mark.start()])
            end = mark.end()
            if not mark[1]:
                found._begin(open_marks, mark[2], mark[3])
                open_marks.append((mark[2], mark[3], mark.end(), []))
                continue
            kind, name, start, own = open_marks.pop()
            if kind == "part":
                found.frames[name] = "".join(own)
                found.whole[name] = _MARK.sub("", text[start : mark.start()])
        return found

    def _begin(self, open_marks: list[tuple[str, str, int, list[str]]], kind: str, id: str) -> None:
        outer = open_marks[-1][1] if open_marks else ""
        if kind == "parts":
            self.lists[id] = []
            self.lists_in.setdefault(outer, []).append(id)
        elif outer in self.lists:
            self.lists[outer].append(id)

    def news(self, before: Parts) -> dict[str, Any]:
        """Return what to send to a page that shows ``before``: ``parts`` by id, and ``lists`` of ids."""
        changed = {id for id, own in self.frames.items() if before.frames.get(id) != own}
        sent_whole = {name for id in changed for name in self.lists_in.get(id, ())}
        inside = {id for name in sent_whole for id in self.lists[name]}
        lists = {
            name: ids
            for name, ids in self.lists.items()
            if name not in sent_whole and before.lists.get(name) != ids
        }
        parts = {id: self.whole[id] for id in sorted(changed - inside)}
        return {"parts": parts, "lists": lists} if parts or lists else {}


def digest(text: str) -> str:
    """Return what tells the parts of a rendered template from those of another."""
    parts = "".join(Parts.of(text).whole.values())
    return hashlib.md5(parts.encode(errors="replace"), usedforsecurity=False).hexdigest()


def live_page(template: str, live: str, values: dict[str, Any], **more: Any) -> Response:
    """Return a page that is kept up to date.

    Args:
        template: the page's; it puts ``live`` where it belongs, and ``seen`` beside it.
        live: the template of what changes.
        values: of both templates; ``more`` is the page's alone.
    """
    pieces = rendered(live, **values)
    return page(template, live=pieces, seen=digest(pieces), **values, **more)


def live_events(
    live: str,
    values: Callable[[], dict[str, Any]],
    is_over: Callable[[dict[str, Any]], bool] = lambda values: False,
) -> Response:
    """Return the stream of what changes in such a page; see :func:`live_pieces`.

    Raises:
        Unavailable: when the server sends as many streams as it can.
    """

    def render(values: dict[str, Any]) -> str:
        return rendered(live, **values)

    seen = request.args.get("seen", "")
    return event_stream(live_pieces(values, render, seen=seen, is_over=is_over))


def live_pieces(
    look: Callable[[], State],
    render: Callable[[State], str],
    *,
    seen: str,
    is_over: Callable[[State], bool] = lambda state: False,
) -> Iterator[bytes]:
    """Return the pieces of a stream that keeps a page up to date; call it within the request.

    Args:
        look: returns what the page is about. It is asked often; what is equal is not rendered.
        render: returns the page's live template.
        seen: the digest of the text that the page shows already.
        is_over: tells whether nothing will change any more; the stream then ends with ``over``.
    """
    scope = g.get("scope")

    @copy_current_request_context
    def now(last: State) -> tuple[State, str | None]:
        if scope is not None:
            g.scope = scope
        state = look()
        return state, None if state == last else render(state)

    state = look()  # what it raises is a response of its own
    text = render(state)
    shown = Parts.of(text)
    first = {} if digest(text) == seen else shown.news(Parts())
    return _pieces(first, shown, state, now, is_over)


def _pieces(
    news: dict[str, Any],
    shown: Parts,
    state: State,
    now: Callable[[State], tuple[State, str | None]],
    is_over: Callable[[State], bool],
) -> Iterator[bytes]:
    begin = sent_at = time.monotonic()
    while True:
        piece = event("parts", news) if news else b""
        if news:
            sent_at = begin
            yield piece
        if is_over(state):
            yield event("over", None)
            return
        if begin - sent_at > KEEP_ALIVE:
            sent_at = begin
            yield STILL_HERE
        took = time.monotonic() - begin
        due = begin + took + max(_INTERVAL, _CALM * took, min(10.0, len(piece) / _RATE))
        while time.monotonic() < due:
            yield b""
        begin = time.monotonic()
        state, text = now(state)
        fresh = shown if text is None else Parts.of(text)
        news, shown = fresh.news(shown), fresh
