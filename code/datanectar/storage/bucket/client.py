"""Clients of S3: how they are made, and how their errors are explained.

botocore is imported when the first client is made, so that local mode does without it. boto3 itself
uses it: credentials, ``AWS_*`` and configuration files are read as boto3 reads them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from datanectar.errors import StorageError
from datanectar.telemetry.counts import S3, count_error

#: The region of AWS, and of most other servers, when none is configured.
DEFAULT_REGION = "us-east-1"

_ATTEMPTS = 5
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
#: Connections kept open; not below the number of threads that share a client.
_CONNECTIONS = 32

_CREDENTIALS = (
    "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile or role that stands for them"
)
_REMEDIES = {
    "NoCredentialsError": (
        "No AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "or give AWS_PROFILE or an instance role."
    ),
    "PartialCredentialsError": f"{_CREDENTIALS}.",
    "CredentialRetrievalError": f"{_CREDENTIALS}.",
    "ProfileNotFound": "Check AWS_PROFILE.",
    "InvalidAccessKeyId": f"{_CREDENTIALS}.",
    "SignatureDoesNotMatch": f"{_CREDENTIALS}; the secret does not fit the key.",
    "AuthorizationHeaderMalformed": "Set AWS_REGION to the bucket's region.",
    "ExpiredToken": "The temporary credentials have ended: renew them (AWS_SESSION_TOKEN).",
    "InvalidToken": "Check AWS_SESSION_TOKEN, or unset it for permanent credentials.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "NoSuchBucket": "Make the bucket, or check ENV and PROJECT_BUCKET, or DATANECTAR_BUCKET, which name it.",
    "BucketAlreadyExists": "The name is someone else's: choose another PROJECT_BUCKET.",
    "InvalidBucketName": "Check ENV and PROJECT_BUCKET, which name it, or give a whole name that this server allows: DATANECTAR_BUCKET.",
    "PreconditionFailed": "The file was replaced while it was read: read it again.",
    "EndpointConnectionError": "Is the server up, and AWS_ENDPOINT_URL_S3 right?",
    "ConnectTimeoutError": "Is the server up, and AWS_ENDPOINT_URL_S3 right?",
    "SSLError": "Check the endpoint's certificate; AWS_CA_BUNDLE names one to trust.",
    "ValueError": "Check AWS_ENDPOINT_URL_S3: it begins with http:// or https://.",
}

_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a thread that held it does not exist in the child


os.register_at_fork(after_in_child=_renew_lock)


class Clients:
    """The clients for one bucket, made when first needed, and again after a fork.

    Threads may share them.

    Args:
        bucket: the bucket's full name.
        public_endpoint: where users of the service reach S3, when that differs; empty otherwise.
    """

    def __init__(self, bucket: str, public_endpoint: str = "") -> None:
        self.bucket = bucket
        self._public_endpoint = public_endpoint
        self._pid = 0
        self._session: Any = None
        self._client: Any = None
        self._signer: Any = None

    @contextlib.contextmanager
    def request(self, name: str) -> Iterator[Any]:
        """Yield the client for one request, whose name is for error messages.

        Raises:
            StorageError: for whatever botocore raises in the block.
        """
        import botocore.exceptions as raised

        try:
            yield self.client()
        # botocore raises RuntimeError for refreshed credentials that have expired already, and
        # ValueError for an endpoint without a scheme.
        except (raised.BotoCoreError, raised.ClientError, RuntimeError, ValueError) as problem:
            count_error(S3, error_code(problem))
            raise StorageError(self._explain(problem, name)) from problem

    def client(self) -> Any:
        """Return the client for requests.

        It has the configured region. For a bucket in another one, AWS answers with the right region,
        and botocore repeats the request there and remembers it.
        """
        with _lock:
            self._reset_after_fork()
            if self._client is None:
                self._session = self._session or _new_session()
                configured = os.environ.get("AWS_REGION")  # botocore reads AWS_DEFAULT_REGION only
                configured = configured or self._session.get_config_variable("region")
                self._client = _new_client(self._session, configured or DEFAULT_REGION)
            return self._client

    def signer(self) -> Any:
        """Return the client that signs URLs: for the public endpoint and the bucket's own region.

        A URL can't be redirected to another region, so each process asks once for the bucket's.
        """
        client = self.client()
        if self._signer is None:
            region = self._bucket_region(client)
            with _lock:
                endpoint = self._public_endpoint or None
                self._signer = _new_client(self._session, region, endpoint)
        return self._signer

    def _bucket_region(self, client: Any) -> str:
        """Return the region of the bucket from the response to one HEAD, else the configured one."""
        try:
            response = client.head_bucket(Bucket=self.bucket)
        except client.exceptions.ClientError as problem:
            response = problem.response  # a refusal names the region, too
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return str(headers.get("x-amz-bucket-region") or client.meta.region_name)

    def seconds_left(self) -> float | None:
        """Return for how long the credentials are valid, or None when they do not expire.

        Credentials that expire soon are refreshed first, if they can be.
        """
        self.client()
        credentials = self._session.get_credentials()
        if credentials is None:
            return None
        credentials.get_frozen_credentials()
        end: datetime | None = getattr(credentials, "_expiry_time", None)
        return None if end is None else (end - datetime.now(timezone.utc)).total_seconds()

    def _reset_after_fork(self) -> None:
        if self._pid != os.getpid():
            # Connections and refreshing threads belong to the process that made them.
            self._session = self._client = self._signer = None
            self._pid = os.getpid()

    def _explain(self, problem: Exception, request: str) -> str:
        code, reason = error_code(problem), _reason(problem)
        endpoint = self._client.meta.endpoint_url if self._client else "the configured endpoint"
        remedy = _REMEDIES.get(code, "")
        if code in ("AccessDenied", "403"):
            remedy = _permissions(self.bucket)
            if request == "CreateBucket":
                remedy = "Make the bucket by hand, or allow the credentials s3:CreateBucket."
        words = f"{request} in bucket {self.bucket} at {endpoint} failed: {reason}. {remedy}"
        return " ".join(words.split())


def error_code(problem: Exception) -> str:
    """Return S3's error code, or the name of the exception's class when S3 was not reached."""
    response = getattr(problem, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(problem).__name__)


def preload() -> None:
    """Parse botocore's description of S3, once for this process and all that it forks.

    Without it the first client of each child takes 100 ms more. It opens no connection and looks
    for no credentials.
    """
    from botocore.exceptions import BotoCoreError

    session = _new_session()
    session.set_credentials("none", "none")
    with contextlib.suppress(BotoCoreError):  # prepare() reports a wrong profile
        _new_client(session, DEFAULT_REGION, "http://localhost")


@lru_cache(maxsize=1)
def _loader() -> Any:
    """Return botocore's parsed files, which threads and forked processes may share."""
    import botocore.loaders

    return botocore.loaders.create_loader()


def _new_session() -> Any:
    import botocore.session

    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    return session


def _new_client(session: Any, region: str, endpoint: str | None = None) -> Any:
    from botocore.config import Config
    from botocore.handlers import convert_body_to_file_like_object

    attempts = session.get_config_variable("max_attempts") or _ATTEMPTS
    config = Config(
        signature_version="s3v4",
        # Newer default checksums are sent as trailers, which some servers store in the file.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # <ENV>.<PROJECT_BUCKET> has a dot: as a host name it would match no TLS certificate.
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
    )
    client = session.create_client("s3", region_name=region, endpoint_url=endpoint, config=config)
    # botocore turns bytes into a file, and sends a file only after a "100 Continue" (handlers.py,
    # add_expect_header): a round trip for a small result, a second where a server sends none.
    event = "before-parameter-build.s3.PutObject"
    client.meta.events.unregister(event, convert_body_to_file_like_object)
    return client


def _reason(problem: Exception) -> str:
    response = getattr(problem, "response", None)
    if not response:
        return str(problem).rstrip(".")
    error = response.get("Error", {})
    message = str(error.get("Message", "")).rstrip(".")
    return f"{error.get('Code')} ({message})" if message else str(error.get("Code"))


def _permissions(bucket: str) -> str:
    return (
        f"The credentials need s3:GetObject, s3:PutObject, s3:DeleteObject and "
        f"s3:AbortMultipartUpload on arn:aws:s3:::{bucket}/chains/*, and s3:ListBucket on "
        f"arn:aws:s3:::{bucket} for the prefix chains/. Without s3:ListBucket, S3 refuses even to "
        "say that a file is not there."
    )
