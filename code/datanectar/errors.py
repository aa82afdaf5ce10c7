"""What can go wrong, by cause; each class knows the HTTP status that it means.

Code anywhere in the package raises these; ``api.answer`` turns them into the one error body.
"""

from __future__ import annotations

from collections.abc import Mapping


class DatanectarError(Exception):
    """The root of every error that datanectar raises on purpose.

    Args:
        message: what was wrong, where, and what to do.
        fields: problem by parameter or setting name, for errors that concern several at once.
        headers: HTTP headers to send along, such as ``Retry-After``.
    """

    status = 500

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


class BadRequest(DatanectarError):
    """Raised when what the client sent can't be understood: parameters, keys, cursors."""

    status = 400


class Unauthorized(DatanectarError):
    """Raised when a token is needed and none, or an unknown one, came along."""

    status = 401


class Forbidden(DatanectarError):
    """Raised when the token lacks the scope, or the request comes from a foreign page or host."""

    status = 403


class NotFound(DatanectarError):
    """Raised for a chain, task, run, key or file that does not exist."""

    status = 404


class Conflict(DatanectarError):
    """Raised when the request is sound and the present state of things forbids it."""

    status = 409


class PayloadTooLarge(DatanectarError):
    """Raised when parameters exceed what a request may hold."""

    status = 413


class UnsupportedMediaType(DatanectarError):
    """Raised for a body that is neither a form nor JSON."""

    status = 415


class TooManyRuns(DatanectarError):
    """Raised when the queue is full; carries ``Retry-After``."""

    status = 429


class ChainError(DatanectarError):
    """Raised when the author's code is at fault: it can't be imported, hangs, or exits."""

    status = 422


class StorageError(DatanectarError):
    """Raised when a result store refuses or can't be reached."""

    status = 502


class SchedulerError(DatanectarError):
    """Raised when luigid refuses what a run says, or when what answers at its address is not luigid."""

    status = 502


class Unavailable(DatanectarError):
    """Raised when a part that is needed now is away: the database, the queue, a child."""

    status = 503


class KeyUndefined(DatanectarError):
    """Raised when a task's key can't be computed in full; there is never a coarser key instead."""

    status = 422


class StartupError(DatanectarError):
    """Raised when the service can't start; the command line shows it as one line."""


def by_name(name: str) -> type[DatanectarError]:
    """Return the error class called ``name``, or the root when there is none.

    Used for errors that a child reported by name over its pipe.
    """
    classes = {cls.__name__: cls for cls in DatanectarError.__subclasses__()}
    return classes.get(name, DatanectarError)


def by_status(status: int) -> type[DatanectarError]:
    """Return an error class that means the HTTP status, or the root when there is none."""
    named = [cls for cls in DatanectarError.__subclasses__() if "status" in vars(cls)]
    classes = {cls.status: cls for cls in reversed(named)}
    return classes.get(status, DatanectarError)
