"""Starts a fork server: ``python -m datanectar.forkserver --help``.

What children run is named by its caller. The target, ``package.module:function``, is called in each
child with the descriptor on which its jobs arrive, the descriptor for its reports, and a function
that gets the child ready for another role. What it returns is the child's exit code.

The optional warm-up module has a context manager ``warm_up()``. It does once what every child would do
first. For the block it gives, by role, functions that rehearse: each does what a child of the role
does, in a fork that is thrown away, so that the pages that it writes are known (:mod:`.prefault`).
In datanectar the warm-up saves 35 to 50 % of a trivial run's time (see docs/performance.md); it costs
0.2 s at the start.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Sequence

from datanectar.forkserver import process_control
from datanectar.forkserver.prefault import Ranges, learn
from datanectar.forkserver.server import ForkServer


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve parents until none is left."""
    options = _options(arguments)
    process_control.set_title(f"{options.title}: fork server")
    control = socket.socket(fileno=options.control)
    _import(options.preload)
    module, _, function = options.target.partition(":")
    _import([module])
    pages = _warm_up(options.warmup) if options.warmup else {}
    gc.collect()
    gc.freeze()  # the collector then does not write to pages that children share
    _split_off_watchdog(control, options.title)
    process_control.adopt_orphans()
    server = ForkServer(getattr(sys.modules[module], function), options.title, pages)
    if options.shared:
        server.listen(control)
    else:
        server.add_parent(control)
    server.serve()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fork server", description="Forks children for parents.")
    parser.add_argument("control", type=int, help="descriptor of the parent's socket")
    parser.add_argument("preload", nargs="*", help="modules to import")
    parser.add_argument("--target", required=True, help="what children run, module:function")
    parser.add_argument("--warmup", help="module that warms this process up")
    parser.add_argument("--title", default="python", help="what process titles begin with")
    parser.add_argument("--shared", action="store_true", help="parents send their sockets there")
    return parser.parse_args(arguments)


def _import(names: Sequence[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as problem:  # others' code: SystemExit and KeyboardInterrupt too
            sys.exit(f"fork server: {name} can't be imported: {problem!r}")


def _warm_up(module: str) -> dict[str, Ranges[int]]:
    """Warm this process up; return the pages that its children will write to, by role."""
    try:
        with importlib.import_module(module).warm_up() as rehearsals:
            gc.collect()
            gc.freeze()
            return {role: learn(rehearse) for role, rehearse in rehearsals.items()}
    except Exception as problem:  # children then do themselves what would have been done
        print(f"Children will start slower, the warm-up failed: {problem!r}", file=sys.stderr)
        return {}


def _split_off_watchdog(control: socket.socket, title: str) -> None:
    """Go on in a fork; this process becomes its watchdog, which waits for its end and cleans up."""
    process_control.adopt_orphans()
    pid = os.fork()
    if pid == 0:
        process_control.die_with_parent(signal.SIGTERM)
        return
    control.close()
    process_control.set_title(f"{title}: fork server watchdog")
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    _, status = os.waitpid(pid, 0)
    process_control.kill_descendants()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
