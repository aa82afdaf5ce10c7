"""Whether results are there, for many tasks of a family at the price of a few requests.

Luigi asks about one task after another (luigi/worker.py ``add``), and each answer from a bucket is a
round trip. One page of a listing tells of some hundreds of results. What a listing shows is
believed; what it does not show is asked for singly, since it may have come since.
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

#: So many tasks of a family are asked for singly first: a small chain needs no listing.
_ASKED_SINGLY = 4
#: How many results to read off a listing before each further question: about one page of S3's, so
#: that a family with a long history never costs more than two requests a question.
_READ_AT_ONCE = 300

#: Seconds for which a listing is believed outside a run, where others may drop results meanwhile.
_GOOD_FOR = 5.0

_Place = tuple[str, str, str]


class FamilyIndex:
    """What listings have shown so far in this process.

    Args:
        good_for: seconds for which that is believed.
    """

    def __init__(self, good_for: float = _GOOD_FOR) -> None:
        self._pid = os.getpid()
        self._asked: Counter[_Place] = Counter()
        self._found: dict[_Place, set[str]] = {}
        self._listings: dict[_Place, Iterator[str]] = {}
        self.clear(good_for)

    def clear(self, good_for: float) -> None:
        """Forget all that was seen; believe for so many seconds what will be."""
        self._good_for, self._began = good_for, time.monotonic()
        self._asked.clear()
        self._found.clear()
        self._listings.clear()

    def has(self, storage: Storage, key: Key, file: str) -> bool:
        """Tell whether the file is there."""
        if storage.local_path(key, file):
            return storage.exists(key, file)
        if time.monotonic() - self._began > self._good_for:
            self.clear(self._good_for)
        self._forget_after_a_fork()
        place = (storage.store_address, key.family_prefix, file)
        self._asked[place] += 1
        if self._asked[place] > _ASKED_SINGLY:
            self._read_on(place, storage, key, file)
        return key.md5 in self._found.get(place, ()) or storage.exists(key, file)

    def forget(self, storage: Storage, key: Key, file: str) -> None:
        """Take note that the file was deleted."""
        self._found.get((storage.store_address, key.family_prefix, file), set()).discard(key.md5)

    def _read_on(self, place: _Place, storage: Storage, key: Key, file: str) -> None:
        listing = self._listings.get(place)
        if listing is None:
            listing = self._listings[place] = storage.list_family(key, file)
        found = self._found.setdefault(place, set())
        try:
            found.update(islice(listing, _READ_AT_ONCE))
        except StorageError:  # who may read but not list is asked singly
            self._listings[place] = iter(())

    def _forget_after_a_fork(self) -> None:
        """Let go of listings that the parent process may still be reading over its connections."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._listings = {place: iter(()) for place in self._listings}


#: This process's index; a run child lives for one run, and so does what it has seen.
INDEX = FamilyIndex()
