"""What the API, the pages and the command line may ask for about webhooks."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

from datanectar.database import Database
from datanectar.errors import BadRequest
from datanectar.notifications.occasions import trial
from datanectar.notifications.records import EVENTS, Delivery, Webhook
from datanectar.notifications.sending import apprise_post
from datanectar.notifications.sending.signing import is_secret, new_secret
from datanectar.notifications.store import WebhookStore
from datanectar.settings import Settings
from datanectar.statuses import ENDED

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST_URL, _MOST_NAMES, _LONGEST_NAME = 2000, 100, 200
FILTERS = ("events", "types", "chains", "tasks", "statuses")
FIELDS = ("name", "url", "secret", *FILTERS)
#: The filters that can have only these values.
_CHOICES = {"events": EVENTS, "statuses": ENDED}


class Webhooks:
    """Makes, finds, tries and removes webhooks.

    Args:
        database: the run store's.
        settings: the settings in force.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self.store = WebhookStore(database)
        self._settings = settings

    def add(self, raw: dict[str, Any], created_by: str | None = None) -> Webhook:
        """Make a webhook from the fields of a request: its name and URL, a secret, filters.

        Raises:
            BadRequest: naming each field that is unknown, missing or can't be read.
            Conflict: when the name is taken, or there are as many as there may be.
        """
        problems = {name: f"unknown; there are {', '.join(FIELDS)}" for name in {*raw} - {*FIELDS}}
        name, url = str(raw.get("name", "")), str(raw.get("url", "")).strip()
        secret = raw.get("secret") or new_secret()
        if not _NAME.fullmatch(name):
            problems["name"] = "required: letters, digits and . _ - can be in it, 100 at most"
        if why := self._url_problem(url):
            problems["url"] = why
        if not (isinstance(secret, str) and is_secret(secret)):
            problems["secret"] = "whsec_ and 24 to 64 bytes in base64; left out, one is made"  # noqa: S105
        asked = {name: _names(name, raw.get(name), problems) for name in FILTERS}
        if problems:
            listed = "; ".join(f"{field[:100]}: {why}" for field, why in problems.items())
            raise BadRequest(f"A webhook can't be made like that: {listed}.", fields=problems)
        webhook = Webhook(name, url, secret, time.time(), created_by, **asked)
        if not webhook.is_http:
            webhook = Webhook(name, url, "", webhook.created, created_by, **asked)
        self.store.add(webhook)
        return webhook

    def test(self, name: str, asked_by: str | None = None) -> Delivery:
        """Have a worker send a webhook an event of its own, whatever it asks for.

        Returns:
            The delivery, which waits.

        Raises:
            NotFound: when there is none of that name.
        """
        event = trial(self.store.get(name).name, asked_by)
        self.store.put_for(name, event)
        return next(one for one in self.store.deliveries(name, 100) if one.event.id == event.id)

    def _url_problem(self, url: str) -> str | None:
        """Return what is wrong with a URL; None: nothing."""
        if not (url.isascii() and url.isprintable() and " " not in url):
            return "a URL of ASCII characters; others are written as %C3%A4, and hosts as xn--..."
        try:
            parts = urlsplit(url)
            is_whole = bool(parts.scheme) and "://" in url and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole or len(url) > _LONGEST_URL:
            return f"required: https://..., or a URL of Apprise; {_LONGEST_URL} characters at most"
        if parts.scheme in ("http", "https"):
            is_usable = parts.hostname and "@" not in parts.netloc
            return None if is_usable else "https://host/path, without a user and a password"
        if not apprise_post.is_installed():
            return f"{parts.scheme}:// needs Apprise: pip install 'datanectar[notify]'"
        checked = apprise_post.check(url, self._settings)
        return None if checked.is_ok else f"Apprise can't read it: {checked.text}"


def _names(field: str, value: Any, problems: dict[str, str]) -> list[str] | None:
    """Return what a filter lets pass; None: everything. It may be a list, or text with commas."""
    names = value.split(",") if isinstance(value, str) else [] if value is None else value
    if not isinstance(names, list) or len(names) > _MOST_NAMES or not all(map(_is_name, names)):
        problems[field] = "a list of names, or names with commas between"
        return None
    names = [name.strip() for name in names]
    choices = _CHOICES.get(field)
    if choices and not {*names} <= {*choices}:
        problems[field] = f"can be {', '.join(choices)}"
    return names or None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_NAME
