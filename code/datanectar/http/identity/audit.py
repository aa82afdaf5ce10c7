"""The audit log: who changed what, from where, and who was refused; a line of JSON each.

It is opened for each line: so it can be renamed at any time, and any number of processes append.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from flask import Flask, Response, g, request

from datanectar.access.accounts import Accounts
from datanectar.http.envelope import iso_time
from datanectar.http.identity import current
from datanectar.http.origin_checks import SAFE_METHODS

log = logging.getLogger(__name__)

_REFUSED = (401, 403, 429)


def prepare(app: Flask, file: Path, accounts: Accounts) -> None:
    """Write a line for each change and each refusal, as long as there are accounts."""

    @app.after_request
    def note(response: Response) -> Response:
        is_change = request.method not in SAFE_METHODS
        is_refused = response.status_code in _REFUSED and g.get("tried", True)
        if (is_change or is_refused or g.get("audited")) and not accounts.is_open():
            _append(file, response.status_code)
        return response


def _append(file: Path, status: int) -> None:
    account = current.account()
    line = {
        "time": iso_time(time.time()),
        "who": account.name if account else None,
        "scope": account.scope if account else None,
        "claims": g.get("claims"),
        "from": request.remote_addr,
        "what": request.endpoint,
        "method": request.method,
        "path": request.path[:1000],  # not the query, which may hold private parameters
        "status": status,
    }
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "a") as stream:  # noqa: PTH123
            stream.write(f"{json.dumps(line)}\n")
    except OSError as problem:
        log.error("the audit log %s can't be written: %s", file, problem.strerror)
