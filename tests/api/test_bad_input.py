"""What can't be meant: the right 4xx, in the envelope, with a name for what is wrong; nothing done."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.api.answers import data, enveloped, refused
from tests.servers.stack import Stack

GREET = "/api/chains/basic/plain_chain/GreetTask"
KEY = "chains/basic/plain_chain/GreetTask/b226f1826734303ca9d39d79f960b367"
NEVER_RUN = "chains/basic/plain_chain/GreetTask/" + "0" * 32
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def nothing_is_written(web: Stack) -> Iterator[None]:
    """No test here may leave a run in the store or a file among the results."""
    yield
    assert data(web.get("/api/runs"))["runs"] == []
    results = web.project / "local_targets"
    assert [path for path in results.rglob("*") if path.is_file()] == []


def ask(web: Stack, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{web.url}{path}", timeout=30, **options)


def raw(web: Stack, request: bytes) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are; return status and body of the answer."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    content = json.loads(body)
    assert content["status"] == status
    assert set(content) == {"data", "message", "status"}
    return status, content


def raw_path(web: Stack, path: bytes, method: bytes = b"GET", headers: bytes = b"") -> int:
    host = f"Host: 127.0.0.1:{web.port}\r\nConnection: close\r\n".encode()
    return raw(web, b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, path, host, headers))[0]


# --- what is asked for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "names"),
    [
        ("GET", "/api/chains/notype", 404, "notype"),
        ("GET", "/api/chains/basic/no_chain", 404, "no_chain"),
        ("GET", "/api/chains/basic/plain_chain/NoTask", 404, "NoTask"),
        ("GET", "/api/chains/basic/plain_chain/NoTask/key", 404, "NoTask"),
        ("POST", "/api/chains/notype/plain_chain/GreetTask", 404, "notype/plain_chain"),
        ("POST", "/api/chains/basic/no_chain/GreetTask", 404, "basic/no_chain"),
        ("POST", "/api/chains/basic/plain_chain/NoTask", 404, "NoTask"),
        ("POST", "/api/chains/basic/NoTask", 404, "NoTask"),
        ("POST", "/api/chains/notype/GreetTask", 404, "notype"),
        ("POST", "/api/chains/basic/plain_chain/time", 404, "time"),
        ("POST", "/api/chains/basic/plain_chain/__class__", 404, "__class__"),
        ("POST", "/api/chains/basic/plain/GreetTask", 404, "basic/plain"),
        ("GET", "/api/nothing", 404, "/api/nothing"),
        ("GET", "/api", 404, "/api"),
        ("GET", "/api//chains", 404, "/api//chains"),
        ("GET", "/favicon.txt", 404, "favicon"),
        ("GET", "/api/runs/no-such-run", 404, "no-such-run"),
        ("DELETE", "/api/runs/no-such-run", 404, "no-such-run"),
        ("GET", f"/api/chainstatus?chain={NEVER_RUN}/out.txt", 404, NEVER_RUN),
        ("GET", f"/api/chainstatus?chain={NEVER_RUN}", 404, NEVER_RUN),
        ("GET", f"/api/chainlog?chain={NEVER_RUN}/out.txt", 404, NEVER_RUN),
        ("GET", f"/api/chaingraph?chain={NEVER_RUN}/out.txt", 404, NEVER_RUN),
        ("GET", f"/api/targets/{NEVER_RUN}/out.txt", 404, NEVER_RUN),
        ("DELETE", f"/api/targets/{NEVER_RUN}", 404, NEVER_RUN),
        ("GET", "/api/targets", 404, "/api/targets"),
        ("GET", "/api/targets//etc/passwd", 404, "/etc/passwd"),
    ],
)
def test_what_is_not_there_is_404_and_named(
    web: Stack, method: str, path: str, status: int, names: str
) -> None:
    assert names in refused(ask(web, method, path), status)["message"]


@pytest.mark.parametrize("route", ["chainstatus", "chainlog", "chaingraph"])
@pytest.mark.parametrize(
    "key",
    [
        "",
        "out.txt",
        "chains",
        "chains/basic/plain_chain/GreetTask",
        "chains/basic/plain_chain/GreetTask/short/out.txt",
        KEY.upper(),
        f"{KEY}0",
        f"{KEY}/a/b",
        f"{KEY}/.hidden",
        f"{KEY}/..",
        f"{KEY}/out.txt/..",
        "chains/../../../etc/passwd",
        f"chains/../plain_chain/GreetTask/{'0' * 32}/out.txt",
        f"chains/basic/plain_chain/Gre%65tTask/{'0' * 32}",
        f"chains/b\x00sic/plain_chain/GreetTask/{'0' * 32}",
        f"chains/bäsic/plain_chain/GreetTask/{'0' * 32}",
        f"chains/basic/plain_chain/GreetTask/{'٣' * 32}",
        f"{KEY}\n",
        "x" * 5000,
    ],
)
def test_a_malformed_key_is_400(web: Stack, route: str, key: str) -> None:
    body = refused(web.get(f"/api/{route}", params={"chain": key}), 400)

    assert len(body["message"]) < 600


def test_a_status_without_a_key_says_how_to_ask(web: Stack) -> None:
    body = refused(web.get("/api/chainstatus"), 400)

    assert body["data"]["fields"] == {"chain": "required"}


@pytest.mark.parametrize(
    "path",
    [
        b"/api/targets/../../../etc/passwd",
        b"/api/targets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        b"/api/targets/..%2f..%2fetc%2fpasswd",
        b"/api/targets/" + KEY.encode() + b"/../../../../../../etc/passwd",
        b"/api/targets/" + KEY.encode() + b"/%2e%2e/out.txt",
        b"/api/targets/" + KEY.encode() + b"/..%2f..%2fout.txt",
        b"/api/targets/" + KEY.encode() + b"/out.txt%00.png",
        b"/api/targets/" + KEY.encode() + b"/%00",
        b"/api/targets/" + KEY.encode(),
        b"/api/targets/chains/basic/plain_chain/GreetTask",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
def test_a_target_that_is_no_key_is_400(web: Stack, method: bytes, path: bytes) -> None:
    expected = 404 if method == b"DELETE" and path.endswith(KEY.encode()) else 400

    assert raw_path(web, path, method) == expected


@pytest.mark.parametrize(
    "path",
    [
        b"/api/chains/../chains/basic",
        b"/api/chains/%2e%2e/%2e%2e",
        b"/api/chains/basic/%2e%2e",
        b"/api/chains/basic/plain_chain%00",
        b"/api/chains/basic/..%2fplain_chain",
        b"/api/chains/%ff/plain_chain",
        b"/api/chains/bas%69c%0a",
        b"/api/runs/..%2f..%2f",
        b"/api/runs/%00",
        b"/" + b"x" * 5000,
    ],
)
def test_a_path_that_leads_elsewhere_is_404(web: Stack, path: bytes) -> None:
    assert raw_path(web, path) == 404
    assert raw_path(web, b"/api/chains/" + path + b"/GreetTask", b"POST") == 404


# --- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [GREET, "/api/chains/basic/GreetTask"])
def test_an_unknown_parameter_is_named_with_those_that_there_are(web: Stack, path: str) -> None:
    body = refused(ask(web, "POST", f"{path}?nmae=you"), 400)

    assert body["data"]["fields"] == {"nmae": "unknown; this task takes name"}
    assert "nmae: unknown" in body["message"]


def test_a_missing_parameter_is_named_with_its_type(web: Stack) -> None:
    body = refused(ask(web, "POST", "/api/chains/basic/plain_chain/SleepTask?seconds=1"), 400)

    assert body["data"]["fields"] == {"name": "required (Parameter)"}


def test_every_problem_is_named_at_once(web: Stack) -> None:
    path = "/api/chains/http/offers_chain/OfferTask?day=tomorrow&colour=GREEN&nonsense=1"

    fields = refused(ask(web, "POST", path), 400)["data"]["fields"]

    assert set(fields) == {"needed", "day", "colour", "nonsense"}


@pytest.mark.parametrize(
    "options",
    [
        {"params": [("name", "a"), ("name", "b")]},
        {"params": [("name", "a"), ("name", "a")]},
        {"data": [("name", "a"), ("name", "b")]},
        {"params": {"name": "a"}, "data": {"name": "b"}},
        {"params": {"name": "a"}, "json": {"name": "b"}},
        {"data": '{"name": "a", "name": "b"}', "headers": {"Content-Type": "application/json"}},
    ],
)
def test_a_parameter_given_twice_is_named(web: Stack, options: dict[str, Any]) -> None:
    body = refused(ask(web, "POST", GREET, **options), 400)

    assert body["data"]["fields"] == {"name": "given more than once"}


@pytest.mark.parametrize("query", [b"name=%ff", b"name=\xff", b"%c3%28=x", b"name=%ed%a0%80"])
def test_a_query_that_is_no_text_is_refused(web: Stack, query: bytes) -> None:
    assert raw_path(web, GREET.encode() + b"?" + query, b"POST") == 400
    assert raw_path(web, GREET.encode() + b"/key?" + query) == 400
    assert raw_path(web, b"/api/runs?" + query) == 400


def test_too_many_parameters_are_refused_in_few_words(web: Stack) -> None:
    body = refused(ask(web, "POST", GREET, data={f"p{n}": "" for n in range(5000)}), 400)
    assert len(body["message"]) < 300
    body = refused(ask(web, "POST", GREET, json={f"p{n}": "" for n in range(5000)}), 400)
    assert len(body["message"]) < 300


# --- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'["name"]',
        b"null",
        b'"name"',
        b"5",
        b"{'name': 'a'}",
        b'{"name": NaN}',
        b'{"name": "a"} {}',
        b'{"name": "\xff"}',
        b'{"name": ' + b"9" * 6000 + b"}",
        b"[" * 100_000,
        b'{"name": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"name": ' + b'{"a":' * 990 + b"1" + b"}" * 991,
    ],
)
def test_a_body_that_is_no_json_object_is_400(web: Stack, body: bytes) -> None:
    answer = ask(web, "POST", GREET, data=body, headers={"Content-Type": "application/json"})

    assert len(refused(answer, 400)["message"]) < 500


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"name=\xff"),
        ("multipart/form-data", b"name=a"),
        ("multipart/form-data; boundary=x", b"no part here"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na',
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_400_and_not_an_empty_one(
    web: Stack, kind: str, body: bytes
) -> None:
    refused(ask(web, "POST", GREET, data=body, headers={"Content-Type": kind}), 400)


def test_a_file_is_no_parameter(web: Stack) -> None:
    body = refused(ask(web, "POST", GREET, files={"name": ("a.txt", "text")}), 400)

    assert body["data"]["fields"] == {"name": "a file; send text"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/jsonx", "image/png", "nonsense", "*/*"]
)
@pytest.mark.parametrize("path", [GREET, "/api/chains/basic/GreetTask", "/api/nothing"])
def test_another_content_type_is_415_and_says_which_there_are(
    web: Stack, kind: str, path: str
) -> None:
    answer = ask(web, "POST", path, data=b'{"name": "a"}', headers={"Content-Type": kind})

    assert "application/json" in refused(answer, 415)["message"]


def test_a_body_of_no_stated_type_is_415_and_not_ignored(web: Stack) -> None:
    head = f"POST {GREET} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()

    assert raw(web, head + b"Content-Length: 6\r\n\r\nname=a")[0] == 415
    chunked = b"Transfer-Encoding: chunked\r\n\r\n6\r\nname=a\r\n0\r\n\r\n"
    assert raw(web, head + chunked)[0] == 415


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("application/x-www-form-urlencoded", b"name=", b""),
        ("application/json", b'{"name": "', b'"}'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n',
            b"\r\n--b--\r\n",
        ),
    ],
)
def test_a_body_of_more_than_a_megabyte_is_413_and_never_cut(
    web: Stack, kind: str, start: bytes, end: bytes, chunked: bool
) -> None:
    pieces = [start, b"x" * MEGABYTE, end]
    body = iter([piece for piece in pieces if piece]) if chunked else b"".join(pieces)

    refused(ask(web, "POST", GREET, data=body, headers={"Content-Type": kind}), 413)


# --- methods, hosts, origins -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/chains/basic/plain_chain/GreetTask/key/more", None),
        ("DELETE", GREET, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", GREET, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PATCH", GREET, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/api/chains", {"GET", "HEAD", "OPTIONS"}),
        ("POST", f"{GREET}/key", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/api/chainstatus", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/api/chainlog", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/api/runs", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/api/runs/some", {"GET", "HEAD", "OPTIONS", "DELETE"}),
        ("POST", f"/api/targets/{KEY}/out.txt", {"GET", "HEAD", "OPTIONS", "DELETE"}),
        ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/api/chains", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/api/chains", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_with_those_that_there_are(
    web: Stack, method: str, path: str, allowed: set[str] | None
) -> None:
    answer = ask(web, method, path)

    refused(answer, 405 if allowed else 404)
    if allowed:
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "a b"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_host_is_403(web: Stack, method: str, host: str) -> None:
    head = f"{method} {GREET} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"

    status, body = raw(web, head.encode())

    assert status in (400, 403)
    if status == 403:
        assert "DATANECTAR_ALLOWED_HOSTS" in body["message"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1", "[::1]:80"])
def test_our_own_hosts_are_served(web: Stack, host: str) -> None:
    assert enveloped(ask(web, "GET", "/api/chains/basic", headers={"Host": host}))["status"] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://["},
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", GREET), ("DELETE", f"/api/targets/{KEY}"), ("DELETE", "/api/runs/some")],
)
def test_a_page_of_another_site_changes_nothing(
    web: Stack, method: str, path: str, headers: dict[str, str]
) -> None:
    body = refused(ask(web, method, path, headers=headers), 403)

    assert "another site" in body["message"]


def test_our_own_page_may_ask_for_changes(web: Stack) -> None:
    headers = {"Origin": web.url, "Sec-Fetch-Site": "same-origin"}

    refused(ask(web, "DELETE", "/api/runs/some", headers=headers), 404)


# --- what is no request at all ---------------------------------------------------------------


def test_what_cannot_be_parsed_is_answered_in_the_envelope_too(web: Stack) -> None:
    assert raw_path(web, GREET.encode() + b"?name=" + b"x" * 9000) == 414
    assert raw_path(web, GREET.encode(), headers=b"X-Long: " + b"x" * 9000 + b"\r\n") == 431
    assert raw_path(web, b"/api/chains/b\xffsic/plain_chain") == 400
    assert raw(web, b"nonsense\r\n\r\n")[0] == 400
    assert raw(web, b"GET / HTTP/9.9\r\n\r\n")[0] == 400
    assert raw_path(web, GREET.encode(), headers=b"No colon\r\n") == 400


# --- the history -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=nonsense", None),
        ("cursor=", None),
        ("cursor=%00", None),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("status=SLEEPING", "status"),
        ("status=DONE&status=FAILED", "status"),
        ("since=yesterday", "since"),
        ("since=0001-01-01", "since"),
        ("until=2026-13-01", "until"),
        ("param=name", "param"),
        ("param=name=a&param=name=b", "param"),
        ("typ=basic", "typ"),
    ],
)
def test_a_history_that_cannot_be_asked_for_is_400_and_named(
    web: Stack, query: str, field: str | None
) -> None:
    body = refused(web.get(f"/api/runs?{query}"), 400)

    if field:
        assert list(body["data"]["fields"]) == [field]
        assert field in body["message"]


@pytest.mark.parametrize(
    "query",
    [
        "since=1900-01-01T00:00:00Z",
        "until=9999-12-31T23:59:59%2B00:00",
        "since=2026-06-03T12:00:00+02:00",
        "since=2026-06-03 12:00",
        "type=%00",
        "type=no%20such",
        "key=nonsense",
        "param=na%00me=%00",
        "param=a%25_=b",
        "status=done",
        "limit=500",
    ],
)
def test_a_history_that_finds_nothing_is_an_empty_one(web: Stack, query: str) -> None:
    assert data(web.get(f"/api/runs?{query}")) == {"runs": [], "next_cursor": None}
