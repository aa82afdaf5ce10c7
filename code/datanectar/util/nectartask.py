"""The base class of tasks: a key, an output under it, and the options that an author may set."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import luigi

from datanectar.authoring.needs import needs_of
from datanectar.authoring.task_helpers import TaskHelpers
from datanectar.keys import DEFAULT_OUTPUT, Key
from datanectar.parameters.class_options import Nectar, class_option
from datanectar.parameters.texts import Texts
from datanectar.parameters.visibility import task_in_words
from datanectar.util.identity import key_of
from datanectar.util.inputs.external import with_files
from datanectar.util.sqla import mend_sqla
from datanectar.util.target import FolderTarget, NectarTarget
from datanectar.util.task_params import readable_texts
from datanectar.util.tasklog import record_run, storage_of

mend_sqla()


class NectarTask(Nectar, luigi.Task, TaskHelpers):
    """A Luigi task that keeps its result under a key, in the store that ``ENV`` names.

    You write ``run()`` and, if there is any, ``requires()``; ``output()`` is here, and so are the
    helpers of :class:`~datanectar.authoring.task_helpers.TaskHelpers`. Tasks with equal
    significant parameters have the same key, so a result is computed once. On a laptop (``ENV`` unset
    or ``local``) it lies in ``local_targets/<key>/``, elsewhere in the bucket
    ``<ENV>.<PROJECT_BUCKET>``, beside ``log``, with what the task printed, and ``params.txt``. The
    smallest whole example, ``code/chains/demo/greet_chain.py``::

        import luigi
        from datanectar import NectarTask

        class GreetTask(NectarTask):
            name = luigi.Parameter(default="world", description="whom to greet")

            def run(self):
                with self.output().open("w") as out:
                    out.write(f"hello {self.name}\\n")

    The attributes below are options of a class; an option may be set, and left alone otherwise.
    """

    #: How often the result of a task without significant parameters is made: once each ``day`` or
    #: ``hour``, or only ``once``.
    frequency: ClassVar[str] = "day"
    #: Part of the key when set: change it when the method changes and old results no longer count.
    version: ClassVar[str | None] = None
    #: The result's file name; libraries and browsers read its ending. A name that ends in a slash,
    #: ``"pages/"``, makes the result a folder.
    output_name: ClassVar[str] = DEFAULT_OUTPUT
    #: Whether the result is bytes rather than text.
    output_binary: ClassVar[bool] = False
    #: When to run the task with its defaults: a cron expression, ``"0 6 * * *"``, maybe with a time
    #: zone, ``"0 6 * * * Europe/Berlin"``.
    schedule: ClassVar[str | None] = None
    #: Which fires of the schedule are made up for that came due while no worker was alive:
    #: ``"none"``, ``"latest"`` (the last, if it is less than an hour old) or ``"all"``.
    catch_up: ClassVar[str] = "latest"
    #: Processes within one run, as ``luigi --workers``.
    workers: ClassVar[int] = 1
    #: Whether each task of the class gets a process of its own, with ``workers`` above 1. Small
    #: tasks otherwise run in one process after the other, as all do with one worker.
    own_process: ClassVar[bool] = False
    #: How many workers, on any hosts, share the tasks of one run.
    width: ClassVar[int] = 1
    #: Seconds that a run that was submitted for this task may take; None:
    #: ``DATANECTAR_RUN_TIMEOUT``.
    run_timeout: ClassVar[float | None] = None
    #: How long results are kept once they are made: ``"90 days"``, ``"forever"``; None: what
    #: ``DATANECTAR_KEEP_RESULTS`` says.
    keep: ClassVar[str | None] = None
    #: The store's name, ``local`` or ``s3``; None: the one that ``ENV`` names.
    storage_name: ClassVar[str | None] = None
    #: The most that a task may allocate: ``"2 GB"``, ``"512 MiB"`` or bytes; None:
    #: ``DATANECTAR_TASK_MEMORY``.
    memory: ClassVar[str | int | None] = None
    #: Seconds that ``run()`` may take; None: ``DATANECTAR_TASK_TIMEOUT``.
    timeout: ClassVar[float | None] = None
    #: Seconds of CPU time that a task and the programs that it starts may use; None:
    #: ``DATANECTAR_TASK_CPU_TIME``.
    cpu_time: ClassVar[float | None] = None
    #: Processes that a task may have at a time, each thread counted; None:
    #: ``DATANECTAR_TASK_PROCESSES``.
    processes: ClassVar[int | None] = None
    #: Files and connections that a process of a task may have open; None:
    #: ``DATANECTAR_TASK_OPEN_FILES``.
    open_files: ClassVar[int | None] = None
    #: How far a task steps back when the CPU is wanted by others, 0 to 19; None:
    #: ``DATANECTAR_TASK_NICE``.
    nice: ClassVar[int | None] = None
    #: How likely the kernel is to kill a task when the machine is out of memory, 0 to 1000; None:
    #: ``DATANECTAR_OOM_SCORE_ADJ``.
    oom_score_adj: ClassVar[int | None] = None
    #: How often a task that failed is tried again within its run.
    retries: ClassVar[int] = 0
    #: What else a task needs, ``{"cpus": 4, "gpu": 1}``, for an engine that places tasks on machines.
    needs: ClassVar[Mapping[str, float | str]] = {}
    #: What runs the task, ``"processes"`` or ``"dask"``; None: what ``DATANECTAR_ENGINE`` names.
    engine: ClassVar[str | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Make the class's ``run`` write ``log`` and ``params.txt``, whoever calls it."""
        super().__init_subclass__(**options)
        record_run(cls)

    @classmethod
    def get_param_values(cls, params: Any, args: Any, kwargs: Any) -> list[tuple[str, Any]]:
        """Return names and values as ``luigi.Task.get_param_values`` does, with files of others."""
        return with_files(cls, params, super().get_param_values(params, args, kwargs))

    @property
    def worker_timeout(self) -> float | None:
        """The option ``timeout``, under Luigi's name: Luigi gives the task a process of its own."""
        return needs_of(type(self)).timeout

    @property
    def retry_count(self) -> int | None:
        """The option ``retries``, in Luigi's way of counting: how often a task is tried in all."""
        retries = needs_of(type(self)).retries
        return retries + 1 if retries else None

    @classmethod
    def get_params(cls) -> list[tuple[str, luigi.Parameter[Any]]]:
        """Return the class's parameters, as ``luigi.Task.get_params`` does.

        That looks through ``dir(cls)`` each time, some twenty times a task. Parameters may still be
        added to a class later, as ``luigi.util.inherits`` does.
        """
        shape = tuple(len(vars(base)) for base in cls.__mro__)
        known = _PARAMS.get(cls)
        if known is None or known[0] != shape:
            known = _PARAMS[cls] = (shape, super().get_params())
        return list(known[1])

    def to_str_params(self, *args: Any, **options: Any) -> dict[str, str]:
        """Return parameters as text, as ``luigi.Task.to_str_params`` does, equal values as one text.

        Luigi remakes a task from these texts when another task yields it. So the returned mapping also
        carries the values that can't be read from a text.
        """
        texts = super().to_str_params(*args, **options)
        return Texts({**texts, **readable_texts(self, texts)}, self)

    @classmethod
    def from_str_params(cls, params_str: dict[str, str]) -> NectarTask:
        """Return the task with these parameters, as ``luigi.Task.from_str_params`` does."""
        values = params_str.values_beside() if isinstance(params_str, Texts) else {}
        texts = {name: text for name, text in params_str.items() if name not in values}
        # Luigi gives a batch lists of texts, for the parameters' batch_method.
        if any(isinstance(text, list) for text in texts.values()):
            made: NectarTask = super().from_str_params(texts)
            return made
        declared = dict(cls.get_params())
        read = {name: item.parse(texts[name]) for name, item in declared.items() if name in texts}
        return cls(**values, **read)

    def __repr__(self) -> str:
        return task_in_words(self)

    def _repr_html_(self) -> str:
        # By name: only notebooks need it, and it imports what a run's process never loads.
        return str(import_module("datanectar.notebook.html").task_html(self))

    @property
    def key(self) -> Key:
        """The key, ``chains/<type>/<chain>/<Task>/<md5>``: the folder of result, log and parameters."""
        return key_of(self)

    def output(self) -> NectarTarget:
        """Return the target of this task's result: open it to write it, and to read it."""
        return self.named_output(output_name(type(self)))

    def named_output(self, file: str) -> NectarTarget:
        """Return the target of a file of that name under the key, for a task with several results.

        A name that ends in a slash is a folder's.

        The task is done when all that ``output()`` returns is there::

            def output(self):
                return {name: self.named_output(f"{name}.parquet") for name in ("train", "test")}

        Raises:
            ChainError: when the service itself writes a file of that name.
        """
        if file.endswith("/"):
            return FolderTarget(storage_of(self), key_of(self), file[:-1])
        binary = class_option(type(self), "output_binary", False)
        return NectarTarget(storage_of(self), key_of(self), file, binary=binary)


#: By class: how many attributes it and its bases had, and its parameters then.
_PARAMS: WeakKeyDictionary[
    type[luigi.Task], tuple[tuple[int, ...], list[tuple[str, luigi.Parameter[Any]]]]
] = WeakKeyDictionary()


def output_name(cls: type[luigi.Task]) -> str:
    """Return the name of the result's file, or of its folder with a slash.

    A parameter called ``output_name`` is no option.
    """
    return str(class_option(cls, "output_name", DEFAULT_OUTPUT))
