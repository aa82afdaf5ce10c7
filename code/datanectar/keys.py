"""The key under which a task's result, log and parameters are kept.

A key reads ``chains/<type>/<chain>/<Task>/<md5>``. The md5 is of the significant parameters as
JSON, or of the run date for a task that has none (see :func:`digest_source`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from datanectar.errors import BadRequest, KeyUndefined

#: The environment variable that holds a run's own time, so that every process of it agrees.
RUN_TIME_VARIABLE = "DATANECTAR_RUN_TIME"

#: What a type, a chain module or a task may be called to have a route and a key.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}\Z")
#: How long the name of a file beside a result may be, in characters and in bytes.
_LONGEST_NAME, _MOST_BYTES = 128, 200

_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_FREQUENCY_FORMATS = {"day": "%Y-%m-%d", "hour": "%Y-%m-%d %H%z"}
#: A default ``repr``, ``<Thing object at 0x7f12>``, ends in a memory address, which differs in every
#: process.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+>")

#: A parameter's value in a key: its text, or type and text of a value that is no text.
Hashed = str | tuple[str, str]

_FILE_NAMES = (
    "a file name that a key can hold: letters, digits, blanks, '.', '_' and '-', "
    f"{_LONGEST_NAME} at most, beginning with a letter, a digit or '_'."
)

PARAMS_FILE = "params.txt"
LOG_FILE = "log"
DEFAULT_OUTPUT = "out.txt"

#: A regular expression for JSON Schema that every file name matches (see :func:`is_file_name`).
FILE_NAME_PATTERN = r"[^\x00-\x1f\x7f/.\- ][^\x00-\x1f\x7f/]{0,127}"

#: How the list of a folder's files is called: ``pages.files.json`` lies beside the folder ``pages``.
#: It is written last, so its presence means that the folder is whole.
FOLDER_LIST = ".files.json"
#: Bytes that the path of a file in a folder may have: S3's names have 1,024 at most, key included.
_LONGEST_PATH = 600

_SERVICE_FILE = re.compile(rf"{re.escape(PARAMS_FILE)}|{LOG_FILE}(\.\d+)?")


@dataclass(frozen=True, order=True)
class Key:
    """One task with one set of significant parameters."""

    type: str
    chain: str
    task: str
    md5: str

    def __str__(self) -> str:
        return f"chains/{self.type}/{self.chain}/{self.task}/{self.md5}"

    @property
    def path(self) -> str:
        """The task's name in addresses and logs: ``type/chain/Task``."""
        return f"{self.type}/{self.chain}/{self.task}"

    @property
    def family_prefix(self) -> str:
        """The folder of all keys of this task, with a trailing slash."""
        return f"chains/{self.type}/{self.chain}/{self.task}/"

    def file(self, name: str) -> str:
        """Return the path of the file ``name`` under this key, relative to the store's root."""
        if not is_file_name(name):
            raise BadRequest(f"{name!r} is not {_FILE_NAMES}")
        return f"{self}/{name}"


def is_service_file(name: str) -> bool:
    """Tell whether a file under a key is the service's own: its log, an earlier one, its parameters."""
    return _SERVICE_FILE.fullmatch(name) is not None


def is_reserved_name(name: str) -> bool:
    """Tell whether no result may have this name: it could mean a file of the service's own.

    On some file systems names that differ in case, or in how a letter is composed, mean one file.
    """
    plain = unicodedata.normalize("NFKC", name).casefold().rstrip(". ")
    return is_service_file(plain) or plain.endswith(FOLDER_LIST)


def is_folder_list(file: str) -> bool:
    """Tell whether a file under a key is the list of the files of a folder."""
    return file.endswith(FOLDER_LIST)


def is_path_in_folder(path: str) -> bool:
    """Tell whether a file in a folder may have this path, such as ``year=2026/part-0.parquet``.

    It never leads out of the folder, and is one name on every disk and in every bucket.
    """
    plain = path.isprintable() and "\\" not in path and unicodedata.is_normalized("NFC", path)
    parts = path.split("/")
    return (
        plain
        and all(part not in ("", ".", "..") for part in parts)
        and len(path.encode()) <= _LONGEST_PATH
    )


@lru_cache(maxsize=1000)
def is_file_name(name: str) -> bool:
    """Tell whether a file under a key may have this name.

    It may have letters and digits of any script, in Unicode's normal form NFC, and within it blanks,
    ``.``, ``_`` and ``-``. So it is one name on every disk and in every bucket, and never a path.
    """
    if not 0 < len(name) <= _LONGEST_NAME or not unicodedata.is_normalized("NFC", name):
        return False
    plain = all(char in " ._-" or unicodedata.category(char)[0] in "LMN" for char in name)
    ends = name[0] not in " .-" and name[-1] != " "
    return plain and ends and len(name.encode()) <= _MOST_BYTES


@lru_cache(maxsize=1000)
def parse_key(text: str) -> Key:
    """Return the key that ``text`` spells, ``chains/<type>/<chain>/<Task>/<md5>``.

    Raises:
        BadRequest: when ``text`` is anything else.
    """
    parts = text.strip("/").split("/") if len(text) < 1000 else []
    if len(parts) == 5 and parts[0] == "chains" and _MD5.match(parts[4]):
        if all(NAME.match(part) for part in parts[1:4]):
            return Key(*parts[1:])
    raise BadRequest(
        f"{text[:200]!r} is not a key. A key reads chains/<type>/<chain>/<Task>/<md5>, "
        "with the 32 lower-case hex digits of a POST's `key`."
    )


def parse_target(text: str) -> tuple[Key, str | None]:
    """Return the key and the file's name of ``<key>/<file>``; None as the name for a key alone.

    Raises:
        BadRequest: when either is malformed.
    """
    head, _, name = text.strip("/").rpartition("/")
    if head.count("/") != 4:
        return parse_key(text), None
    if not is_file_name(name):
        raise BadRequest(f"{name[:200]!r} is not {_FILE_NAMES}")
    return parse_key(head), name


def digest_source(
    params: Mapping[str, Hashed], *, frequency: str, version: str | None, run_time: datetime
) -> str:
    """Return the text whose md5 is the key's last part.

    Args:
        params: the significant parameters by name: their texts as ``luigi.Task.to_str_params``
            returns them, one text for equal values; a type and a text for a value that is no text.
        frequency: ``day``, ``hour`` or ``once``; it matters only without parameters.
        version: the class's ``version``, or None when it has none.
        run_time: the run's time, see :func:`run_time`.

    Raises:
        KeyUndefined: when a value has no stable text, or the frequency is unknown.
    """
    for name, value in params.items():
        text = value[1] if isinstance(value, tuple) else value
        if not isinstance(text, str):
            raise KeyUndefined(f"Parameter {name!r} {not_text(text)}")
        if shows_address(text):
            raise KeyUndefined(f"Parameter {name!r} {no_stable_text(text)}")
    hashed: dict[str, Any] = dict(params)
    if version is not None:
        hashed["version"] = str(version)
    if params or frequency == "once":
        return json.dumps(hashed, sort_keys=True)
    if frequency not in _FREQUENCY_FORMATS:
        raise KeyUndefined(f"frequency is {frequency!r}; it can be 'day', 'hour' or 'once'.")
    moment = run_time.strftime(_FREQUENCY_FORMATS[frequency])
    return moment if version is None else json.dumps({"date": moment, **hashed}, sort_keys=True)


def not_text(value: Any) -> str:
    """Return the end of a message on a parameter whose value serialises to something else than text."""
    return (
        f"serialises to {type(value).__name__}, not to text: let its serialize() return a string."
    )


def no_stable_text(text: str) -> str:
    """Return the end of a message on a parameter whose text differs in every process."""
    return f"has no stable text ({text[:80]}): use a Luigi parameter type that can serialise it."


def shows_address(text: str) -> bool:
    """Tell whether a text holds a memory address, as a default ``repr`` does."""
    start = text.find("<")
    return start >= 0 and _ADDRESS.search(text, start) is not None


def digest(text: str) -> str:
    """Return the md5 of ``text`` as 32 hex digits. It names a folder; no security depends on it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def run_time() -> datetime:
    """Return the run's time, which is the same in all of its processes.

    In a run of the service it is the time of the request, which children find in the environment; a
    plain ``luigi`` command sets it at its first task. It has the UTC offset of the run's zone. Runs
    of earlier versions have none, and are in the server's local time.
    """
    return datetime.fromisoformat(os.environ.setdefault(RUN_TIME_VARIABLE, run_time_text()))


def run_time_text(moment: datetime | None = None) -> str:
    """Return a run's time as text, with its UTC offset; None: now, in the server's local time."""
    return (moment or datetime.now().astimezone()).isoformat(timespec="seconds")


def set_run_time(text: str) -> None:
    """Set the run's time for this process and all that it starts.

    The local time becomes that of the run's zone, so that a chain's ``date.today()`` is the date in
    the key.
    """
    os.environ[RUN_TIME_VARIABLE] = text
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    if offset is None or offset == moment.astimezone().utcoffset():
        return
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    east, west = ("+", "-") if minutes >= 0 else ("-", "+")  # POSIX counts hours west of UTC
    os.environ["TZ"] = f"<{east}{hours:02}{rest:02}>{west}{hours}:{rest:02}"
    time.tzset()
