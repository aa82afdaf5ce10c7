"""The kinds of settings: how a value is read from text, and how a settings file writes it."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from datanectar.settings.sizes import size_in_bytes


def _unchanged(text: str, folder: Path) -> str:
    return text


@dataclass(frozen=True)
class Kind:
    """How the values of a setting are written.

    Args:
        parse: returns the value in a text; raises ValueError with the reason.
        file_types: the types that the value may have in a settings file (TOML).
        expected: what a user is told about the type in a settings file.
        anchor: completes a text from a settings file, given the file's folder: relative paths.
    """

    parse: Callable[[str], Any]
    file_types: tuple[type, ...]
    expected: str
    anchor: Callable[[str, Path], str] = _unchanged

    def file_text(self, value: Any, folder: Path) -> str:
        """Return a value of a settings file in ``folder`` as the text of an environment variable.

        Raises:
            ValueError: when the value has another type, or a variable can't hold it.
        """
        items = value if isinstance(value, list) else [value]
        is_list_of_others = items is value and not all(isinstance(item, str) for item in items)
        if not isinstance(value, self.file_types) or isinstance(value, bool) or is_list_of_others:
            raise ValueError(f"it must be {self.expected}")
        if items is value and any(_words(item) != (item,) for item in items):
            raise ValueError("each of its texts must be a word without blanks and commas")
        text = to_text(tuple(items))
        if "\0" in text:
            raise ValueError("it holds a NUL character")
        return self.anchor(text, folder) if text else ""


def to_text(value: Any) -> str:
    """Return a setting's value as the text of its environment variable."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def sqlite_url(file: Path) -> str:
    """Return the URL of a SQLite file; special characters of its path are escaped."""
    return f"sqlite:///{quote(os.fsencode(file), safe=' +/')}"


def sqlite_file(url: str) -> Path:
    """Return the file that a URL, ``sqlite:///<path>``, names; the inverse of :func:`sqlite_url`."""
    path = url.partition(":///")[2].partition("?")[0]
    return Path(os.fsdecode(unquote_to_bytes(path)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _tokens(text: str) -> tuple[str, ...]:
    entries = _words(text)
    if not entries:
        raise ValueError("it is set and names no token; leave it unset, or name one")
    names = [entry.partition(":")[0] for entry in entries]
    for number, name in enumerate(names):
        if name in names[:number]:
            first = names.index(name) + 1
            raise ValueError(f"entries {first} and {number + 1} are the same token; keep one")
    return entries


def parse_folder(text: str) -> Path:
    """Return a folder's absolute path; ``~`` and ``~user`` are replaced.

    Raises:
        ValueError: when there is no such user.
    """
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        user = Path(text).parts[0]
        raise ValueError(f"there is no user {user[1:]!r}; write the path in full") from None


def _anchored_folder(text: str, folder: Path) -> str:
    return text if text.startswith("~") else str(folder / text)


def _anchored_database(text: str, folder: Path) -> str:
    if not text.startswith("sqlite:///"):
        return text
    query = text.partition("?")[2]
    return sqlite_url(folder / sqlite_file(text)) + (f"?{query}" if query else "")


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("it can be http://<host>:<port>, with a port up to 65535")
    return text


def _url_prefix(text: str) -> str:
    if text and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise ValueError("it can be a path such as /dn, without a slash at its end")
    return text


def _networks(text: str) -> tuple[str, ...]:
    entries = _words(text)
    for entry in entries:
        try:
            ipaddress.ip_network(entry)
        except ValueError as problem:
            raise ValueError(f"its entries are addresses or networks; {problem}") from None
    return entries


def _origins(text: str) -> tuple[str, ...]:
    entries = _words(text)
    for entry in entries:
        parts = urlsplit(entry)  # RFC 6454: what browsers send as Origin
        is_origin = parts.hostname and entry == f"{parts.scheme}://{parts.netloc}".lower()
        if not is_origin or parts.scheme not in ("http", "https") or "*" in entry:
            raise ValueError(f"{entry!r} is no origin: https://name or https://name:port")
    return entries


def _size(text: str) -> str:
    size_in_bytes(text or None)
    return text


def choice(*choices: str) -> Kind:
    """Return the kind of a text that is one of ``choices``."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"it can be {' or '.join(choices)}")
        return text

    return Kind(parse, (str,), _A_TEXT)


def integer(least: int, most: int) -> Kind:
    """Return the kind of a whole number from ``least`` to ``most``."""

    def parse(text: str) -> int:
        value = int(text) if len(text) < 20 and text.strip().lstrip("-").isdecimal() else None
        if value is None or not least <= value <= most:
            raise ValueError(f"it can be a whole number from {least} to {most}")
        return value

    return Kind(parse, (int,), "a whole number without quotes")


def none_or(least: int, most: int) -> Kind:
    """Return the kind of a whole number from ``least`` to ``most``, or 0 for no limit."""
    numbers = integer(least, most)

    def parse(text: str) -> int:
        try:
            return 0 if text.strip() == "0" else int(numbers.parse(text))
        except ValueError as problem:
            raise ValueError(f"{problem}, or 0 for no limit") from None

    return Kind(parse, numbers.file_types, numbers.expected)


def number(least: float, most: float) -> Kind:
    """Return the kind of a number from ``least`` to ``most``."""

    def parse(text: str) -> float:
        expected = f"it can be a number from {least:.15g} to {most:.15g}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= value <= most:  # NaN is refused here too
            raise ValueError(expected)
        return value

    return Kind(parse, (int, float), "a number without quotes")


def one_of(*words: str) -> Kind:
    """Return the kind of a text that is one of ``words``."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"it can be {' or '.join(words)}")
        return text

    return Kind(parse, (str,), _A_TEXT)


_A_TEXT, _TEXTS = "a text in quotes", 'a list of texts, ["...", "..."]'

TEXT = Kind(str, (str,), _A_TEXT)
SIZE = Kind(_size, (str,), _A_TEXT)
FOLDER = Kind(parse_folder, (str,), "a path in quotes", _anchored_folder)
HTTP_URL = Kind(_http_url, (str,), _A_TEXT)
OPTIONAL_URL = Kind(lambda text: _http_url(text).rstrip("/") if text else "", (str,), _A_TEXT)
DATABASE_URL = Kind(str, (str,), _A_TEXT, _anchored_database)
WORDS = Kind(_words, (list,), _TEXTS)
ORIGINS = Kind(_origins, (list,), _TEXTS)
NETWORKS = Kind(_networks, (list,), _TEXTS)
URL_PREFIX = Kind(_url_prefix, (str,), _A_TEXT)
TOKENS = Kind(_tokens, (list,), _TEXTS)
