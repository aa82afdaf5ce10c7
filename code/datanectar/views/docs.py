"""``/docs``: the API, to read and to try. A script builds the page from ``/openapi.json``."""

from __future__ import annotations

from flask import Blueprint, Response

from datanectar.views.pages import page


def blueprint() -> Blueprint:
    """Return the page."""
    routes = Blueprint("docs", __name__)

    @routes.get("/docs")
    def docs() -> Response:
        return page("docs.html")

    return routes
