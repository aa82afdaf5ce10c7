"""Earlier files of a key: what an attempt wrote stays beside what the next one writes."""

from __future__ import annotations

from datanectar.keys import Key
from datanectar.storage.base import Storage


def keep_earlier(storage: Storage, key: Key, file: str) -> int:
    """Rename the file, if it is there, to the next free ``<file>.<number>``: an earlier attempt's.

    Returns:
        The number that the file that is written next will get when it is renamed in its turn.
    """
    if not storage.exists(key, file):
        return 1
    names = {info.name for info in storage.list_files(key)}
    number = 1
    while f"{file}.{number}" in names:
        number += 1
    storage.rename(key, file, f"{file}.{number}")
    return number + 1
