"""Completeness of many tasks costs a listing, not a request each, and is never wrong for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from datanectar.keys import Key
from datanectar.settings import Settings
from datanectar.storage.s3 import S3Storage
from datanectar.util.completeness import FamilyIndex
from tests.servers.s3 import S3Server


def key(number: int) -> Key:
    return Key("t", "a_chain", "ATask", f"{number:032x}")


class CountingStorage(S3Storage):
    """The real store, with its questions counted."""

    heads = listings = 0

    def exists(self, key: Key, file: str) -> bool:
        self.heads += 1
        return super().exists(key, file)

    def list_family(self, key: Key, file: str) -> Iterator[str]:
        self.listings += 1
        return super().list_family(key, file)


def test_a_family_that_is_there_costs_one_listing(
    moto_s3: S3Server, s3_settings: Callable[..., Settings]
) -> None:
    storage = CountingStorage(s3_settings(moto_s3))
    storage.prepare()
    for number in range(40):
        storage.put_bytes(key(number), "out.txt", b"x")
    index = FamilyIndex()

    assert all(index.has(storage, key(number), "out.txt") for number in range(40))

    assert (storage.heads, storage.listings) == (4, 1)


def test_what_comes_after_the_listing_is_found_and_what_goes_is_forgotten(
    moto_s3: S3Server, s3_settings: Callable[..., Settings]
) -> None:
    storage = CountingStorage(s3_settings(moto_s3))
    storage.prepare()
    for number in range(10):
        storage.put_bytes(key(number), "out.txt", b"x")
    index = FamilyIndex()
    assert all(index.has(storage, key(number), "out.txt") for number in range(10))

    assert not index.has(storage, key(99), "out.txt")
    storage.put_bytes(key(99), "out.txt", b"x")
    assert index.has(storage, key(99), "out.txt")

    storage.delete(key(5), "out.txt")
    index.forget(storage, key(5), "out.txt")
    assert not index.has(storage, key(5), "out.txt")


def test_what_somebody_else_drops_is_not_believed_for_long(
    moto_s3: S3Server, s3_settings: Callable[..., Settings]
) -> None:
    storage = CountingStorage(s3_settings(moto_s3))
    storage.prepare()
    for number in range(10):
        storage.put_bytes(key(number), "out.txt", b"x")
    outside, inside = FamilyIndex(good_for=0.5), FamilyIndex(good_for=math.inf)
    for index in (outside, inside):
        assert all(index.has(storage, key(number), "out.txt") for number in range(10))

    storage.delete(key(9), "out.txt")
    time.sleep(0.6)

    assert not outside.has(storage, key(9), "out.txt")
    assert inside.has(storage, key(9), "out.txt")
