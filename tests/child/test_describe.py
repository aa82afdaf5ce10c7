"""Many chains described by one child: each as if it were alone, none blamed for another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from datanectar.catalog.listing_cache import Catalog
from datanectar.child_pool import ChildPool
from datanectar.errors import Unavailable
from datanectar.messages import ChainDescription
from tests.servers.stack import Stack

#: A chain whose doc tells which process described it.
TELLS = "import os\n__doc__ = str(os.getpid())\n"
TASK = """
import luigi
{before}

class ShownTask(luigi.Task):
    name = luigi.Parameter(default={default})
"""


class Project:
    """A project without any process but children, all of whose chains fall to one batch."""

    def __init__(self, folder: Path) -> None:
        limits = {"DATANECTAR_WORKERS": "1", "DATANECTAR_IMPORT_TIMEOUT": "3"}
        self.stack = Stack(folder, environ=limits)
        self.children = ChildPool(self.stack.settings, ahead=1)
        self.catalog = Catalog(self.stack.settings, self.children)

    def write(self, name: str, source: str) -> Path:
        """Write a module beside the chains of the type ``many``."""
        self.stack.chain(f"many/{name}", source)
        return self.stack.settings.chains / "many" / f"{name}.py"

    def chains(self) -> dict[str, ChainDescription]:
        return {chain.name: chain for chain in self.catalog.chains(patience=60)}

    def default(self, name: str) -> object:
        return self.chains()[name].tasks[0].parameters[0].default


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    try:
        yield project
    finally:
        project.children.close()
        project.stack.close()


def test_who_asks_for_the_same_chain_at_once_waits_for_one_child(project: Project) -> None:
    trace = project.stack.project / "trace"
    project.write("a_chain", f"open({str(trace)!r}, 'a').write('x')\nimport time\ntime.sleep(1)\n")

    with ThreadPoolExecutor(4) as pool:
        described = list(pool.map(lambda _: project.catalog.chain("many", "a_chain"), range(4)))

    assert [chain.error for chain in described] == [None] * 4
    assert trace.read_text() == "x"


def test_new_chains_share_a_child_and_one_that_was_edited_has_its_own(project: Project) -> None:
    for number in range(8):
        project.write(f"n{number}_chain", TELLS)

    first = project.chains()
    project.write("n3_chain", f"{TELLS}# edited\n")
    second = project.chains()

    assert len(first) == 8 and len({chain.doc for chain in first.values()}) == 1
    changed = [name for name in first if first[name] != second[name]]
    assert changed == ["n3_chain"]
    assert second["n3_chain"].doc != first["n3_chain"].doc


@pytest.mark.slow
def test_chains_that_hang_exit_or_crash_are_blamed_and_no_others(project: Project) -> None:
    broken = {
        "b_chain": ("import time; time.sleep(600)", "its import took longer than 3 s"),
        "d_chain": ("import os; os._exit(0)", "its import ended the process (exit code 0)"),
        "e_chain": ("import ctypes; ctypes.string_at(0)", "ended the process (killed by SIGSEGV)"),
        "g_chain": ("import sys; sys.exit(7)", "it calls sys.exit(7) when it is imported (g_chain"),
        "h_chain": ("raise ValueError('bad weather')", "ValueError: bad weather (h_chain.py, line"),
        "j_chain": ("import no_such_module", "No module named 'no_such_module' (j_chain.py"),
    }
    for letter in "abcdefghijk":
        name = f"{letter}_chain"
        project.write(name, broken[name][0] if name in broken else TELLS)

    chains = project.chains()

    assert list(chains) == [f"{letter}_chain" for letter in "abcdefghijk"]
    for name, chain in chains.items():
        if name in broken:
            assert broken[name][1] in (chain.error or ""), name
        else:
            assert chain.error is None and chain.doc.isdecimal(), name


def test_each_chain_has_all_its_own_sources_and_nobody_elses(project: Project) -> None:
    helper = project.write("helper", "NAME = 'x'\n")
    b = project.write("b_chain", "from chains.many import helper\n")
    a = project.write("a_chain", "import chains.many.b_chain\n")
    c = project.write("c_chain", "import chains.many.b_chain\n")
    d = project.write("d_chain", "")

    chains = project.chains()

    sources = {name: {file for file, *_ in chain.sources} for name, chain in chains.items()}
    assert sources == {
        "a_chain": {str(a), str(b), str(helper)},
        "b_chain": {str(b), str(helper)},
        "c_chain": {str(c), str(b), str(helper)},
        "d_chain": {str(d)},
    }
    assert all(chain.error is None for chain in chains.values())


def test_tasks_of_one_name_do_not_meet_in_a_child_that_describes_both(project: Project) -> None:
    shared = project.write("base", TASK.format(before="", default="'base'"))
    for name in ("a_chain", "b_chain"):
        project.write(
            name, f"import chains.many.base\n{TASK.format(before='', default=repr(name))}"
        )

    chains = project.chains()

    assert [project.default(name) for name in chains] == ["a_chain", "b_chain"]
    assert all(str(shared) in {file for file, *_ in c.sources} for c in chains.values())


@pytest.mark.parametrize(
    ("change", "look"),
    [
        ("import chains.many.helper as h; h.NAME = 'changed'", "chains.many.helper.NAME"),
        ("import os; os.environ['MARK'] = 'changed'", "__import__('os').environ.get('MARK', 'x')"),
        ("import os; os.chdir('/')", "'changed' if __import__('os').getcwd() == '/' else 'x'"),
        ("import sys; sys.path.append('changed')", "'x' if 'changed' not in SYS.path else 'y'"),
        (
            "luigi.configuration.get_config().set('MARK', 'name', 'changed')",
            "luigi.configuration.get_config().get('MARK', 'name', 'x')",
        ),
        ("luigi.Parameter.serialize = None", "'x'"),
        (
            "import os, threading, time\n"
            "threading.Thread(target=lambda: (time.sleep(0.2), os._exit(5))).start()",
            "__import__('time').sleep(0.5) or 'x'",
        ),
    ],
    ids=["helper", "environ", "folder", "path", "configuration", "library", "thread"],
)
def test_what_a_chain_leaves_behind_does_not_reach_the_next(
    project: Project, change: str, look: str
) -> None:
    project.write("helper", "NAME = 'x'\n")
    project.write("a_chain", TASK.format(before=change, default="'a'"))
    before = "import sys as SYS\nimport chains.many.helper"
    project.write("b_chain", TASK.format(before=before, default=look))

    chains = project.chains()

    assert list(chains) == ["a_chain", "b_chain"]
    assert chains["b_chain"].error is None
    assert project.default("b_chain") == "x"


HANGS = "import time; time.sleep(600)"


@pytest.mark.slow
def test_no_listing_waits_for_chains_that_hang_and_they_are_read_side_by_side(
    project: Project,
) -> None:
    """Fault 3.19: four chains that hang at import made each listing take 50 s."""
    for number in range(4):
        project.write(f"hang{number}_chain", HANGS)
    for number in range(6):
        project.write(f"n{number}_chain", TELLS)
    began = time.monotonic()

    listed = {chain.name: chain for chain in project.catalog.chains(patience=0.5)}

    assert time.monotonic() - began < 2.5
    assert len(listed) == 10
    assert all(listed[f"hang{n}_chain"].reading for n in range(4))
    assert not any(chain.error for chain in listed.values())
    everything = project.chains()
    assert time.monotonic() - began < 4 * 3, "one after another takes 4 times the limit at least"
    assert not any(chain.reading for chain in everything.values())
    assert all("longer than 3 s" in str(everything[f"hang{n}_chain"].error) for n in range(4))
    assert all(everything[f"n{n}_chain"].doc.isdecimal() for n in range(6))


def test_a_chain_that_hangs_after_an_edit_is_shown_as_it_was_while_it_is_read(
    project: Project,
) -> None:
    """Fault 3.20: a page needs no description, and what is known is shown at once."""
    project.write("a_chain", TASK.format(before="", default="'first'"))
    project.write("b_chain", TELLS)
    before = project.chains()
    project.write("a_chain", HANGS)

    during = {chain.name: chain for chain in project.catalog.chains(patience=0.2)}

    assert during["a_chain"] == msgspec.structs.replace(before["a_chain"], reading=True)
    assert during["b_chain"] == before["b_chain"]
    began = time.monotonic()
    project.catalog.chain("many", "b_chain")
    assert time.monotonic() - began < 1, "one chain waits for no other"
    assert "longer than 3 s" in str(project.chains()["a_chain"].error)


def test_an_edit_counts_for_whoever_asks_after_it_though_the_chain_is_being_read(
    project: Project,
) -> None:
    gate = project.stack.project / "gate"
    waits = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    project.write("a_chain", waits + TASK.format(before="", default="'before'"))
    project.catalog.chains(patience=0.1)
    project.write("a_chain", TASK.format(before="", default="'after the edit'"))
    gate.touch()

    assert project.default("a_chain") == "after the edit"


def test_without_children_a_listing_says_so_and_works_when_they_are_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("a_chain", TELLS)
    with monkeypatch.context() as patch:

        def none(*_: object, **__: object) -> object:
            raise Unavailable("No child process can be started.")

        patch.setattr(project.children, "ask", none)
        with pytest.raises(Unavailable, match="No child process"):
            project.chains()

    assert project.chains()["a_chain"].doc.isdecimal()


def test_a_description_that_speaks_for_another_chain_counts_for_nothing(project: Project) -> None:
    """Fault 3.14's neighbour: names are checked as numbers are."""
    other = ChainDescription("many", "b_chain", "/somewhere")
    project.write("a_chain", "")
    project.children.ask = lambda *_, **__: other  # type: ignore[method-assign]

    assert "can't be described" in str(project.chains()["a_chain"].error)


def test_an_edit_of_luigis_configuration_is_seen_and_is_no_chains_doing(project: Project) -> None:
    """Fault 1.14: all chains are still described by one child."""
    default = 'luigi.configuration.get_config().get("spot", "x", "none")'
    for number in range(4):
        project.write(f"n{number}_chain", TELLS + TASK.format(before="", default=default))
    assert project.default("n1_chain") == "none"
    before = {chain.doc for chain in project.chains().values()}

    (project.stack.settings.code / "luigi.cfg").write_text("[spot]\nx=1\n")

    assert project.default("n1_chain") == "1"
    after = {chain.doc for chain in project.chains().values()}
    assert len(before) == len(after) == 1
    assert before != after
