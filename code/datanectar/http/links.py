"""The URLs in responses."""

from __future__ import annotations

from urllib.parse import quote

from flask import request

from datanectar.keys import Key, is_folder_list
from datanectar.service.result_file import ZIP, ResultFile, ResultFolder
from datanectar.storage.base import Link
from datanectar.storage.folders.contents import folder_of
from datanectar.storage.registry import storage_named

#: Seconds for which the URL of a result is valid: in the response to a POST, and in a status.
POST_LINK_LIFE = 60
STATUS_LINK_LIFE = 600


def url(path: str) -> str:
    """Return the address of a path of this app, as the client reached it."""
    return request.url_root.rstrip("/") + path


def status_url(key: str, file: str | None) -> str:
    """Return the address of a key's status."""
    return url(f"/api/chainstatus?chain={key}/{quote(file or 'out.txt')}")


def log_url(key: str, file: str | None = None, run_id: str | None = None) -> str:
    """Return the address of a key's latest log, or of the one that a run wrote."""
    of_run = f"&run={run_id}" if run_id else ""
    return url(f"/api/chainlog?chain={key}/{quote(file or 'out.txt')}{of_run}")


def target_url(key: Key | str, file: str) -> str:
    """Return this app's address of a file of a key."""
    return url(f"/api/targets/{key}/{quote(file)}")


def file_link(key: Key, file: ResultFile, life: int) -> Link:
    """Return the URL of a result's file: this app's own for one on this host, else a presigned one."""
    return file.link(life) or Link(target_url(key, file.name), life)


def files_url(key: Key, file: ResultFile) -> str | None:
    """Return the address of the list of a folder's files; None for a file."""
    return target_url(key, f"{file.folder}/") if isinstance(file, ResultFolder) else None


def result_link(storage: str, key: Key, file: str, life: int) -> Link:
    """Return the URL of a result: one that its store gives out, such as a presigned one, else this app's own."""
    if is_folder_list(file):
        return Link(target_url(key, f"{folder_of(file)}{ZIP}"), life)
    link = storage_named(storage).link(key, file, expires_in=life)
    return link or Link(target_url(key, file), life)
