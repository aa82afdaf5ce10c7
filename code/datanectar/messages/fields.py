"""What messages are made of: their base, and the types of their fields, each with what it may hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from datanectar.statuses import DONE, FAILED, PENDING, RUNNING

#: The largest whole number that every store holds, and the latest time (a Unix stamp).
_LARGEST_INTEGER = 2**63 - 1
_LATEST = 1e11
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,199}"
#: Items in a list. A task that requires more is reported in several messages.
MANY = Meta(max_length=100_000)

Key = Annotated[str, Meta(pattern=rf"^chains/({_NAME}/){{3}}[0-9a-f]{{32}}\Z")]
#: An id, a family, an address: longer than any honest one.
Name = Annotated[str, Meta(max_length=2000)]
Names = Annotated[list[Name], MANY]
Texts = Annotated[list[str], MANY]
#: The texts of a task's public parameters, cut to what a page shows.
ShownParams = Annotated[dict[str, str], Meta(max_length=100)]
Integer = Annotated[int, Meta(ge=-_LARGEST_INTEGER, le=_LARGEST_INTEGER)]
Bytes = Annotated[int, Meta(ge=0, le=_LARGEST_INTEGER)]
Stamp = Annotated[float, Meta(ge=0, le=_LATEST)]
Percent = Annotated[int, Meta(ge=0, le=100)]
LogNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
Width = Annotated[int, Meta(ge=1, le=1000)]
#: A store's name or address (``datanectar.storage.registry``). The place begins with no dot, so that
#: it can't name a folder above.
StorageName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9+.-]{0,30}(://[A-Za-z0-9_-][A-Za-z0-9._-]{0,254})?\Z")
]
TaskStatus = Annotated[str, Meta(pattern=rf"^({PENDING}|{RUNNING}|{DONE}|{FAILED})\Z")]
RunEnd = Annotated[str, Meta(pattern=rf"^({DONE}|{FAILED})\Z")]


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The root of what :func:`datanectar.messages.decode` reads. Its fields are checked there, not when it is made."""
