"""The Flask app: its parts put together."""

from __future__ import annotations

from flask import Flask

from datanectar.access.accounts import Accounts
from datanectar.api import (
    chains,
    lineage,
    logs,
    runs,
    status,
    targets,
    whoami,
)
from datanectar.api.monitoring import health
from datanectar.api.openapi import document as openapi
from datanectar.api.operations import backfills, schedules, webhooks
from datanectar.child_pool import ChildPool
from datanectar.counters.store import Counters, add_regularly
from datanectar.http import auth, proxy
from datanectar.http.envelope import handle_errors
from datanectar.http.request_params import StrictRequest
from datanectar.http.request_reader import LARGEST_BODY
from datanectar.luigid.client import Luigid
from datanectar.messages import ResolveJob
from datanectar.queue import RunQueue
from datanectar.runs.store import RunStore
from datanectar.service.service import Service
from datanectar.settings import Settings
from datanectar.views import guide, login, pages
from datanectar.views.catalogue import chain as chain_page
from datanectar.views.catalogue import home, tasks
from datanectar.views.compare import page as compare_page
from datanectar.views.grid import page as grid_page
from datanectar.views.grid import results as result_list
from datanectar.views.lineage import results as lineage_result
from datanectar.views.lineage import tasks as lineage_pages
from datanectar.views.operations import backfills as backfill_pages
from datanectar.views.operations import schedules as schedule_pages
from datanectar.views.operations import settings as settings_page
from datanectar.views.operations import webhooks as webhook_pages
from datanectar.views.operations import workers as worker_pages
from datanectar.views.results import page as result_page
from datanectar.views.runs import history, run
from datanectar.web import request_log

#: Idle children kept for resolving parameters, so that a POST does not wait for a fork.
_CHILDREN_AHEAD = 2


def create_app(settings: Settings) -> Flask:
    """Return the app. It starts threads and children: call it in the process that serves.

    Raises:
        StartupError: when the settings, the run store or the queue can't be used.
    """
    service = _service(settings)
    accounts = Accounts(settings, service.store.database)
    accounts.check_start()
    app = Flask("datanectar", static_folder=None)
    app.request_class = StrictRequest
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY
    app.url_map.converters["task_name"] = chains.TaskName
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # no redirects for either
    app.extensions["datanectar"] = service
    app.extensions["datanectar.children"] = service.children
    handle_errors(app)
    auth.protect(app, settings, service, accounts)
    _register_routes(app, service)
    _register_login(app, settings, accounts)
    pages.prepare(app)
    request_log.prepare(app)
    proxy.prepare(app, settings)
    return app


def _service(settings: Settings) -> Service:
    store = RunStore(settings.database_url)
    store.prepare()
    children = ChildPool(settings, ahead=_CHILDREN_AHEAD, role=ResolveJob)
    children.start()
    add_regularly(Counters(store.database))
    return Service(
        settings,
        store=store,
        queue=RunQueue(settings.queue_url),
        children=children,
        luigid=Luigid(settings.luigid_url, settings.state),
        # A request that waits for a chain occupies a thread; half of them stay free for others.
        most_waiting=max(1, settings.web_threads // 2),
    )


def _register_login(app: Flask, settings: Settings, accounts: Accounts) -> None:
    app.register_blueprint(login.blueprint(settings, accounts))
    app.register_blueprint(whoami.blueprint())


def _register_routes(app: Flask, service: Service) -> None:
    api_modules = (
        chains,
        status,
        logs,
        targets,
        lineage,
        runs,
        schedules,
        backfills,
        webhooks,
        health,
        openapi,
    )
    for module in (
        *api_modules,
        home,
        chain_page,
        tasks,
        grid_page,
        result_list,
        run,
        compare_page,
        result_page,
        history,
        lineage_pages,
        lineage_result,
        backfill_pages,
        schedule_pages,
        settings_page,
        webhook_pages,
        worker_pages,
    ):
        app.register_blueprint(module.blueprint(service))
    app.register_blueprint(guide.blueprint())
    app.register_blueprint(pages.docs())
    app.register_blueprint(pages.static_files())
