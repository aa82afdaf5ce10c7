"""What only S3 does: signing, permissions, regions, credentials, multipart uploads, broken lines."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from datanectar.errors import StartupError, StorageError
from datanectar.keys import Key
from datanectar.settings import Settings
from datanectar.storage import s3
from datanectar.storage.bucket import client as s3_client
from datanectar.storage.bucket.streams import PART_SIZE
from datanectar.storage.s3 import S3Storage
from tests.servers.s3 import S3Server

KEY = Key("testchains", "hello_chain", "Hello", "0" * 32)
MIB = 1024 * 1024
Use = Callable[..., Settings]


@pytest.fixture(params=["moto", "rclone"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(f"{request.param}_s3")
    return found


@pytest.fixture
def storage(server: S3Server, s3_settings: Use) -> S3Storage:
    return prepared(s3_settings(server))


def prepared(settings: Settings) -> S3Storage:
    made = S3Storage(settings)
    made.prepare()
    return made


def fetch(url: str) -> tuple[bytes, dict[str, str]]:
    """Get a URL as any client would, with nothing of AWS's."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def query(url: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


# --- a server that says what a test wants it to ---------------------------------------------


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, code: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>So says the test</Message></Error>"
    return Answer(status, text.encode(), {"Content-Type": "application/xml"})


def listing(*names: str) -> Answer:
    items = "".join(
        f"<Contents><Key>{name}</Key><Size>7</Size>"
        "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
        for name in names
    )
    text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
    return Answer(200, text.encode())


def multipart(asked: Asked) -> Answer:
    """Take what is put, in one piece or several."""
    if asked.method == "POST" and "uploads" in asked.path:
        upload = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></Initiate"
        return Answer(200, upload + b"MultipartUploadResult>")
    body = b"<CompleteMultipartUploadResult/>" if asked.method == "POST" else b""
    return Answer(200, body, headers={"ETag": '"e"'})


@dataclass(frozen=True)
class Scripted(S3Server):
    """An S3 stand-in whose every answer is ``script(asked)``."""

    asked: list[Asked] = field(default_factory=list)

    @property
    def requests(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


Script = Callable[[Asked], Answer]


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], Scripted]]:
    with contextlib.ExitStack() as stack:
        yield lambda script: stack.enter_context(serving(script))


@contextlib.contextmanager
def serving(script: Script, pace: int | None = None) -> Iterator[Scripted]:
    """Start a server that answers so, and takes ``pace`` bytes a second."""
    asked: list[Asked] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.say(script(self.take(self.content())))

        def handle_expect_100(self) -> bool:
            answer = script(self.take(b""))
            if answer.status < 300:
                asked.pop()  # to be asked again, with what it then sends
                return super().handle_expect_100()
            self.say(answer)
            return False

        def take(self, content: bytes) -> Asked:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked.append(Asked(self.command, self.path, headers, content))
            return asked[-1]

        def content(self) -> bytes:
            length = int(self.headers.get("Content-Length") or 0)
            if pace is None:
                return self.rfile.read(length)
            content = b""
            while piece := self.rfile.read(min(length - len(content), MIB // 8)):
                content += piece
                time.sleep(len(piece) / pace)
            return content

        def say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            promised = str(len(answer.body))
            for name, value in {"Content-Length": promised, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
            self.close_connection = answer.headers.get("Content-Length", promised) != promised

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if pace is not None:  # or the system takes it all, however slowly it is read
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB // 8)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield Scripted(f"http://127.0.0.1:{server.server_port}", asked=asked)
        finally:
            server.shutdown()


# --- links ----------------------------------------------------------------------------------


def test_a_link_can_be_fetched_by_anyone_and_is_signed_with_v4(storage: S3Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"sweet")
    link = storage.link(KEY, "out.txt", expires_in=60)
    assert fetch(link.url)[0] == b"sweet"
    assert query(link.url)["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert "X-Amz-Signature" in query(link.url)
    assert query(link.url)["X-Amz-Expires"] == "60"
    assert link.expires_in == 60


def test_a_link_with_another_signature_is_refused(rclone_s3: S3Server, s3_settings: Use) -> None:
    storage = prepared(s3_settings(rclone_s3))
    storage.put_bytes(KEY, "out.txt", b"sweet")
    url = storage.link(KEY, "out.txt").url
    signature = query(url)["X-Amz-Signature"]
    other = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(url.replace(signature, other))
    assert refused.value.code == 403
    refused.value.close()


def test_a_link_to_the_public_endpoint_is_signed_for_its_host(
    rclone_s3: S3Server, s3_settings: Use
) -> None:
    public = rclone_s3.endpoint.replace("127.0.0.1", "localhost")
    storage = prepared(s3_settings(rclone_s3, DATANECTAR_S3_PUBLIC_ENDPOINT=public))
    storage.put_bytes(KEY, "out.txt", b"sweet")
    url = storage.link(KEY, "out.txt").url
    assert url.startswith(f"{public}/{storage.bucket}/{KEY}/out.txt?")
    assert fetch(url)[0] == b"sweet"


def test_browsers_learn_the_content_type(moto_s3: S3Server, s3_settings: Use) -> None:
    storage = prepared(s3_settings(moto_s3))
    expected = {
        "out.txt": "text/plain; charset=utf-8",
        "log": "text/plain; charset=utf-8",
        "log.1": "text/plain; charset=utf-8",
        "out.json": "application/json",
        "out.csv.gz": "application/octet-stream",
        "out.unheard-of": "application/octet-stream",
    }
    for name in expected:
        storage.put_bytes(KEY, name, b"x")
    found = {name: fetch(storage.link(KEY, name).url)[1]["content-type"] for name in expected}
    assert found == expected


def test_a_link_holds_no_longer_than_the_credentials(moto_s3: S3Server, s3_settings: Use) -> None:
    end = datetime.now(timezone.utc) + timedelta(minutes=20)
    settings = s3_settings(moto_s3, AWS_CREDENTIAL_EXPIRATION=end.isoformat())
    link = S3Storage(settings).link(KEY, "out.txt", expires_in=3600)
    assert link.expires_in is not None
    assert 1100 < link.expires_in <= 1200
    assert query(link.url)["X-Amz-Expires"] == str(link.expires_in)
    assert S3Storage(settings).link(KEY, "out.txt", expires_in=600).expires_in == 600


def test_a_link_holds_no_longer_than_a_week(moto_s3: S3Server, s3_settings: Use) -> None:
    link = S3Storage(s3_settings(moto_s3)).link(KEY, "out.txt", expires_in=10**9)
    assert link.expires_in == 604_800


def test_credentials_near_their_end_are_refreshed_before_a_link_is_signed(
    moto_s3: S3Server, s3_settings: Use, tmp_path: Path
) -> None:
    program = tmp_path / "credentials.py"
    program.write_text(
        "import datetime, json, pathlib, sys\n"
        "calls = pathlib.Path(sys.argv[0]).with_name('calls')\n"
        "first = not calls.exists()\n"
        "calls.touch()\n"
        "life = datetime.timedelta(seconds=90 if first else 7200)\n"
        "end = datetime.datetime.now(datetime.timezone.utc) + life\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'first' if first else 'second',\n"
        "    'SecretAccessKey': 's', 'SessionToken': 't', 'Expiration': end.isoformat()}))\n"
    )
    config = tmp_path / "aws-config"
    command = shlex.join([sys.executable, str(program)])
    config.write_text(f"[default]\ncredential_process = {command}\n")
    settings = s3_settings(
        moto_s3, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_CONFIG_FILE=str(config)
    )
    link = S3Storage(settings).link(KEY, "out.txt", expires_in=600)
    assert link.expires_in == 600
    assert query(link.url)["X-Amz-Credential"].startswith("second/")


def test_credentials_that_have_ended_sign_nothing(moto_s3: S3Server, s3_settings: Use) -> None:
    end = datetime.now(timezone.utc) - timedelta(minutes=1)
    storage = S3Storage(s3_settings(moto_s3, AWS_CREDENTIAL_EXPIRATION=end.isoformat()))
    with pytest.raises(StorageError, match="expired"):
        storage.link(KEY, "out.txt")


# --- regions --------------------------------------------------------------------------------


def test_a_bucket_is_made_in_the_configured_region(moto_s3: S3Server, s3_settings: Use) -> None:
    storage = prepared(s3_settings(moto_s3, AWS_REGION="eu-central-1"))
    with storage._clients.request("GetBucketLocation") as client:
        location = client.get_bucket_location(Bucket=storage.bucket)
    assert location["LocationConstraint"] == "eu-central-1"


@pytest.mark.parametrize("configured", ["", "us-west-2"])
def test_a_link_is_signed_for_the_buckets_own_region(
    scripted: Callable[[Script], Scripted], s3_settings: Use, configured: str
) -> None:
    server = scripted(lambda asked: Answer(headers={"x-amz-bucket-region": "eu-south-1"}))
    storage = S3Storage(s3_settings(server, AWS_REGION=configured))
    for _ in range(2):
        url = storage.link(KEY, "out.txt").url
        assert query(url)["X-Amz-Credential"].split("/")[2] == "eu-south-1"
    assert len(server.asked) == 1


def test_a_refusal_names_the_region_too(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    server = scripted(lambda asked: Answer(403, headers={"x-amz-bucket-region": "eu-south-1"}))
    url = S3Storage(s3_settings(server)).link(KEY, "out.txt").url
    assert query(url)["X-Amz-Credential"].split("/")[2] == "eu-south-1"


def test_without_any_word_of_a_region_it_is_the_usual_one(
    rclone_s3: S3Server, s3_settings: Use
) -> None:
    storage = prepared(s3_settings(rclone_s3, AWS_REGION=""))
    url = storage.link(KEY, "out.txt").url
    assert query(url)["X-Amz-Credential"].split("/")[2] == "us-east-1"


# --- permissions ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("region", ["", "eu-west-1"])
def test_exists_is_one_head(
    scripted: Callable[[Script], Scripted], s3_settings: Use, status: int, region: str
) -> None:
    modified = {"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT", "Content-Length": "7"}
    server = scripted(lambda asked: Answer(status, headers=modified))
    storage = S3Storage(s3_settings(server, AWS_REGION=region))
    assert storage.exists(KEY, "out.txt") is (status == 200)
    assert server.requests == [f"HEAD /{storage.bucket}/{KEY}/out.txt"]


@pytest.mark.parametrize(
    ("listed", "there"),
    [(["out.txt"], True), (["out.txt", "out.txt.1"], True), (["out.txt.1"], False), ([], False)],
)
def test_a_refused_head_is_followed_by_a_list_that_tells(
    scripted: Callable[[Script], Scripted], s3_settings: Use, listed: list[str], there: bool
) -> None:
    names = [f"{KEY}/{name}" for name in listed]
    server = scripted(lambda asked: Answer(403) if asked.method == "HEAD" else listing(*names))
    info = S3Storage(s3_settings(server)).info(KEY, "out.txt")
    assert (info is not None) is there
    assert info is None or (info.name, info.size) == ("out.txt", 7)
    assert [asked.method for asked in server.asked] == ["HEAD", "GET"]
    assert f"prefix={urllib.parse.quote(f'{KEY}/out.txt', safe='')}" in server.asked[1].path


def test_when_the_list_is_refused_too_the_error_says_which_rights_are_needed(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    server = scripted(lambda asked: refusal(403, "AccessDenied"))
    storage = S3Storage(s3_settings(server))
    with pytest.raises(StorageError) as refused:
        storage.exists(KEY, "out.txt")
    for word in (storage.bucket, f"{KEY}/out.txt", "s3:GetObject", "s3:ListBucket", "AccessDenied"):
        assert word in refused.value.message


def test_rights_to_the_prefix_alone_are_enough_to_start(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    def script(asked: Asked) -> Answer:
        listed = asked.method == "GET" and "prefix=chains%2F" in asked.path
        return listing() if listed else refusal(403, "AccessDenied")

    server = scripted(script)
    S3Storage(s3_settings(server)).prepare()
    assert [asked.method for asked in server.asked] == ["HEAD", "GET"]


# --- errors in words ------------------------------------------------------------------------


def assert_startup_error(storage: S3Storage, *words: str) -> None:
    with pytest.raises(StartupError) as error:
        storage.prepare()
    assert "\n" not in error.value.message
    for word in (storage.bucket, *words):
        assert word in error.value.message


def test_a_missing_bucket_that_may_not_be_made_is_told_at_start(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    def script(asked: Asked) -> Answer:
        return Answer(404) if asked.method == "HEAD" else refusal(403, "AccessDenied")

    assert_startup_error(S3Storage(s3_settings(scripted(script))), "by hand", "s3:CreateBucket")


def test_a_bucket_that_another_host_has_just_made_is_fine(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    def script(asked: Asked) -> Answer:
        made = refusal(409, "BucketAlreadyOwnedByYou")
        return Answer(404) if asked.method == "HEAD" else made

    S3Storage(s3_settings(scripted(script))).prepare()


def test_an_unknown_access_key_is_told_at_start(rclone_s3: S3Server, s3_settings: Use) -> None:
    storage = S3Storage(s3_settings(rclone_s3, AWS_ACCESS_KEY_ID="unknown"))
    assert_startup_error(storage, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID", rclone_s3.endpoint)


def test_a_wrong_secret_is_told_at_start(rclone_s3: S3Server, s3_settings: Use) -> None:
    storage = S3Storage(s3_settings(rclone_s3, AWS_SECRET_ACCESS_KEY="wrong"))
    assert_startup_error(storage, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY")


def test_missing_credentials_are_told_at_start(rclone_s3: S3Server, s3_settings: Use) -> None:
    settings = s3_settings(rclone_s3, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert_startup_error(S3Storage(settings), "No AWS credentials were found")


def test_a_missing_profile_is_told_at_start(rclone_s3: S3Server, s3_settings: Use) -> None:
    storage = S3Storage(s3_settings(rclone_s3, AWS_PROFILE="nobody"))
    assert_startup_error(storage, "nobody", "AWS_PROFILE")


def test_a_server_that_is_away_is_told_at_start(s3_settings: Use) -> None:
    settings = s3_settings(S3Server("http://127.0.0.1:9"), AWS_MAX_ATTEMPTS="1")
    assert_startup_error(S3Storage(settings), "127.0.0.1:9", "AWS_ENDPOINT_URL_S3")


def test_an_endpoint_without_a_scheme_is_told_at_start(s3_settings: Use) -> None:
    assert_startup_error(S3Storage(s3_settings(S3Server("minio:9000"))), "AWS_ENDPOINT_URL_S3")


@pytest.mark.parametrize("status", [400, 403])
def test_an_expired_token_is_named_though_a_head_has_no_words(
    scripted: Callable[[Script], Scripted], s3_settings: Use, status: int
) -> None:
    server = scripted(lambda asked: refusal(status, "ExpiredToken"))
    with pytest.raises(StorageError, match=r"ExpiredToken.*renew"):
        S3Storage(s3_settings(server)).exists(KEY, "out.txt")


def test_writing_to_a_missing_bucket_is_told(server: S3Server, s3_settings: Use) -> None:
    never_prepared = S3Storage(s3_settings(server))
    with pytest.raises(StorageError, match=r"NoSuchBucket.*PROJECT_BUCKET"):
        never_prepared.put_bytes(KEY, "out.txt", b"x")


# --- uploads --------------------------------------------------------------------------------


def pending_uploads(storage: S3Storage) -> list[str]:
    with storage._clients.request("ListMultipartUploads") as client:
        answer = client.list_multipart_uploads(Bucket=storage.bucket)
    return [upload["Key"] for upload in answer.get("Uploads", ())]


def test_an_aborted_upload_leaves_no_parts_behind(storage: S3Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.open_write(KEY, "o", binary=True) as stream:
        stream.write(b"x" * 40 * MIB)
        assert pending_uploads(storage) == [f"{KEY}/o"]
        raise ZeroDivisionError
    assert pending_uploads(storage) == []
    assert storage.list_files(KEY) == []


def test_an_upload_that_fails_midway_is_aborted_and_told(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    def script(asked: Asked) -> Answer:
        is_second = "partNumber=2" in asked.path
        return refusal(500, "InternalError") if is_second else multipart(asked)

    server = scripted(script)
    storage = S3Storage(s3_settings(server, AWS_MAX_ATTEMPTS="1"))
    stream = storage.open_write(KEY, "out.bin", binary=True)
    with pytest.raises(StorageError, match="UploadPart"), stream:
        stream.write(b"x" * 40 * MIB)
    begun, *parts, ended = [request.split("?")[0].split()[0] for request in server.requests]
    assert (begun, set(parts), ended) == ("POST", {"PUT"}, "DELETE")  # no part comes after the end


def test_parts_are_sent_while_what_follows_is_written(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    written, waited = threading.Event(), []

    def script(asked: Asked) -> Answer:
        if "partNumber=1" in asked.path and asked.body:
            waited.append(written.wait(10))
        return multipart(asked)

    server = scripted(script)
    storage = S3Storage(s3_settings(server))
    with storage.open_write(KEY, "out.bin", binary=True) as stream:
        stream.write(b"x" * 2 * PART_SIZE)
        written.set()

    assert waited == [True]


@pytest.mark.parametrize("size", [PART_SIZE - 1, 2 * PART_SIZE])
def test_a_slow_line_is_no_broken_one(
    s3_settings: Use, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # That is also the limit for each piece that is sent, on a new connection.
    monkeypatch.setattr(s3_client, "_CONNECT_SECONDS", 0.4)
    with serving(multipart, pace=8 * MIB) as server:
        storage = S3Storage(s3_settings(server, AWS_MAX_ATTEMPTS="1"))
        with storage.open_write(KEY, "out.bin", binary=True) as stream:
            stream.write(b"x" * size)

    assert sum(len(asked.body) for asked in server.asked if asked.method == "PUT") == size


def test_what_is_refused_is_not_sent(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    server = scripted(lambda asked: refusal(403, "AccessDenied"))
    storage = S3Storage(s3_settings(server))
    with pytest.raises(StorageError, match="s3:PutObject"):
        storage.put_bytes(KEY, "out.bin", b"x" * MIB)

    assert [len(asked.body) for asked in server.asked] == [0]


def test_an_upload_that_fails_at_its_close_is_told(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    server = scripted(lambda asked: refusal(507, "InsufficientStorage"))
    storage = S3Storage(s3_settings(server, AWS_MAX_ATTEMPTS="1"))
    stream = storage.open_write(KEY, "out.txt")
    stream.write("x")
    with pytest.raises(StorageError, match=r"PutObject .*InsufficientStorage"):
        stream.close()
    assert stream.closed


def test_an_upload_carries_no_checksum_that_other_servers_would_not_know(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    server = scripted(lambda asked: Answer(200, headers={"ETag": '"e"'}))
    S3Storage(s3_settings(server)).put_bytes(KEY, "out.txt", b"sweet")
    (asked,) = server.asked
    assert asked.body == b"sweet"
    unknown = ("x-amz-trailer", "x-amz-checksum", "x-amz-sdk-checksum", "content-encoding")
    assert [name for name in asked.headers if name.startswith(unknown)] == []
    assert "expect" not in asked.headers  # a round trip more


def test_a_killed_writer_leaves_no_half_file(storage: S3Storage) -> None:
    program = (
        "import sys\n"
        "from datanectar import keys, settings\n"
        "from datanectar.storage.s3 import S3Storage\n"
        f"stream = S3Storage(settings.load()).open_write(keys.parse_key('{KEY}'), 'o', binary=True)\n"
        f"stream.write(b'x' * {20 * MIB})\n"
        "print('midway', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"midway\n"
        child.send_signal(signal.SIGKILL)
    assert storage.list_files(KEY) == []
    storage.put_bytes(KEY, "o", b"the next attempt")
    assert b"".join(storage.read_chunks(KEY, "o")) == b"the next attempt"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_result(rclone_s3: S3Server, s3_settings: Use) -> None:
    prepared(s3_settings(rclone_s3))
    program = (
        "import hashlib, json, resource, os\n"
        "from datanectar import keys, settings\n"
        "from datanectar.storage.s3 import S3Storage\n"
        f"storage, key = S3Storage(settings.load()), keys.parse_key('{KEY}')\n"
        f"piece, sums = os.urandom({MIB}), [hashlib.sha256(), hashlib.sha256()]\n"
        "storage.put_bytes(key, 'small', piece)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with storage.open_write(key, 'out.bin', binary=True) as stream:\n"
        "    for _ in range(300):\n"
        "        stream.write(piece)\n"
        "        sums[0].update(piece)\n"
        "with storage.open_read(key, 'out.bin', binary=True) as stream:\n"
        f"    while piece := stream.read({MIB}):\n"
        "        sums[1].update(piece)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(json.dumps([before, after, sums[0].hexdigest() == sums[1].hexdigest()]))\n"
    )
    output = subprocess.check_output([sys.executable, "-c", program])
    before, after, same = json.loads(output)
    assert same
    unit = 1 if sys.platform == "darwin" else 1024
    assert (after - before) * unit < 60 * MIB


def test_a_file_too_large_for_one_copy_is_renamed_in_parts(
    moto_s3: S3Server, s3_settings: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_COPY_LIMIT", 1)
    storage = prepared(s3_settings(moto_s3))
    content = os.urandom(17 * MIB)
    storage.put_bytes(KEY, "log", content)
    storage.rename(KEY, "log", "log.1")
    assert [info.name for info in storage.list_files(KEY)] == ["log.1"]
    assert b"".join(storage.read_chunks(KEY, "log.1")) == content


def test_foreign_objects_are_not_listed(storage: S3Storage) -> None:
    storage.put_bytes(KEY, "out.txt", b"x")
    with storage._clients.request("PutObject") as client:
        for name in ("sub/out.txt", "-begins badly"):
            client.put_object(Bucket=storage.bucket, Key=f"{KEY}/{name}", Body=b"x")
    assert [info.name for info in storage.list_files(KEY)] == ["out.txt"]


# --- downloads ------------------------------------------------------------------------------


def in_pieces(content: bytes, piece: int) -> Script:
    """Answer as S3 would, on a line that breaks after ``piece`` bytes."""

    def script(asked: Asked) -> Answer:
        start = int(re.sub(r"bytes=(\d+)-", r"\1", asked.headers.get("range", "bytes=0-")))
        rest = content[start:]
        headers = {"Content-Length": str(len(rest)), "ETag": '"e1"'}
        return Answer(206 if start else 200, rest[:piece], headers)

    return script


def test_a_read_goes_on_where_the_connection_broke(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    content = os.urandom(10_000)
    server = scripted(in_pieces(content, 1500))
    storage = S3Storage(s3_settings(server))
    with storage.open_read(KEY, "out.bin", binary=True) as stream:
        assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(content).digest()
    resumed = server.asked[1:]
    assert [asked.headers["range"] for asked in resumed] == [
        f"bytes={start}-" for start in range(1500, 10_000, 1500)
    ]
    assert {asked.headers["if-match"] for asked in resumed} == {'"e1"'}


def test_a_connection_that_only_breaks_is_given_up(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    server = scripted(in_pieces(b"x" * 10_000, 0))
    with pytest.raises(StorageError, match="broke 5 times at byte 0"):
        list(S3Storage(s3_settings(server)).read_chunks(KEY, "out.bin"))


def test_a_read_never_mixes_two_results(
    scripted: Callable[[Script], Scripted], s3_settings: Use
) -> None:
    def script(asked: Asked) -> Answer:
        if "if-match" in asked.headers:
            return refusal(412, "PreconditionFailed")
        return in_pieces(b"x" * 10_000, 1500)(asked)

    stream = S3Storage(s3_settings(scripted(script))).open_read(KEY, "out.bin", binary=True)
    with pytest.raises(StorageError, match="replaced while it was read"), stream:
        stream.read()


# --- processes ------------------------------------------------------------------------------


def test_a_fork_makes_its_client_though_a_thread_of_the_parent_was_making_one(
    storage: S3Storage,
) -> None:
    with s3_client._lock:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.alarm(20)
                status = int(storage.exists(KEY, "out.txt"))
            finally:
                os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_fork_makes_a_client_of_its_own(s3_settings: Use) -> None:
    clients = S3Storage(s3_settings(S3Server("http://127.0.0.1:9")))._clients
    made = clients.client()
    assert clients.client() is made
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = int(clients.client() is made)
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert clients.client() is made


def test_nothing_of_boto_is_imported_before_the_first_request() -> None:
    program = (
        "import sys\n"
        "from datanectar import settings\n"
        "from datanectar.storage.s3 import S3Storage\n"
        "S3Storage(settings.load())\n"
        "sys.exit(bool({'boto3', 'botocore', 's3transfer', 'urllib3'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_preloading_needs_neither_credentials_nor_a_server(
    s3_settings: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_settings(S3Server("nowhere", "", ""))
    s3_client.preload()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    s3_client.preload()
