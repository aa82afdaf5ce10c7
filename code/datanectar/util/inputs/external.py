"""Files that others make: declared on a task's class, and part of its key with their state.

The declaration is a parameter, since all that a key is made of is one. Its value is a task,
:class:`ExternalFile`, with the file's address and its stamp. So a run has the stamp that its request
had, in every process.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from string import Formatter
from typing import IO, Any

import luigi

from datanectar.errors import BadRequest, ChainError, Conflict, NotFound
from datanectar.util.inputs.file_stamps import absolute, open_file, stamp_of
from datanectar.util.inputs.run_memory import once_in_a_run

_STAMPED = re.compile(r"(.+)#((?:etag|modified)=[^#]+)", re.DOTALL)


class ExternalTarget(luigi.Target):
    """A file of others in the state that a stamp names.

    Args:
        address: a path, ``s3://<bucket>/<name>`` or an ``http(s)`` URL.
        stamp: of its state, see :func:`datanectar.util.inputs.file_stamps.stamp_of`.
    """

    def __init__(self, address: str, stamp: str) -> None:
        self.address = address
        self.stamp = stamp

    def __str__(self) -> str:
        return self.address

    @property
    def path(self) -> str:
        """The file's path on this host, or its URL."""
        return absolute(self.address)

    def exists(self) -> bool:
        """Return True: a file that is not there is an error.

        Raises:
            NotFound: when it is not there any more.
            Conflict: when it has changed.
        """
        if stamp_of(self.address) != self.stamp:
            raise Conflict(
                f"{self.address} has changed since this task was requested: request it again. "
                "It then has another key."
            )
        return True

    def open(self, mode: str = "r") -> IO[Any]:
        """Open the file to read it: text for ``r``, bytes for ``rb``.

        Raises:
            NotFound: when it is not there any more.
            Conflict: when it has changed.
        """
        if mode not in ("r", "rb"):
            raise ValueError(f"mode {mode!r}: a file of others is read, as r or rb")
        self.exists()
        stream = open_file(self.address)
        return stream if mode == "rb" else io.TextIOWrapper(stream, encoding="utf-8", newline="")


class ExternalFile(luigi.ExternalTask):
    """The task that stands for a file of others; require it, or load it."""

    address = luigi.Parameter()
    stamp = luigi.Parameter()

    @property
    def path(self) -> str:
        """The file's path on this host, or its URL."""
        return self.output().path

    def output(self) -> ExternalTarget:
        """Return the file."""
        return ExternalTarget(self.address, self.stamp)

    def open(self, mode: str = "r") -> IO[Any]:
        """Open the file to read it; see :meth:`ExternalTarget.open`."""
        return self.output().open(mode)

    def __str__(self) -> str:
        return f"{self.address}#{self.stamp}"


class _Text(str):
    """An address that comes from a text, such as a request's, and not from an author's code."""

    __slots__ = ()


class ExternalParameter(luigi.Parameter):
    """The parameter that :func:`external` makes."""

    def parse(self, text: str) -> Any:
        """Return the file of an address with its stamp, or the address."""
        found = _STAMPED.fullmatch(text)
        return ExternalFile(found[1], found[2]) if found else _Text(text)

    def serialize(self, value: Any) -> str:
        """Return the address, and the stamp behind it if there is one."""
        return str(value)

    def file(self, cls: type[luigi.Task], name: str, value: Any, others: dict[str, Any]) -> Any:
        """Return the file that a value means.

        Args:
            cls: the task's class.
            name: the parameter's.
            value: a file with its stamp, or an address.
            others: the values of the task's parameters, which the class's address may name.

        Raises:
            BadRequest: when it is not there, or the text of a request names another than the class.
        """
        if isinstance(value, ExternalFile):
            return value
        declared = self.declared_address(cls, name, others)
        address = declared if declared and value == self._default else str(value)
        if declared and address != declared and isinstance(value, _Text):
            raise _refused_other(cls, name, declared)
        return ExternalFile(address, once_in_a_run(address, lambda: _stamp(cls, name, address)))

    def declared_address(
        self, cls: type[luigi.Task], name: str, others: dict[str, Any]
    ) -> str | None:
        """Return the address on the class, with the values of the parameters that it names."""
        if not isinstance(self._default, str):  # luigi/parameter.py keeps a default there
            return None
        try:
            return self._default.format_map(others)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as problem:
            raise self.unfit(cls, name, f"{type(problem).__name__}: {problem}") from problem

    def unfit(self, cls: type[luigi.Task], name: str, why: str) -> ChainError:
        """Return the error of an address on a class that can't be filled in."""
        return ChainError(
            f"{cls.__name__}.{name} is external({self._default!r}), which can't be filled in ({why}): "
            "in braces it names parameters of the task."
        )


def external(address: str | None = None, *, description: str | None = None) -> Any:
    """Declare a file that others make, on a task's class; its state is part of the task's key.

    Use it as a requirement, ``return self.prices``, or load it, ``self.load(self.prices)``::

        class ReportTask(NectarTask):
            day = luigi.DateParameter()
            prices = external("s3://shop/prices/{day}.csv")

    Args:
        address: a path on this host, from the project's folder if it is relative;
            ``s3://<bucket>/<name>``; or an ``http(s)`` URL. ``{day}`` is filled in with the task's
            parameter of that name, as by ``str.format``. None: each request names the file.
        description: for the listing and the form.
    """
    default = {} if address is None else {"default": address}
    return ExternalParameter(description=description, **default)


def check_addresses(cls: type[luigi.Task]) -> None:
    """Check that the addresses on a class name parameters that it has.

    Raises:
        ChainError: naming the declaration.
    """
    params = dict(cls.get_params())
    for name, item in params.items():
        if isinstance(item, ExternalParameter) and isinstance(item._default, str):
            try:
                fields = [field for _, field, _, _ in Formatter().parse(item._default) if field]
                unknown = {re.split(r"[.\[]", field)[0] for field in fields} - set(params)
            except ValueError as problem:
                raise item.unfit(cls, name, str(problem)) from problem
            if unknown:
                raise item.unfit(cls, name, f"there is no {', '.join(sorted(unknown))}")


def refuse_other_files(task: luigi.Task, supplied: Iterable[str]) -> None:
    """Refuse a request that names, with a stamp, another file than the task's class does.

    Without a stamp :meth:`ExternalParameter.file` refuses it, before the file is looked for.

    Args:
        task: the task of the request.
        supplied: the parameters that the request supplies.

    Raises:
        BadRequest: naming the parameter.
    """
    items, values = dict(task.get_params()), dict(task.param_kwargs)
    for name in supplied:
        item = items[name]
        if isinstance(item, ExternalParameter):
            declared = item.declared_address(type(task), name, values)
            if declared and values[name].address != declared:
                raise _refused_other(type(task), name, declared)


def with_files(
    cls: type[luigi.Task], params: Iterable[tuple[str, Any]], values: list[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """Return the values of a task's parameters with addresses of files replaced by the files.

    Args:
        cls: the task's class.
        params: its parameters.
        values: their values, as ``luigi.Task.get_param_values`` returns them.
    """
    files = {name: item for name, item in params if isinstance(item, ExternalParameter)}
    if not files:
        return values
    others = {name: value for name, value in values if name not in files}
    return [
        (name, files[name].file(cls, name, value, others) if name in files else value)
        for name, value in values
    ]


def _stamp(cls: type[luigi.Task], name: str, address: str) -> str:
    try:
        return stamp_of(address)
    except NotFound as problem:
        raise _refused(
            cls,
            name,
            f"{problem.message} {cls.__name__} does not make it: put it there, and request again",
        ) from problem
    except ValueError as problem:
        raise _refused(cls, name, str(problem)) from problem


def _refused_other(cls: type[luigi.Task], name: str, declared: str) -> BadRequest:
    return _refused(cls, name, f"it is {declared}, and no other file: the class says so")


def _refused(cls: type[luigi.Task], name: str, why: str) -> BadRequest:
    return BadRequest(f"{cls.__name__} can't take its input {name}: {why}.", fields={name: why})
