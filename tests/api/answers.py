"""What every answer of the API has to look like."""

from __future__ import annotations

from typing import Any

import requests

from tests.servers.stack import Stack


def refused(response: requests.Response, status: int) -> dict[str, Any]:
    """Check that the request was refused with this status, in the envelope; return the body."""
    body = enveloped(response)
    assert response.status_code == status, body
    assert body["message"] != "success"
    return body


def enveloped(response: requests.Response) -> dict[str, Any]:
    """Check that the body is the envelope and says what the HTTP status says; return it."""
    assert response.headers["Content-Type"] == "application/json", response.text[:300]
    body = response.json()
    assert set(body) == {"data", "message", "status"}
    assert body["status"] == response.status_code
    assert isinstance(body["message"], str)
    return dict(body)


def data(response: requests.Response) -> Any:
    """Check that the request was answered well; return what with."""
    body = enveloped(response)
    assert (response.status_code, body["message"]) == (200, "success"), body
    return body["data"]


def post(stack: Stack, path: str, **parameters: Any) -> str:
    return str(data(stack.post(path, params=parameters))["key"])


def log(stack: Stack, key: str, **more: Any) -> str:
    answer = stack.get("/api/chainlog", params={"chain": key, **more})
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.content.decode()
