"""The store in an S3 bucket, on AWS or any server that speaks its protocol."""

from __future__ import annotations

import contextlib
import io
import mimetypes
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from datanectar.errors import NotFound, StartupError, StorageError
from datanectar.keys import LOG_FILE, Key, is_file_name
from datanectar.settings import Settings
from datanectar.storage.atomic_file import AtomicFile
from datanectar.storage.base import FileInfo, Link, Storage, object_name
from datanectar.storage.bucket.client import DEFAULT_REGION, Clients, error_code, preload
from datanectar.storage.bucket.streams import Download, Upload
from datanectar.storage.threads import mapped

_READ_BUFFER = 256 * 1024

#: The most that one CopyObject takes, in bytes.
_COPY_LIMIT = 5 * 1024**3
#: The longest time for which a V4 URL can be valid, in seconds: a week.
_LONGEST_LINK = 604_800


class S3Storage(Storage):
    """Results as objects in a bucket.

    Args:
        settings: for the public endpoint. Credentials, region and endpoint are boto3's own
            ``AWS_*`` variables and files.
        bucket: the bucket's full name; None: ``settings.bucket``.
    """

    def __init__(self, settings: Settings, bucket: str | None = None) -> None:
        self.bucket = bucket or settings.bucket
        self.store_address = f"s3://{self.bucket}"
        self._clients = Clients(self.bucket, settings.s3_public_endpoint)

    def address(self, key: Key, file: str) -> str:
        """Return the object's ``s3://`` URL."""
        return f"{self.store_address}/{object_name(key, file)}"

    def preload(self) -> None:
        """Parse botocore's description of S3 for this process and all that it forks."""
        preload()

    def object_info(self, name: str) -> FileInfo | None:
        """Return size and time of the object, or None when it is not there, by one HEAD.

        A refused HEAD can also mean a missing file, so it is followed by a LIST of the exact name.
        """
        with self._clients.request(f"HeadObject {name}") as client:
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
                return FileInfo(_last(name), head["ContentLength"], modified, head.get("ETag", ""))
        return next((info for path, info in self._list(name) if path == name), None)

    def open_object(self, name: str, start: int = 0) -> io.BufferedReader:
        """Return a file object that streams the object from byte ``start`` on."""
        return io.BufferedReader(Download(self._clients, name, start), _READ_BUFFER)

    def create_object(self, name: str) -> AtomicFile:
        """Return a file object whose content becomes the object when it is closed.

        It can't seek. Up to 36 MiB are kept in memory, however much is written.
        """
        return Upload(self._clients, name, _content_type(_last(name)))

    def delete_object(self, name: str) -> bool:
        """Delete the object; return whether it was there, which takes a HEAD of its own."""
        if self.object_info(name) is None:
            return False
        with self._clients.request(f"DeleteObject {name}") as client:
            client.delete_object(Bucket=self.bucket, Key=name)
        return True

    def list_files(self, key: Key) -> list[FileInfo]:
        """Return the files under the key, by name."""
        folder = object_name(key, "_")[:-1]
        listed = self._list(folder, Delimiter="/")
        return sorted(
            (info for _, info in listed if is_file_name(info.name)), key=attrgetter("name")
        )

    def list_family(self, key: Key, file: str) -> Iterator[str]:
        """Yield the md5 of every key of this key's task whose ``file`` is there, by one listing."""
        object_name(key, file)
        depth = len(key.family_prefix)
        paths = (path[depth:].split("/") for path, _ in self._list(key.family_prefix))
        return (parts[0] for parts in paths if parts[1:] == [file])

    def list_tree(self, prefix: str) -> Iterator[tuple[str, FileInfo]]:
        """Yield name and info of all objects below a prefix, as pages of the listing come."""
        return self._list(prefix)

    def keeps_versions(self) -> bool:
        """Tell whether the bucket keeps what is deleted as an earlier version; it makes one request."""
        with self._clients.request("GetBucketVersioning") as client:
            found = client.get_bucket_versioning(Bucket=self.bucket)
        return bool(found.get("Status") == "Enabled")

    def delete_tree(self, prefix: str) -> None:
        """List the objects and delete each: other servers than AWS take no list of names."""

        def delete(name: str) -> None:
            with self._clients.request(f"DeleteObject {name}") as client:
                client.delete_object(Bucket=self.bucket, Key=name)

        mapped(delete, [name for name, _ in self._list(prefix)])

    def rename(self, key: Key, old: str, new: str) -> None:
        """Copy the file within the bucket, then delete the one with the old name."""
        info = self.info(key, old)
        if info is None:
            raise NotFound(f"There is no {object_name(key, old)} in bucket {self.bucket}.")
        source = {"Bucket": self.bucket, "Key": object_name(key, old)}
        target = {"Bucket": self.bucket, "Key": object_name(key, new)}
        with self._clients.request(f"CopyObject {source['Key']}") as client:
            if info.size > _COPY_LIMIT:
                _copy_in_parts(client, source, target)
            else:
                client.copy_object(CopySource=source, **target)
            client.delete_object(**source)

    def object_link(self, name: str, *, expires_in: int) -> Link:
        """Return a URL, presigned with Signature V4, from which anyone can get the object.

        It is valid for less than ``expires_in`` seconds when the credentials that sign it expire
        sooner; the returned link has the true number.

        Raises:
            StorageError: when there are no credentials, or they have expired.
        """
        with self._clients.request(f"Signing a URL of {name}"):
            left = self._clients.seconds_left()
            valid = int(min(expires_in, _LONGEST_LINK if left is None else left))
            if valid < 1:
                raise StorageError("The AWS credentials have ended, so no URL can be signed.")
            url = self._clients.signer().generate_presigned_url(
                "get_object", Params={"Bucket": self.bucket, "Key": name}, ExpiresIn=valid
            )
        return Link(url, valid)

    def prepare(self) -> None:
        """Create the bucket if it is missing."""
        try:
            if not self._bucket_is_there():
                self._make_bucket()
        except StorageError as problem:
            raise StartupError(problem.message) from problem

    def _bucket_is_there(self) -> bool:
        with self._clients.request("HeadBucket") as client:
            try:
                client.head_bucket(Bucket=self.bucket)
            except client.exceptions.ClientError as problem:
                if error_code(problem) in ("404", "NoSuchBucket"):
                    return False
                if error_code(problem) not in ("400", "403"):
                    raise
                # Permissions for one prefix do not cover this HEAD, and only a response with a body
                # says what is wrong.
                client.list_objects_v2(Bucket=self.bucket, Prefix="chains/", MaxKeys=1)
        return True

    def _make_bucket(self) -> None:
        with self._clients.request("CreateBucket") as client:
            region = client.meta.region_name
            where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
            # Another host may have just created it.
            with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(
                    Bucket=self.bucket, **({} if region == DEFAULT_REGION else where)
                )

    def _list(self, prefix: str, **more: str) -> Iterator[tuple[str, FileInfo]]:
        """Yield the full name and the info of each object whose name begins with ``prefix``."""
        with self._clients.request(f"ListObjectsV2 {prefix}") as client:
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, **more):
                for item in page.get("Contents", ()):
                    name, modified = item["Key"], item["LastModified"].timestamp()
                    yield name, FileInfo(_last(name), item["Size"], modified)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _content_type(file: str) -> str:
    """Return the media type that browsers are to see."""
    if file.split(".")[0] == LOG_FILE:
        return "text/plain; charset=utf-8"
    kind, encoding = mimetypes.guess_type(file)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _copy_in_parts(client: Any, source: dict[str, str], target: dict[str, str]) -> None:
    from s3transfer.manager import TransferManager

    with TransferManager(client) as manager:
        extra = {"ContentType": _content_type(_last(target["Key"]))}
        manager.copy(source, target["Bucket"], target["Key"], extra_args=extra).result()
