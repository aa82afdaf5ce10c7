"""The warm-up of the fork server leaves no trace that a chain could notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_LOOK = """
import gc, json, os, signal, sys, threading
import luigi
import datanectar.child.main
from luigi.task_register import Register
from datanectar import settings
from datanectar.child import warmup

def look():
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return {
        "tasks": sorted(cls.__name__ for cls in Register._reg),
        "instances": len(Register._Register__instance_cache),
        "namespaces": dict(Register._default_namespace_dict),
        "chains": [name for name in sys.modules if name.startswith("chains")],
        "path": sys.path,
        "path_hooks": list(map(repr, sys.path_hooks)),
        "environ": dict(os.environ),
        "project": str(settings.current().project),
        "handlers": [str(signal.getsignal(n)) for n in signal.valid_signals()],
        "open": sorted(os.readlink(link) for link in links if os.path.exists(link)),
        "threads": threading.active_count(),
        "folder": os.getcwd(),
    }

before = look()
with warmup.warm_up():
    pass
gc.collect()  # as the fork server does
after = look()
children = open(f"/proc/self/task/{os.getpid()}/children").read()
print(json.dumps([before, after, children]))
"""


def test_the_warm_up_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "code" / "chains").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    environ = {**os.environ, "DATANECTAR_PROJECT": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}

    done = subprocess.run(
        [sys.executable, "-c", _LOOK], env=environ, cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    before, after, children = json.loads(done.stdout)
    assert after == before
    assert children == ""
    assert done.stderr == ""
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "local_targets").exists()


def test_a_warm_up_that_fails_says_why(tmp_path: Path) -> None:
    spoilt = (
        "import datanectar.child.main; from datanectar.child import warmup;"
        "warmup._SOURCE = warmup._SOURCE.replace('print(self.name)', 'raise OSError(\"no luck\")');"
        "warmup.warm_up().__enter__()"
    )
    environ = {**os.environ, "DATANECTAR_PROJECT": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", spoilt], env=environ, cwd=tmp_path, capture_output=True, text=True
    )

    assert "RuntimeError: OSError: no luck" in done.stderr
