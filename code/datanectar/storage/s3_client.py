"""The only maker of S3 clients, and the translator of what they raise.

botocore is imported when the first client is made, so that local mode does without it. It is what
boto3 itself stands on: credentials, ``AWS_*`` and configuration files are read as boto3 reads them.
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

#: What AWS and most other servers take when nothing else is said.
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
    "NoSuchBucket": "Make the bucket, or check ENV and PROJECT_BUCKET, which name it.",
    "BucketAlreadyExists": "The name is someone else's: choose another PROJECT_BUCKET.",
    "InvalidBucketName": "Check ENV and PROJECT_BUCKET, which name it: lower case, 3 to 63 long.",
    "PreconditionFailed": "The file was replaced while it was read: read it again.",
    "EndpointConnectionError": "Is the server up, and AWS_ENDPOINT_URL_S3 right?",
    "ConnectTimeoutError": "Is the server up, and AWS_ENDPOINT_URL_S3 right?",
    "SSLError": "Check the endpoint's certificate; AWS_CA_BUNDLE names one to trust.",
    "ValueError": "Check AWS_ENDPOINT_URL_S3: it begins with http:// or https://.",
}

_MAKE_IT = "Make the bucket by hand, or allow the credentials s3:CreateBucket."

_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a thread that held it was left behind by the fork


os.register_at_fork(after_in_child=_renew_lock)


class Clients:
    """The clients for one bucket, made when first needed and made anew after a fork.

    Safe to share between threads.

    Args:
        bucket: the bucket's full name.
        public_endpoint: where clients of ours reach S3, when that differs; empty otherwise.
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
        # RuntimeError is what refreshed credentials that have ended already give, ValueError what
        # an endpoint without a scheme does.
        except (raised.BotoCoreError, raised.ClientError, RuntimeError, ValueError) as problem:
            raise StorageError(self._explain(problem, name)) from problem

    def client(self) -> Any:
        """Return the client for requests.

        Its region is the configured one. For a bucket elsewhere AWS answers with the right one, and
        botocore follows and remembers.
        """
        with _lock:
            self._leave_parent()
            if self._client is None:
                self._session = self._session or _new_session()
                configured = os.environ.get("AWS_REGION")  # botocore reads AWS_DEFAULT_REGION only
                configured = configured or self._session.get_config_variable("region")
                self._client = _new_client(self._session, configured or DEFAULT_REGION)
            return self._client

    def signer(self) -> Any:
        """Return the client that signs URLs: for the public endpoint and the bucket's own region.

        A URL can't be redirected to another region, so the bucket is asked once in a process.
        """
        client = self.client()
        if self._signer is None:
            region = self._bucket_region(client)
            with _lock:
                endpoint = self._public_endpoint or None
                self._signer = _new_client(self._session, region, endpoint)
        return self._signer

    def _bucket_region(self, client: Any) -> str:
        """Return the region of the bucket, by the answer to one HEAD, else as configured."""
        try:
            answer = client.head_bucket(Bucket=self.bucket)
        except client.exceptions.ClientError as problem:
            answer = problem.response  # a refusal names the region, too
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return str(headers.get("x-amz-bucket-region") or client.meta.region_name)

    def seconds_left(self) -> float | None:
        """Return how long the credentials hold, or None when they say nothing of an end.

        Credentials that can be refreshed are, first, when their end is near.
        """
        self.client()
        credentials = self._session.get_credentials()
        if credentials is None:
            return None
        credentials.get_frozen_credentials()
        end: datetime | None = getattr(credentials, "_expiry_time", None)
        return None if end is None else (end - datetime.now(timezone.utc)).total_seconds()

    def _leave_parent(self) -> None:
        if self._pid != os.getpid():
            # Connections and refreshing threads stay with the process that made them.
            self._session = self._client = self._signer = None
            self._pid = os.getpid()

    def _explain(self, problem: Exception, request: str) -> str:
        code, reason = error_code(problem), _reason(problem)
        endpoint = self._client.meta.endpoint_url if self._client else "the configured endpoint"
        remedy = _REMEDIES.get(code, "")
        if code in ("AccessDenied", "403"):
            making = request == "CreateBucket"
            remedy = _MAKE_IT if making else _permissions(self.bucket)
        words = f"{request} in bucket {self.bucket} at {endpoint} failed: {reason}. {remedy}"
        return " ".join(words.split())


def error_code(problem: Exception) -> str:
    """Return S3's own error code, or the class's name when S3 was not reached."""
    response = getattr(problem, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(problem).__name__)


def preload() -> None:
    """Parse botocore's description of S3, once for this process and all that it forks.

    Without it the first client of each child takes 100 ms more. Opens no connection and looks for
    no credentials.
    """
    from botocore.exceptions import BotoCoreError

    session = _new_session()
    session.set_credentials("none", "none")
    with contextlib.suppress(BotoCoreError):  # a wrong profile is for prepare() to tell
        _new_client(session, DEFAULT_REGION, "http://localhost")


@lru_cache(maxsize=1)
def _loader() -> Any:
    import botocore.loaders

    return botocore.loaders.create_loader()


def _new_session() -> Any:
    import botocore.session

    session = botocore.session.Session()
    # A loader holds nothing but parsed files, so it may be shared and inherited.
    session.register_component("data_loader", _loader())
    return session


def _new_client(session: Any, region: str, endpoint: str | None = None) -> Any:
    from botocore.config import Config
    from botocore.handlers import convert_body_to_file_like_object

    attempts = session.get_config_variable("max_attempts") or _ATTEMPTS
    config = Config(
        signature_version="s3v4",
        # The newer default checksums come as trailers, which other servers store in the file.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # <ENV>.<PROJECT_BUCKET> has a dot: as a host name it would fit no TLS certificate.
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
    )
    client = session.create_client("s3", region_name=region, endpoint_url=endpoint, config=config)
    # botocore makes a file of bytes, and asks first whether it may send a file (handlers.py,
    # add_expect_header): a round trip for a small result, a second where nobody answers.
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
