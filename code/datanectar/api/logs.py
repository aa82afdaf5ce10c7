"""``/api/chainlog``: the log of a key, whole or followed while it is written."""

from __future__ import annotations

from flask import Blueprint, Response, request

from datanectar.api.log_follower import LogFollower, LogSource
from datanectar.api.status import requested_key
from datanectar.errors import BadRequest, NotFound
from datanectar.http.event_stream import event_stream
from datanectar.keys import LOG_FILE, Key
from datanectar.service.service import Service
from datanectar.service.status import Status
from datanectar.statuses import ACTIVE, DONE

#: The response for a result that no run of this service has made.
_NO_LOG = "The result was there before any run of this service: there is no log of its making.\n"


def blueprint(service: Service) -> Blueprint:
    """Return the route."""
    routes = Blueprint("logs", __name__, url_prefix="/api")

    @routes.get("/chainlog")
    def chainlog() -> Response:
        status = service.status(*requested_key())
        if request.accept_mimetypes.best == "text/event-stream":
            return event_stream(follower(service, status).events())
        return _whole_log(service, status)

    return routes


def _whole_log(service: Service, status: Status) -> Response:
    tail, name = _tail(), _log_name(service, status.key)
    source = LogSource(service, status.key, name)
    version = source.version()
    if version is not None:
        start = 0 if tail is None else max(0, version[1] - tail)
        headers = {"X-Accel-Buffering": "no"}
        return Response(source.read(start), mimetype="text/plain", headers=headers)
    if name == LOG_FILE and status.job_status in ACTIVE:
        return Response("", mimetype="text/plain")  # the run has written nothing yet
    was_there = status.job_status == DONE and not (status.run and status.run.attempt)
    if name == LOG_FILE and was_there:
        return Response(_NO_LOG, mimetype="text/plain")
    raise NotFound(f"{status.key} has no {name}.")


def _log_name(service: Service, key: Key, run_id: str | None = None) -> str:
    """Return the file name of the log that ``attempt`` or ``run`` names, or ``run_id``, else of the latest.

    Raises:
        BadRequest: when ``attempt`` is no number.
        NotFound: when there is no such run.
    """
    attempt, run_id = request.args.get("attempt", ""), request.args.get("run", run_id)
    if attempt and not (attempt.isdecimal() and len(attempt) < 6):
        raise BadRequest(
            "attempt is the number of an earlier log: 1, 2...", fields={"attempt": "a number"}
        )
    if attempt:
        return f"{LOG_FILE}.{int(attempt)}"
    return service.log_of_run(service.run(run_id), key) if run_id else LOG_FILE


def follower(service: Service, status: Status, run_id: str | None = None) -> LogFollower:
    """Return what follows the log that the request, or else ``run_id``, names.

    Raises:
        BadRequest: when ``tail`` or ``attempt`` is no number.
        NotFound: when there is no such run.
    """
    tail, name = _tail(), _log_name(service, status.key, run_id)
    return LogFollower(service, status, name, _last_event_id(), tail)


def _last_event_id() -> int:
    """Return the byte to go on at: the id of the last event that the client has."""
    text = request.headers.get("Last-Event-ID") or request.args.get("after", "0")
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _tail() -> int | None:
    """Return how many bytes of a long log's end the client wants, or None for all of it.

    Raises:
        BadRequest: when ``tail`` is no number.
    """
    text = request.args.get("tail")
    if text is not None and not (text.isdecimal() and len(text) < 16):
        raise BadRequest("tail is a number of bytes.", fields={"tail": "a number of bytes"})
    return int(text) if text else None
