"""Amounts of memory, as settings and task classes write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]i?)?B", re.ASCII)
_FACTORS = {None: 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_FACTORS |= {"ki": 2**10, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_UNITS = ("B", "KB", "MB", "GB", "TB")


def size_in_bytes(value: object) -> int | None:
    """Return an amount of memory in bytes.

    Args:
        value: a text such as ``2 GB`` (10^9 bytes each) or ``512 MiB`` (2^20); a whole number of
            bytes; or None, which is returned as it is.

    Raises:
        ValueError: saying what it can be.
    """
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = round(float(found[1]) * _FACTORS[found[2]]) if found else value
    if size is None or (type(size) is int and size > 0):
        return size
    raise ValueError("it can be an amount of memory, such as '2 GB' or '512 MiB'")


def size_in_words(count: float) -> str:
    """Return a number of bytes in a readable unit: ``1.5 GB``, 10^9 bytes each."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
