"""``/runs/<id>``: one run, and the buttons for it."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for

from datanectar.api.logs import follower
from datanectar.errors import BadRequest, ChainError, KeyUndefined
from datanectar.http.event_stream import event_stream, merged
from datanectar.keys import parse_key
from datanectar.runs.records import Run
from datanectar.service.rerun import refuse_if_lost, request_params, rerun, run_date
from datanectar.service.service import Service
from datanectar.views.catalogue.tasks import show, start
from datanectar.views.live import live_page, live_pieces
from datanectar.views.pages import confirmed, rendered
from datanectar.views.runs.run_values import RunState, earlier_logs, look, run_values

_LIVE = "run_parts.html"


def blueprint(service: Service) -> Blueprint:
    """Return the page of a run, the stream of what changes, and the targets of its buttons."""
    routes = Blueprint("runs_page", __name__, url_prefix="/runs/<run_id>")

    @routes.get("")
    def run(run_id: str) -> Response:
        return _page(service, look(service, run_id))

    @routes.get("/events")
    def events(run_id: str) -> Response:
        return _events(service, run_id)

    @routes.post("/cancel")
    def cancel(run_id: str) -> Response:
        run = service.run(run_id)
        words = f"Cancel {run.task}? What it has not finished is lost; what is done stays."
        if asked := confirmed("Cancel the run", words, back=_address(run_id)):
            return asked
        service.cancel(run_id)
        return _redirect_to(run_id)

    @routes.post("/again")
    def again(run_id: str) -> Response:
        return _run_again(service, service.run(run_id))

    @routes.post("/rerun", endpoint="rerun")
    def make_again(run_id: str) -> Response:
        return _make_again(service, service.run(run_id))

    @routes.post("/drop")
    def drop(run_id: str) -> Response:
        run = service.run(run_id)
        words = f"Drop the result of {run.task}? Its files are deleted; logs and history stay."
        if asked := confirmed("Drop the result", words, back=_address(run_id)):
            return asked
        service.drop(parse_key(run.key))
        return _redirect_to(run_id)

    return routes


def _page(service: Service, state: RunState) -> Response:
    values = run_values(service, state, request.args)
    key = values["selected"].key
    earlier = earlier_logs(service, state.run, parse_key(key))
    there = request.args.get("there")
    return live_page("run.html", _LIVE, {"earlier_logs": earlier, **values}, there=there)


def _events(service: Service, run_id: str) -> Response:
    """Return the stream of the page's changes and of the log that ``chain`` names."""
    state = look(service, run_id)
    asked = request.args

    def render(state: RunState) -> str:
        return rendered(_LIVE, **run_values(service, state, asked))

    changes = live_pieces(
        lambda: look(service, run_id),
        render,
        seen=asked.get("seen", ""),
        is_over=lambda state: state.is_over,
    )
    key = parse_key(run_values(service, state, asked)["selected"].key)
    log = follower(service, service.status(key), run_id)
    return event_stream(merged(changes, log.events()))


def _run_again(service: Service, run: Run) -> Response:
    task = (service, run.type, run.chain, run.task)
    try:
        refuse_if_lost(run)
    except BadRequest as problem:  # without them it would be another run: the form asks for them
        return show(*task, typed=request_params(run), problem=problem)
    return start(*task, request_params(run), at=run_date(run))


def _make_again(service: Service, run: Run) -> Response:
    upstream = bool(request.form.get("upstream"))
    what = "its result and those of all tasks that it requires" if upstream else "its result"
    words = f"Make {run.task} again? That drops {what} first; logs and history stay."
    if asked := confirmed("Drop and make again", words, back=_address(run.id)):
        return asked
    try:
        again = rerun(service, run.id, force=True, upstream=upstream, trigger="page")
    except (BadRequest, ChainError, KeyUndefined) as problem:
        task = (service, run.type, run.chain, run.task)
        return show(*task, typed=request_params(run), problem=problem)
    accepted = again.accepted
    return _redirect_to(accepted.run.id if accepted.run else run.id)


def _address(run_id: str) -> str:
    return url_for("runs_page.run", run_id=run_id)


def _redirect_to(run_id: str) -> Response:
    return redirect(_address(run_id), 303)  # type: ignore[return-value]
