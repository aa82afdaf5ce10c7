"""The records of webhooks, of what they are told, and of each delivery. Times are Unix stamps in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

#: What a webhook may be told.
RUN_ENDED, SCHEDULE_MISSED, WORKER_LOST = "run.ended", "schedule.missed", "worker.lost"
EVENTS = (RUN_ENDED, SCHEDULE_MISSED, WORKER_LOST)
#: What it is told to try it, whatever it asks for.
TEST = "webhook.test"

#: The statuses of a delivery.
WAITING, DELIVERED, GIVEN_UP = "WAITING", "DELIVERED", "GIVEN_UP"


@dataclass(frozen=True)
class Event:
    """Something that happened.

    ``id`` is a function of what happened: who notes it twice notes it once. ``page`` is the path of
    the page about it. ``data`` has the ``type``, ``chain`` and ``task`` that it is about, if any.
    """

    id: str
    name: str
    subject: str
    time: float
    page: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Webhook:
    """A receiver, and what it asks for; a filter that is None lets everything pass.

    ``secret`` signs what is sent by HTTP. Other receivers are Apprise's, and have none.
    """

    name: str
    url: str
    secret: str
    created: float
    created_by: str | None = None
    events: list[str] | None = None
    types: list[str] | None = None
    chains: list[str] | None = None
    tasks: list[str] | None = None
    statuses: list[str] | None = None

    @property
    def is_http(self) -> bool:
        """Whether it is sent CloudEvents by HTTP; Apprise sends to the others."""
        return urlsplit(self.url).scheme in ("http", "https")

    @property
    def shown_url(self) -> str:
        """The URL without what may be a secret: only its scheme, and for HTTP the host."""
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2] if self.is_http else ""
        has_more = not self.is_http or parts.path.strip("/") or parts.query
        return f"{parts.scheme}://{place}{'/' if place else ''}{'...' if has_more else ''}"

    def wants(self, event: Event) -> bool:
        """Tell whether it asks for an event.

        The statuses are those of runs. An event about no chain is nothing for who asks for some.
        """
        asked: list[tuple[list[str] | None, Any]] = [(self.events, event.name)]
        asked += [(self.types, event.data.get("type")), (self.chains, event.data.get("chain"))]
        asked += [(self.tasks, event.data.get("task"))]
        if event.name == RUN_ENDED:
            asked += [(self.statuses, event.data["job_status"])]
        return all(wanted is None or given in wanted for wanted, given in asked)


@dataclass(frozen=True)
class Delivery:
    """An event on its way to a webhook.

    ``code`` is the HTTP status of the last answer, ``answer`` what it said or why there was none.
    ``next_try`` is when it is tried next; while it is being sent, when that counts as lost.
    """

    id: str
    webhook: str
    event: Event
    status: str
    attempts: int
    created: float
    next_try: float | None = None
    code: int | None = None
    answer: str | None = None
