"""Every error that datanectar raises on purpose, by cause, each with its HTTP status.

``http.envelope`` turns them into the one form of JSON errors.
"""

from __future__ import annotations

from collections.abc import Mapping


class DatanectarError(Exception):
    """The base of every error that datanectar raises on purpose.

    Args:
        message: what was wrong, where, and what to do.
        fields: what is wrong, by parameter or setting name, when the error concerns several.
        headers: HTTP headers of the response, such as ``Retry-After``.
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
    """Raised when a request can't be read: its parameters, key or cursor."""

    status = 400


class Unauthorized(DatanectarError):
    """Raised when a request needs a token and has none, or an unknown one."""

    status = 401


class Forbidden(DatanectarError):
    """Raised when the token lacks the scope, or the request comes from another site's page."""

    status = 403


class NotFound(DatanectarError):
    """Raised for a chain, task, run, key or file that does not exist."""

    status = 404


class Conflict(DatanectarError):
    """Raised when a valid request conflicts with the current state, such as a run that has ended."""

    status = 409


class PayloadTooLarge(DatanectarError):
    """Raised when a request's parameters are too large."""

    status = 413


class UnsupportedMediaType(DatanectarError):
    """Raised for a body that is neither a form nor JSON."""

    status = 415


class TooManyRuns(DatanectarError):
    """Raised when the queue is full; carries ``Retry-After``."""

    status = 429


class TooManyAttempts(DatanectarError):
    """Raised when an address has sent too many wrong tokens or passwords; carries ``Retry-After``."""

    status = 429


class ChainError(DatanectarError):
    """Raised when the author's code is at fault: it can't be imported, hangs, or exits."""

    status = 422


class StorageError(DatanectarError):
    """Raised when a result store refuses or can't be reached."""

    status = 502


class SchedulerError(DatanectarError):
    """Raised when luigid refuses a run's call, or when something else answers at its address."""

    status = 502


class Unavailable(DatanectarError):
    """Raised when something that the request needs is away: the database, the queue, a child."""

    status = 503


class EngineLost(DatanectarError):
    """Raised when the engine of a run's tasks is gone, and with it what ran there."""

    status = 503


class KeyUndefined(DatanectarError):
    """Raised when a task's key can't be computed in full; a less specific key would be wrong."""

    status = 422


class StartupError(DatanectarError):
    """Raised when the service can't start; the command line shows it as one line."""


def by_name(name: str) -> type[DatanectarError]:
    """Return the error class called ``name``, or the base class when there is none.

    For errors that a child has reported by name over its pipe.
    """
    classes = {cls.__name__: cls for cls in DatanectarError.__subclasses__()}
    return classes.get(name, DatanectarError)


def by_status(status: int) -> type[DatanectarError]:
    """Return the first error class with an HTTP status, or the base class when there is none."""
    named = [cls for cls in DatanectarError.__subclasses__() if "status" in vars(cls)]
    classes = {cls.status: cls for cls in reversed(named)}
    return classes.get(status, DatanectarError)
