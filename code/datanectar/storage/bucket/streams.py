"""Uploads to S3 and downloads from it, in parts: memory does not grow with the content."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from datanectar.errors import NotFound, StorageError
from datanectar.storage.atomic_file import AtomicFile
from datanectar.storage.bucket.client import Clients, error_code

#: Bytes of one part. S3 allows 10,000 parts, so 120 GB; some servers want parts of equal size.
PART_SIZE = 12 * 1024 * 1024
#: Parts that are sent at a time, beside the one that is being written.
_CONCURRENT_PARTS = 2

#: Bytes that are sent without waiting for "100 Continue": what a socket takes before anybody reads.
_SENT_UNASKED = 16 * 1024

#: How often in a row a broken connection is resumed.
_RESUMES = 5
_CHUNK = 1024 * 1024


class Upload(AtomicFile):
    """A file that is written to S3: one PUT when it fits into a part, else a multipart upload.

    Threads send parts while the next one is written. S3 shows nothing of the file before the last
    request, and all of it after. A killed process can leave the parts of a multipart upload behind;
    no listing shows them, and a lifecycle rule removes them.
    """

    def __init__(self, clients: Clients, name: str, content_type: str) -> None:
        super().__init__()
        self._clients = clients
        self._where = {"Bucket": clients.bucket, "Key": name}
        self._content_type = content_type
        self._part = io.BytesIO()  # its content can be sent without a copy
        self._upload_id: str | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._sent: list[Future[str]] = []

    def _append(self, data: memoryview) -> int:
        if self._part.tell() == PART_SIZE:
            self._send_part()
        return self._part.write(data[: PART_SIZE - self._part.tell()])

    def _publish(self) -> None:
        if self._upload_id is None:
            content = self._part.getvalue()
            # botocore sends bytes at once, but a file only after a "100 Continue", so that a refusal,
            # or a redirection to another region, is read and not lost with the connection.
            body = content if len(content) <= _SENT_UNASKED else io.BytesIO(content)
            self._call("PutObject", Body=body, ContentType=self._content_type)
            return
        self._send_part()
        etags = [part.result() for part in self._sent]
        self._end_threads()
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
        upload = {"UploadId": self._upload_id, "MultipartUpload": {"Parts": parts}}
        self._call("CompleteMultipartUpload", **upload)

    def _remove(self) -> None:
        self._end_threads()  # a part that arrived after the abort would stay
        if self._upload_id is not None:
            self._call("AbortMultipartUpload", UploadId=self._upload_id)

    def _send_part(self) -> None:
        if self._threads is None:
            begun = self._call("CreateMultipartUpload", ContentType=self._content_type)
            self._upload_id = begun["UploadId"]
            self._threads = ThreadPoolExecutor(_CONCURRENT_PARTS, thread_name_prefix="upload")
        if len(self._sent) >= _CONCURRENT_PARTS:  # limits the parts in memory
            self._sent[-_CONCURRENT_PARTS].result()
        part, self._part = self._part, io.BytesIO()
        part.seek(0)
        self._sent.append(self._threads.submit(self._send, len(self._sent) + 1, part))

    def _send(self, number: int, part: io.BytesIO) -> str:
        numbered = {"UploadId": self._upload_id, "PartNumber": number}
        return str(self._call("UploadPart", **numbered, Body=part)["ETag"])

    def _call(self, operation: str, **params: Any) -> Any:
        """Make a request by its name in S3's API."""
        from botocore import xform_name  # UploadPart: upload_part

        with self._clients.request(f"{operation} {self._where['Key']}") as client:
            return getattr(client, xform_name(operation))(**self._where, **params)

    def _end_threads(self) -> None:
        if self._threads is not None:
            with contextlib.suppress(RuntimeError):  # a thread of the pool itself drops this file
                self._threads.shutdown(cancel_futures=True)


class Download(io.RawIOBase):
    """An object that is read. A broken connection is resumed where it broke; seeking is free.

    Args:
        clients: the bucket's clients.
        name: the object's name.
        start: the byte to begin with.

    Raises:
        NotFound: when there is no such object.
    """

    def __init__(self, clients: Clients, name: str, start: int = 0) -> None:
        super().__init__()
        self._clients = clients
        self._name = name
        self._position = start
        self._size = 0
        self._etag: str | None = None
        self._body: Any = None
        self._connect()

    def readable(self) -> bool:
        """Return True: the file is for reading."""
        return True

    def seekable(self) -> bool:
        """Return True: the next read requests the content from the new position on."""
        return True

    def tell(self) -> int:
        """Return the position of the byte that is read next."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position, as every file does; makes no request until something is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if base + offset != self._position:
            self._disconnect()
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the front of ``buffer``; return the number of bytes, 0 at the end."""
        count = len(buffer)
        if not count or self._position >= self._size:
            return 0
        data = self._read(count)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Return the rest."""
        return b"".join(iter(lambda: self.read(_CHUNK) or b"", b""))

    def close(self) -> None:
        """Close the connection."""
        if not self.closed:
            self._disconnect()
        super().close()

    def _read(self, count: int) -> bytes:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        cause: Exception | None = None
        for _ in range(_RESUMES):
            if self._body is None:
                self._connect()
            try:
                data: bytes = self._body.read(count)
            except (BotoCoreError, HTTPError, OSError) as problem:
                cause, data = problem, b""
            if data:
                return data
            self._disconnect()
        raise StorageError(
            f"The connection broke {_RESUMES} times at byte {self._position} of {self._name} "
            f"in bucket {self._clients.bucket}."
        ) from cause

    def _connect(self) -> None:
        params = {"Bucket": self._clients.bucket, "Key": self._name}
        if self._position:
            params["Range"] = f"bytes={self._position}-"
        if self._etag:
            params["IfMatch"] = self._etag  # a resumed read must not mix two results
        with self._clients.request(f"GetObject {self._name}") as client:
            try:
                response = client.get_object(**params)
            except client.exceptions.ClientError as problem:
                if error_code(problem) in ("NoSuchKey", "404"):
                    where = f"{self._name} in bucket {self._clients.bucket}"
                    raise NotFound(f"There is no {where}.") from problem
                if error_code(problem) not in ("InvalidRange", "416"):
                    raise
                self._size = max(self._size, self._position)  # at the end, or beyond it
                return
        self._body, self._etag = response["Body"], response.get("ETag")
        self._size = self._position + response["ContentLength"]

    def _disconnect(self) -> None:
        if self._body is not None:
            with contextlib.suppress(OSError):
                self._body.close()
        self._body = None
