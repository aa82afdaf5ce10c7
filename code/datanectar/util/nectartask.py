"""The base class of tasks: a key, an output under it, and the options a chain's author may set."""

from __future__ import annotations

from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import luigi

from datanectar.keys import DEFAULT_OUTPUT, Key
from datanectar.parameters.class_options import Nectar
from datanectar.parameters.texts import Texts
from datanectar.parameters.visibility import task_in_words
from datanectar.settings import current
from datanectar.storage.registry import default_name, storage_named
from datanectar.util.identity import class_option, key_of, readable_texts
from datanectar.util.sqla import mend_sqla
from datanectar.util.target import NectarTarget
from datanectar.util.tasklog import record_run

mend_sqla()


class NectarTask(Nectar, luigi.Task):
    """A Luigi task whose result lies under its key, in the store that ``ENV`` picks.

    On a laptop (``ENV`` unset or ``local``) that is ``local_targets/``, elsewhere the bucket
    ``<ENV>.<PROJECT_BUCKET>``. The smallest whole example, ``code/chains/demo/greet_chain.py``::

        import luigi
        from datanectar import NectarTask

        class GreetTask(NectarTask):
            name = luigi.Parameter(default="world", description="whom to greet")

            def run(self):
                with self.output().open("w") as out:
                    out.write(f"hello {self.name}\\n")
    """

    #: What a task without significant parameters is made anew for: ``day``, ``hour`` or ``once``.
    frequency: ClassVar[str] = "day"
    #: Part of the key when set: a changed method asks for new results.
    version: ClassVar[str | None] = None
    #: The result's file name.
    output_name: ClassVar[str] = DEFAULT_OUTPUT
    #: Whether the result is bytes rather than text.
    output_binary: ClassVar[bool] = False
    #: A cron line, ``"0 6 * * *"`` or ``"0 6 * * * Europe/Berlin"``, to run the defaults on time.
    schedule: ClassVar[str | None] = None
    #: Processes within one run, as ``luigi --workers``.
    workers: ClassVar[int] = 1
    #: Workers, on whatever hosts, that share one run's tasks.
    width: ClassVar[int] = 1
    #: Seconds that a whole run with this root may take; None: ``DATANECTAR_RUN_TIMEOUT``.
    run_timeout: ClassVar[float | None] = None
    #: The store by name; None: the one that ``ENV`` picks.
    storage_name: ClassVar[str | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Have the class's ``run`` write ``log`` and ``params.txt``, whoever calls it."""
        super().__init_subclass__(**options)
        record_run(cls)

    @classmethod
    def get_params(cls) -> list[tuple[str, luigi.Parameter[Any]]]:
        """Return the class's parameters, as ``luigi.Task.get_params`` does.

        That looks through ``dir(cls)`` each time, and Luigi calls it some twenty times a task: a
        third of the time that a chain of many tasks takes. Parameters may still be added to a class
        later, as ``luigi.util.inherits`` does.
        """
        shape = tuple(len(vars(base)) for base in cls.__mro__)
        known = _PARAMS.get(cls)
        if known is None or known[0] != shape:
            known = _PARAMS[cls] = (shape, super().get_params())
        return list(known[1])

    def to_str_params(self, *args: Any, **options: Any) -> dict[str, str]:
        """Return parameters as text, as ``luigi.Task.to_str_params`` does, equal values alike.

        From these Luigi makes a task that another one yields a second time. So they have with them
        the values that can't be made from a text.
        """
        texts = super().to_str_params(*args, **options)
        return Texts({**texts, **readable_texts(self, texts)}, self)

    @classmethod
    def from_str_params(cls, params_str: dict[str, str]) -> NectarTask:
        """Return the task of these texts, as ``luigi.Task.from_str_params`` does."""
        values = params_str.values_beside() if isinstance(params_str, Texts) else {}
        texts = {name: text for name, text in params_str.items() if name not in values}
        if any(
            isinstance(text, list) for text in texts.values()
        ):  # a batch's, for its batch_method
            made: NectarTask = super().from_str_params(texts)
            return made
        declared = dict(cls.get_params())
        read = {name: item.parse(texts[name]) for name, item in declared.items() if name in texts}
        return cls(**values, **read)

    def __repr__(self) -> str:
        return task_in_words(self)

    @property
    def key(self) -> Key:
        """The key under which the result, the log and the parameters lie."""
        return key_of(self)

    def output(self) -> NectarTarget:
        """Return the target of this task's result."""
        cls = type(self)
        storage = storage_named(class_option(cls, "storage_name", None) or default_name(current()))
        file, binary = output_name(cls), class_option(cls, "output_binary", False)
        return NectarTarget(storage, key_of(self), file, binary=binary)


#: By class: how many attributes it and its bases had, and its parameters then.
_PARAMS: WeakKeyDictionary[
    type[luigi.Task], tuple[tuple[int, ...], list[tuple[str, luigi.Parameter[Any]]]]
] = WeakKeyDictionary()


def output_name(cls: type[luigi.Task]) -> str:
    """Return the name of the result's file; a parameter of that name is the author's."""
    return str(class_option(cls, "output_name", DEFAULT_OUTPUT))
