"""Ends a run's process as a Python process ends, though it is a fork.

Its threads are joined and its exit handlers run: experiment trackers, buffered log handlers and
temporary folders rely on it. Handlers that the fork server has registered do not run in it.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any


def forget_inherited_handlers() -> None:
    """Forget, in a fork, the exit handlers of the process that it was forked from.

    They are in private attributes (Lib/weakref.py ``finalize``, Lib/multiprocessing/util.py).
    """
    atexit._clear()
    atexit.register(logging.shutdown)
    finalize: Any = weakref.finalize
    for inherited in list(finalize._registry):
        inherited.atexit = False
    finalize._registered_with_atexit = False
    processes: Any = sys.modules.get("multiprocessing.util")
    if processes is not None:
        processes._finalizer_registry.clear()
        atexit.register(processes._exit_function)


def end_like_python() -> None:
    """Join the threads and run the exit handlers (Python/pylifecycle.c ``Py_FinalizeEx``).

    An error in one of them is printed, and has no other effect.
    """
    steps: list[Callable[[], Any]] = [threading._shutdown, atexit._run_exitfuncs]  # type: ignore[attr-defined]
    for step in steps:
        try:
            step()
        except BaseException:  # authors' code: SystemExit and KeyboardInterrupt too
            traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
