"""HTTP requests to an app: repeated where that is safe, and with errors that say what is wrong."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy

from datanectar.errors import Unavailable, by_status
from datanectar.settings import is_loopback

#: Seconds before the first repetition, which double; and the longest that an app may ask for.
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: Connections that are kept open for threads that share a client.
CONNECTIONS = 32
#: Answers that ask for another try: a full queue, and something that is away.
_TRY_AGAIN = (429, 503)


class Transport:
    """Sends requests to an app.

    Args:
        url: the app's address.
        token: an API token, or None.
        timeout: seconds that a response may take.
        retries: how often a request is repeated that could not be sent, or was answered with 429 or
            503. Every request of the API may be repeated: the same POST twice is one run.
    """

    def __init__(self, url: str, token: str | None, timeout: float, retries: int) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._retries = retries
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Return ``data`` of the response to a request for a path of the app."""
        response = self.send(method, f"{self.url}{path}", **options)
        try:
            return response.json()["data"]
        except (ValueError, KeyError, TypeError) as problem:
            proxy = _proxy_for(self.url)
            or_proxy = f", or not the proxy {proxy} on the way to it" if proxy else ""
            raise Unavailable(
                f"What answers at {self.url} is no datanectar app{or_proxy}: see whether the address "
                "is right."
            ) from problem

    def send(self, method: str, url: str, **options: Any) -> requests.Response:
        """Return the response to a request, which may go to another server.

        Raises:
            Unavailable: when nothing answers.
            DatanectarError: of the class that fits the HTTP status, with its message and fields.
        """
        for attempt in range(self._retries):
            pause: float | None = _PAUSE * 2**attempt
            try:
                response = self._send_once(method, url, **options)
            except Unavailable as problem:
                if not isinstance(problem.__cause__, requests.ConnectionError):
                    raise
            else:
                pause = _pause_before_retry(response, _PAUSE * 2**attempt)
                if pause is None:
                    return _checked(response)
                response.close()
            time.sleep(pause or 0)
        return _checked(self._send_once(method, url, **options))

    def _send_once(self, method: str, url: str, **options: Any) -> requests.Response:
        # Another server, such as that of a presigned URL, must not get the token.
        is_app = url.startswith(f"{self.url}/")
        request = self._session.request if is_app else requests.request
        proxies = _NO_PROXY if _is_on_loopback(url) else None
        try:
            return request(method, url, timeout=self._timeout, proxies=proxies, **options)
        except requests.ConnectionError as problem:
            if proxy := _proxy_for(url):
                raise Unavailable(
                    f"{_origin(url)} can't be reached by way of the proxy {proxy}, which this "
                    f"environment names ({_reason(problem)}): name the host in NO_PROXY if it is to "
                    "be asked directly."
                ) from problem
            if not is_app:
                raise Unavailable(
                    f"{_origin(url)} does not answer ({_reason(problem)})."
                ) from problem
            raise Unavailable(
                f"No datanectar app answers at {self.url}: is `datanectar up` running?"
            ) from problem
        except requests.RequestException as problem:
            raise Unavailable(f"{method} {url}: {problem}") from problem


def _pause_before_retry(response: requests.Response, pause: float) -> float | None:
    """Return the seconds after which a request may succeed; None when it is not to be repeated."""
    if response.status_code not in _TRY_AGAIN or _is_about_a_run(response):
        return None
    asked = response.headers.get("Retry-After", "")
    pause = float(asked) if asked.isdecimal() and len(asked) < 6 else pause
    return pause if pause <= _LONGEST_PAUSE else None


def _checked(response: requests.Response) -> requests.Response:
    if not response.ok and not _is_about_a_run(response):
        _raise_problem(response)
    return response


#: As the ``proxies`` of a request: no proxy, whatever the environment names.
_NO_PROXY = {"no_proxy": "*"}


def _is_on_loopback(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".")
    return is_loopback(host) or host.endswith(".localhost")


def _proxy_for(url: str) -> str | None:
    """Return the proxy for ``url`` in this environment, without its password, or None."""
    if _is_on_loopback(url):
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    return re.sub(r"//[^/@]*@", "//", proxy) if proxy else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _reason(problem: Exception) -> str:
    """Return the operating system's message, which requests wraps several times."""
    inner: BaseException = problem
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return str(getattr(inner, "strerror", None) or inner).strip()[:200]


def _is_about_a_run(response: requests.Response) -> bool:
    """Tell whether a response of 400 or more reports how a run has ended, and is no refusal."""
    try:
        return "job_status" in response.json()["data"]
    except (ValueError, KeyError, TypeError):
        return False


def _raise_problem(response: requests.Response) -> None:
    try:
        body = response.json()
        message, fields = body["message"], (body["data"] or {}).get("fields")
    except (ValueError, KeyError, TypeError):
        proxy = _proxy_for(response.url)
        by_way = f" by way of the proxy {proxy}" if proxy else ""
        message = f"{_origin(response.url)} answers{by_way}: HTTP {response.status_code}: {response.text[:200]}"
        fields = None
    raise by_status(response.status_code)(str(message), fields=fields)
