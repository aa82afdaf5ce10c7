"""``/settings``: the settings in force, without secrets."""

from __future__ import annotations

from flask import Blueprint, Response

from datanectar.service.service import Service
from datanectar.settings import shown_rows
from datanectar.views.pages import page


def blueprint(service: Service) -> Blueprint:
    """Return the page."""
    routes = Blueprint("settings_page", __name__)

    @routes.get("/settings")
    def in_force() -> Response:
        return page("settings.html", rows=shown_rows(service.settings))

    return routes
