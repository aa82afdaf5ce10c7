"""``/api/batch`` of our luigid: many calls in one request, since most of a call's time is HTTP's."""

from __future__ import annotations

import json
import traceback
from typing import Any

import tornado.web
from luigi.scheduler import RPC_METHODS, Scheduler

PATH = "/api/batch"


class BatchHandler(tornado.web.RequestHandler):
    """Makes the calls of a JSON list, each a pair of a method and its arguments, in their order.

    The response has a line for each: what luigid responds to the call alone. A call that fails ends
    the request with that call's error; the calls before it are done.
    """

    def initialize(self, scheduler: Scheduler) -> None:
        """Take luigid's scheduler (tornado/web.py ``RequestHandler``)."""
        self._scheduler = scheduler

    def post(self) -> None:
        """Respond to a batch of calls."""
        calls = json.loads(self.request.body)
        self.set_header("Content-Type", "application/x-ndjson")
        self.finish("\n".join(self._response(method, arguments) for method, arguments in calls))

    def _response(self, method: str, arguments: dict[str, Any]) -> str:
        if method not in RPC_METHODS:
            raise tornado.web.HTTPError(400, f"there is no call {method!r:.100}")
        return json.dumps({"response": getattr(self._scheduler, method)(**arguments)})

    def write_error(self, status_code: int, **options: Any) -> None:
        """Send why a call failed (tornado/web.py ``RequestHandler``)."""
        write_error(self, status_code, **options)


def write_error(handler: tornado.web.RequestHandler, status_code: int, **options: Any) -> None:
    """Send the last line of a failed call's error, for the run that made the call."""
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    problem = options.get("exc_info", (None, None))[1]
    text = traceback.format_exception_only(problem)[-1].strip() if problem else "no such call"
    handler.finish(f"{text}\n")
