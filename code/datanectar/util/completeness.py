"""Whether results exist, for many tasks of a family at the price of a few requests.

Luigi asks about one task after another (luigi/worker.py ``add``), and each question to a bucket is a
round trip. One page of a listing shows some hundreds of results. What a listing shows is believed;
what it does not show is asked for by itself, since it may have been written later.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from datanectar.errors import StorageError
from datanectar.keys import Key
from datanectar.storage.base import Storage

#: How many tasks of a family are asked for by themselves first: a small chain needs no listing.
_ASKED_SINGLY = 4
#: How many results to read off a listing for each further question: about one page of S3's, so that
#: a family with a long history never costs more than two requests a question.
_READ_AT_ONCE = 300

#: Seconds for which a listing is believed outside a run, where others may drop results meanwhile.
GOOD_FOR = 5.0

_Family = tuple[str, str, str]


class FamilyIndex:
    """The results that listings have shown in this process.

    Args:
        good_for: seconds for which a listing is believed.
    """

    def __init__(self, good_for: float = GOOD_FOR) -> None:
        self._pid = os.getpid()
        self._asked: Counter[_Family] = Counter()
        self._found: dict[_Family, set[str]] = {}
        self._listings: dict[_Family, Iterator[str]] = {}
        self.clear(good_for)

    def clear(self, good_for: float) -> None:
        """Forget everything; believe later listings for so many seconds."""
        self._good_for, self._began = good_for, time.monotonic()
        self._asked.clear()
        self._found.clear()
        self._listings.clear()

    def has(self, storage: Storage, key: Key, file: str) -> bool:
        """Tell whether the file exists."""
        if storage.local_path(key, file):
            return storage.exists(key, file)
        if time.monotonic() - self._began > self._good_for:
            self.clear(self._good_for)
        self._drop_listings_after_fork()
        family = (storage.store_address, key.family_prefix, file)
        self._asked[family] += 1
        if self._asked[family] > _ASKED_SINGLY:
            self._read_on(family, storage, key, file)
        return key.md5 in self._found.get(family, ()) or storage.exists(key, file)

    def forget(self, storage: Storage, key: Key, file: str) -> None:
        """Note that the file was deleted."""
        self._found.get((storage.store_address, key.family_prefix, file), set()).discard(key.md5)

    def _read_on(self, family: _Family, storage: Storage, key: Key, file: str) -> None:
        listing = self._listings.get(family)
        if listing is None:
            listing = self._listings[family] = storage.list_family(key, file)
        found = self._found.setdefault(family, set())
        try:
            found.update(islice(listing, _READ_AT_ONCE))
        except StorageError:  # no right to list: each result is asked for by itself
            self._listings[family] = iter(())

    def _drop_listings_after_fork(self) -> None:
        """Drop listings that the parent process may still be reading over its connections."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._listings = {family: iter(()) for family in self._listings}


#: This process's index. A run's process lives for one run, and so does its index.
INDEX = FamilyIndex()
