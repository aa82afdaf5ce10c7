"""What is done to the runs that are chosen: running again, cancelling, comparing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, redirect, url_for
from werkzeug.datastructures import MultiDict

from datanectar.errors import BadRequest, DatanectarError
from datanectar.http.identity import current
from datanectar.runs.records import Run
from datanectar.service.rerun import rerun
from datanectar.service.service import Service
from datanectar.statuses import ACTIVE
from datanectar.views.pages import confirmed, page

#: The most runs that are changed at once.
_MOST = 500


@dataclass(frozen=True)
class Outcome:
    """What became of one run: ``led_to`` is the run to look at; ``problem`` why nothing was done."""

    run: Run
    led_to: Run | None = None
    problem: str = ""


def bulk(service: Service, form: MultiDict[str, str]) -> Response:
    """Do to the runs of a form what its button says, and return the page of what became of each.

    Raises:
        BadRequest: when it names no run, too many, or no such button.
    """
    ids, act = form.getlist("run"), _ACTS.get(form.get("do", ""))
    if form.get("do") == "compare":
        return _compare(sorted(ids))
    if act is None or not 0 < len(ids) <= _MOST:
        raise BadRequest(
            f"Choose from 1 to {_MOST} runs, and whether to run them again or cancel them."
        )
    if act is _cancel:
        words = f"Cancel {len(ids)} runs? What they have not finished is lost; what is done stays."
        if asked := confirmed("Cancel the runs", words, back="/history"):
            return asked
    runs = [service.run(run_id) for run_id in ids]
    current.require_types(*(run.type for run in runs))
    outcomes = [_outcome(service, run, act) for run in runs]
    return page("bulk.html", outcomes=outcomes, is_cancel=act is _cancel)


def _compare(ids: list[str]) -> Response:
    if len(ids) != 2:
        raise BadRequest(f"Choose two runs to compare: {len(ids)} are chosen.")
    address = url_for("compare.both", run_id=ids[0], other_id=ids[1])
    return redirect(address, 303)  # type: ignore[return-value]


def _outcome(service: Service, run: Run, act: Callable[[Service, Run], Run | None]) -> Outcome:
    try:
        return Outcome(run, act(service, run))
    except DatanectarError as problem:
        return Outcome(run, problem=problem.message)


def _rerun(service: Service, run: Run) -> Run | None:
    return rerun(service, run.id, trigger="page", requested_by=current.name()).accepted.run


def _cancel(service: Service, run: Run) -> Run | None:
    if run.status not in ACTIVE:
        raise BadRequest(f"It has ended already: {run.status.lower()}.")
    return service.cancel(run.id)


_ACTS = {"rerun": _rerun, "cancel": _cancel}
