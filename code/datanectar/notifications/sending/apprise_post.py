"""Mail, Slack, Teams and a hundred more, by Apprise (extra ``datanectar[notify]``)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from datanectar.notifications.records import RUN_ENDED, SCHEDULE_MISSED, WORKER_LOST, Event
from datanectar.notifications.sending import apprise_child
from datanectar.notifications.sending.http_post import Answer
from datanectar.settings import Settings
from datanectar.statuses import DONE, FAILED

_LONGEST = 500


def is_installed() -> bool:
    """Tell whether Apprise is."""
    return find_spec("apprise") is not None


def check(url: str, settings: Settings) -> Answer:
    """Tell whether Apprise can read a URL; nothing is sent."""
    return _ask({"url": url}, settings)


def send(url: str, event: Event, page: str, settings: Settings) -> Answer:
    """Send an event as a message for people, and return what came of it.

    Args:
        url: Apprise's.
        event: what happened.
        page: the address of the page about it.
        settings: the settings in force.
    """
    title, kind = _title(event)
    lines = [event.data.get("error"), *_parameters(event), page]
    body = "\n".join(line for line in lines if line)
    networks = list(settings.webhook_networks)
    job = {"url": url, "title": title, "body": body, "kind": kind, "networks": networks}
    return _ask(job, settings)


def _ask(job: dict[str, Any], settings: Settings) -> Answer:
    command = [sys.executable, "-m", apprise_child.__name__]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            errors="replace",
            env=settings.environ_for_children(os.environ),
            timeout=apprise_child.SECONDS + 5,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.CalledProcessError as problem:
        last = (problem.stderr.strip().splitlines() or [f"exit code {problem.returncode}"])[-1]
        seconds = apprise_child.SECONDS
        why = f"not within {seconds} s" if problem.returncode == -14 else last
        return Answer(False, without_secrets(why, job["url"]))
    except (subprocess.TimeoutExpired, ValueError, OSError) as problem:
        return Answer(False, f"Apprise did not answer: {type(problem).__name__}")
    words = answer["words"] or ("" if answer["ok"] else "Apprise has not sent it")
    return Answer(answer["ok"], without_secrets(words.strip(), job["url"]))


def without_secrets(text: str, url: str) -> str:
    """Return the beginning of a text, without the parts of a URL that it repeats."""
    for part in sorted(re.split(r"[/:@?&=,]+", url.partition("://")[2]), key=len, reverse=True):
        if len(part) > 5:
            text = text.replace(part, "***")
    return text[:_LONGEST]


def _title(event: Event) -> tuple[str, str]:
    """Return the first line of a message, and which of Apprise's four kinds it is."""
    if event.name == RUN_ENDED:
        status = event.data["job_status"]
        kind = {DONE: "success", FAILED: "failure"}.get(status, "warning")
        return f"{status}: {event.subject}", kind
    words = {SCHEDULE_MISSED: "Schedule missed", WORKER_LOST: "Worker lost"}
    if event.name in words:
        return f"{words[event.name]}: {event.subject}", "failure"
    return f"A test of the webhook {event.subject}", "info"


def _parameters(event: Event) -> list[str]:
    return [f"{name}={value}" for name, value in event.data.get("parameters", {}).items()]
