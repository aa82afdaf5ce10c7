"""The store in an S3 bucket, on AWS or any server that speaks its protocol."""

from __future__ import annotations

import io
import mimetypes
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from datanectar.errors import NotFound, StartupError, StorageError
from datanectar.keys import LOG_FILE, Key, is_file_name, parse_key
from datanectar.settings import Settings
from datanectar.storage.atomic_file import writer
from datanectar.storage.base import FileInfo, Link, Storage
from datanectar.storage.s3_client import DEFAULT_REGION, Clients, error_code
from datanectar.storage.s3_streams import Download, Upload

_CHUNK = 1024 * 1024
_READ_BUFFER = 256 * 1024

#: The most that one CopyObject takes, in bytes.
_COPY_LIMIT = 5 * 1024**3
#: The longest that a V4 URL can hold, in seconds: a week.
_LONGEST_LINK = 604_800


class S3Storage(Storage):
    """Results as objects in a bucket.

    May be made before a fork and used on both sides of it, and by many threads.

    Args:
        settings: for the public endpoint. Credentials, region and endpoint are boto3's own
            ``AWS_*`` variables and files.
        bucket: the bucket's full name; None: ``settings.bucket``.
    """

    name = "s3"

    def __init__(self, settings: Settings, bucket: str | None = None) -> None:
        self.bucket = bucket or settings.bucket
        self._clients = Clients(self.bucket, settings.s3_public_endpoint)

    def address(self, key: Key, file: str) -> str:
        """Return the object's ``s3://`` URL."""
        return f"s3://{self.bucket}/{_object_name(key, file)}"

    def exists(self, key: Key, file: str) -> bool:
        """Tell whether the file is there, by one HEAD."""
        return self.info(key, file) is not None

    def info(self, key: Key, file: str) -> FileInfo | None:
        """Return size and time of the file, or None when it is not there, by one HEAD.

        Raises:
            StorageError: see :meth:`object_info`.
        """
        return self.object_info(_object_name(key, file))

    def object_info(self, name: str) -> FileInfo | None:
        """Return size and time of the object called ``name``, or None when it is not there.

        Raises:
            StorageError: when S3 won't say. A refused HEAD doesn't tell a missing file from a
                missing permission, so that one is followed by a LIST of the exact name.
        """
        file = name.rpartition("/")[2]
        with self._clients.asking(f"HeadObject {name}") as client:
            try:
                head = client.head_object(Bucket=self.bucket, Key=name)
            except client.exceptions.ClientError as problem:
                code = error_code(problem)
                if code in ("404", "NoSuchKey"):
                    return None
                if code not in ("400", "403"):
                    raise
            else:
                modified = head["LastModified"].timestamp()
                return FileInfo(file, head["ContentLength"], modified, head.get("ETag", ""))
        return next((info for path, info in self._list(name) if path == name), None)

    def list_files(self, key: Key) -> list[FileInfo]:
        """Return the files under the key, by name."""
        folder = _object_name(key, "_")[:-1]
        listed = self._list(folder, Delimiter="/")
        return sorted((info for _, info in listed if is_file_name(info.name)), key=_by_name)

    def list_family(self, key: Key, file: str) -> Iterator[str]:
        """Yield the md5 of every key of this key's task whose ``file`` is there, by one listing."""
        _object_name(key, file)
        depth = len(key.family_prefix)
        paths = (path[depth:].split("/") for path, _ in self._list(key.family_prefix))
        return (parts[0] for parts in paths if parts[1:] == [file])

    def open_write(self, key: Key, file: str, *, binary: bool = False) -> IO[Any]:
        """Return a file object whose content appears under the key when it is closed.

        It can't seek. Up to 36 MiB are kept in memory, however much is written.
        """
        upload = Upload(self._clients, _object_name(key, file), _content_type(file))
        return writer(upload, binary=binary)

    def open_read(self, key: Key, file: str, *, binary: bool = False) -> IO[Any]:
        """Return a file object that streams the content; it can seek.

        Raises:
            NotFound: when the file is not there.
        """
        download = Download(self._clients, _object_name(key, file))
        stream = io.BufferedReader(download, _READ_BUFFER)
        return stream if binary else io.TextIOWrapper(stream, encoding="utf-8", newline="")

    def read_chunks(self, key: Key, file: str, start: int = 0) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in pieces of at most 1 MiB."""
        return self.object_chunks(_object_name(key, file), start)

    def object_chunks(self, name: str, start: int = 0) -> Iterator[bytes]:
        """Yield an object's content from byte ``start`` on, in pieces of at most 1 MiB.

        Raises:
            NotFound: when it is not there; at the call, not at the first piece.
        """
        return _pieces(Download(self._clients, name, start))

    def put_file(self, key: Key, file: str, source: Path) -> None:
        """Copy the local file ``source`` into the store."""
        with source.open("rb") as stream, self.open_write(key, file, binary=True) as target:
            shutil.copyfileobj(stream, target, _CHUNK)

    def rename(self, key: Key, old: str, new: str) -> None:
        """Copy the file within the bucket, then delete the one with the old name."""
        info = self.info(key, old)
        if info is None:
            raise NotFound(f"There is no {_object_name(key, old)} in bucket {self.bucket}.")
        source = {"Bucket": self.bucket, "Key": _object_name(key, old)}
        target = {"Bucket": self.bucket, "Key": _object_name(key, new)}
        with self._clients.asking(f"CopyObject {source['Key']}") as client:
            if info.size > _COPY_LIMIT:
                _copy_in_parts(client, source, target, _content_type(new))
            else:
                client.copy_object(CopySource=source, **target)
            client.delete_object(**source)

    def delete(self, key: Key, file: str) -> bool:
        """Delete the file; return whether it was there."""
        if not self.exists(key, file):
            return False
        self.delete_object(_object_name(key, file))
        return True

    def delete_object(self, name: str) -> None:
        """Delete the object called ``name``."""
        with self._clients.asking(f"DeleteObject {name}") as client:
            client.delete_object(Bucket=self.bucket, Key=name)

    def link(
        self, key: Key, file: str, *, expires_in: int = 600, download: str | None = None
    ) -> Link:
        """Return a URL, presigned with Signature V4, from which anyone can get the file.

        For the arguments see :meth:`object_link`; the file isn't looked for.
        """
        name = _object_name(key, file)
        return self.object_link(name, expires_in=expires_in, download=download)

    def object_link(self, name: str, *, expires_in: int = 600, download: str | None = None) -> Link:
        """Return a presigned URL of an object.

        Args:
            name: the object's name; it isn't looked for.
            expires_in: seconds that the URL should hold. It holds shorter when the credentials
                that sign it end sooner; the answer has the true number.
            download: a name under which browsers save the file, in place of showing it.

        Raises:
            StorageError: when there are no credentials, or they have ended.
        """
        params = {"Bucket": self.bucket, "Key": name}
        if download is not None:
            plain = re.sub(r"[^A-Za-z0-9._-]", "_", download)
            params["ResponseContentDisposition"] = f'attachment; filename="{plain}"'
        with self._clients.asking(f"Signing a URL of {params['Key']}"):
            left = self._clients.seconds_left()
            holds = int(min(expires_in, _LONGEST_LINK if left is None else left))
            if holds < 1:
                raise StorageError("The AWS credentials have ended, so no URL can be signed.")
            url = self._clients.signer().generate_presigned_url(
                "get_object", Params=params, ExpiresIn=holds
            )
        return Link(url, holds)

    def prepare(self) -> None:
        """Make sure that the bucket is there: make it if it is missing and may be made.

        Raises:
            StartupError: when it can't be used.
        """
        try:
            if not self._bucket_is_there():
                self._make_bucket()
        except StorageError as problem:
            raise StartupError(problem.message) from problem

    def _bucket_is_there(self) -> bool:
        with self._clients.asking("HeadBucket") as client:
            try:
                client.head_bucket(Bucket=self.bucket)
            except client.exceptions.ClientError as problem:
                if error_code(problem) in ("404", "NoSuchBucket"):
                    return False
                if error_code(problem) not in ("400", "403"):
                    raise
                # Rights to one prefix don't cover this HEAD; and only an answer with a body says
                # what is wrong.
                client.list_objects_v2(Bucket=self.bucket, Prefix="chains/", MaxKeys=1)
        return True

    def _make_bucket(self) -> None:
        with self._clients.asking("CreateBucket") as client:
            region = client.meta.region_name
            where: dict[str, Any] = {}
            if region != DEFAULT_REGION:
                where["CreateBucketConfiguration"] = {"LocationConstraint": region}
            try:
                client.create_bucket(Bucket=self.bucket, **where)
            except client.exceptions.BucketAlreadyOwnedByYou:
                return  # another host was quicker

    def _list(self, prefix: str, **more: str) -> Iterator[tuple[str, FileInfo]]:
        """Yield each object under ``prefix``: its full name, and what S3 knows of it."""
        with self._clients.asking(f"ListObjectsV2 {prefix}") as client:
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, **more):
                for item in page.get("Contents", ()):
                    path = item["Key"]
                    file = path.rpartition("/")[2]
                    yield path, FileInfo(file, item["Size"], item["LastModified"].timestamp())


def _object_name(key: Key, file: str) -> str:
    return parse_key(str(key)).file(file)


def _by_name(info: FileInfo) -> str:
    return info.name


def _pieces(download: Download) -> Iterator[bytes]:
    with download:
        while piece := download.read(_CHUNK):
            yield piece


def _content_type(file: str) -> str:
    """Return what a browser should take the file for."""
    if file.split(".")[0] == LOG_FILE:
        return "text/plain; charset=utf-8"
    kind, encoding = mimetypes.guess_type(file)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _copy_in_parts(
    client: Any, source: dict[str, str], target: dict[str, str], content_type: str
) -> None:
    from s3transfer.manager import TransferManager

    with TransferManager(client) as manager:
        arguments = {"ContentType": content_type}
        manager.copy(source, target["Bucket"], target["Key"], extra_args=arguments).result()
