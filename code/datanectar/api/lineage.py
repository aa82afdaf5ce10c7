"""``/api/lineage``: what a result was made of and what was made from it; which tasks feed which."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from datanectar.api.status import requested_key
from datanectar.http import links
from datanectar.http.envelope import json_response
from datanectar.http.identity import current
from datanectar.lineage.drop import drop_with_downstream
from datanectar.lineage.results import Relative, in_use, lineage, there
from datanectar.lineage.tasks import RecordedTasks
from datanectar.service.service import Service


def blueprint(service: Service) -> Blueprint:
    """Return the routes below ``/api/lineage``."""
    routes = Blueprint("lineage", __name__, url_prefix="/api/lineage")
    recorded = RecordedTasks(service.store.database)

    @routes.get("")
    def of_result() -> Response:
        return json_response(_lineage_data(service))

    @routes.delete("")
    def drop() -> Response:
        key = requested_key()[0]
        dropped, kept = drop_with_downstream(service, key, current.types())
        return json_response({"key": str(key), "dropped": dropped, "kept": kept})

    @routes.get("/tasks")
    def of_tasks() -> Response:
        known = recorded.now().of_types(current.types())
        return json_response(
            {
                "edges": [{"from": one, "to": other} for one, other in sorted(known.pairs)],
                "files": [{"task": name, "addresses": known.files[name]} for name in known.files],
            }
        )

    return routes


def _lineage_data(service: Service) -> dict[str, Any]:
    found = lineage(service, requested_key()[0])
    up, down = current.visible(found.up), current.visible(found.down)
    shown = {str(found.key), *(str(each.key) for each in (*up, *down))}
    are_there = {str(key) for key in there(service, [*up, *down])}
    users = in_use(service, [each.key for each in (*up, *down)])

    def data(each: Relative) -> dict[str, Any]:
        name = str(each.key)
        return {
            "key": name,
            "parameters": each.task.params,
            "steps": each.steps,
            "is_there": name in are_there,
            "needed_by_run": users.get(name),
            "status_url": links.status_url(name, each.task.output),
        }

    return {
        "key": str(found.key),
        "upstream": [data(each) for each in up],
        "downstream": [data(each) for each in down],
        "files": [
            {"address": file.address, "stamp": file.stamp, "read_by": str(file.read_by)}
            for file in current.visible(found.files)
        ],
        "edges": [
            {"from": one, "to": other}
            for one, other in sorted(found.pairs)
            if one in shown and other in shown
        ],
        "is_cut": found.is_cut,
    }
