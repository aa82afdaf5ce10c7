"""Results of plain Luigi tasks, and the same response by every route, whatever a file is called."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.answers import data, refused
from tests.servers.processes import wait_for
from tests.servers.stack import Stack, copy_catalogue

PLAIN = """
import os, time
import luigi
from datanectar import NectarTask

class OneTask(luigi.Task):
    path = luigi.Parameter()
    def output(self):
        return luigi.LocalTarget(self.path)
    def run(self):
        with self.output().open("w") as out:
            out.write("one")

class ManyTask(luigi.Task):
    folder = luigi.Parameter()
    def output(self):
        return {
            "a": [luigi.LocalTarget(f"{self.folder}/a/part.csv"), luigi.LocalTarget(f"{self.folder}/b/part.csv")],
            "c": {"d": luigi.LocalTarget(f"{self.folder}/params.txt")},
        }
    def run(self):
        for n, target in enumerate(luigi.task.flatten(self.output())):
            with target.open("w") as out:
                out.write(f"x,y\\n{n},1\\n")

class NoneTask(luigi.Task):
    n = luigi.IntParameter(default=0)
    done = False
    def run(self):
        type(self).done = True
    def complete(self):
        return type(self).done

class FolderTask(luigi.Task):
    path = luigi.Parameter()
    def output(self):
        return luigi.LocalTarget(self.path)
    def run(self):
        self.output().makedirs()
        os.mkdir(self.path)

class NamedTask(NectarTask):
    output_name = "out.csv"
    n = luigi.IntParameter()
    gate = luigi.Parameter(default="", significant=False)
    def run(self):
        with self.output().open("w") as out:
            out.write(f"a,b\\n{self.n},2\\n")

class FoundTask(luigi.ExternalTask):
    path = luigi.Parameter()
    def output(self):
        return luigi.LocalTarget(self.path)

class NeedsTask(NectarTask):
    n = luigi.IntParameter()
    path = luigi.Parameter()
    gate = luigi.Parameter(default="", significant=False)
    def requires(self):
        return [NamedTask(n=self.n), OneTask(path=self.path)]
    def run(self):
        while self.gate and not os.path.exists(self.gate):
            time.sleep(0.01)
        with self.output().open("w") as out:
            out.write("x")

class YieldsTask(NectarTask):
    n = luigi.IntParameter()
    def run(self):
        made = yield NamedTask(n=self.n)
        with self.output().open("w") as out:
            out.write("x")
"""
P = "plain/plain_chain"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("project"))
    copy_catalogue(stack.project)
    stack.chain(P, PLAIN)
    outside = tmp_path_factory.mktemp("exports")
    stack.environ["DATANECTAR_RESULT_FOLDERS"] = str(outside)
    try:
        yield stack.start()
    finally:
        stack.close()


def target(stack: Stack, key: object, name: str, **options: Any) -> requests.Response:
    return stack.get(f"/api/targets/{key}/{name}", **options)


def luigi_alone(stack: Stack, task: str, *arguments: str) -> None:
    environ = {**stack.defaults, "PYTHONPATH": "."}
    command = [sys.executable, "-m", "luigi", "--local-scheduler", "--module"]
    module = f"chains.{P.replace('/', '.')}"
    subprocess.run(
        [*command, module, task, *arguments],
        cwd=stack.project / "code",
        env=environ,
        check=True,
        capture_output=True,
    )


def test_the_output_of_a_plain_task_is_its_result(stack: Stack) -> None:
    """Item 4: the status lists it, and it can be fetched."""
    status = stack.run(f"{P}/OneTask", path="made/one.txt")

    assert status["job_status"] == "DONE"
    url = f"{stack.url}/api/targets/{status['key']}/one.txt"
    assert status["resource_url"] == url
    assert [(r["name"], r["url"], r["size"]) for r in status["results"]] == [("one.txt", url, 3)]
    assert stack.client.read(status) == b"one"
    head = requests.head(url, timeout=10)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "3")
    assert "one.txt" in stack.get(f"/runs/{status['run_id']}").text
    assert data(stack.post(f"{P}/OneTask?path=made/one.txt"))["target_url"] == url


def test_nested_outputs_all_are_results_with_names_of_their_own(stack: Stack) -> None:
    status = stack.run(f"{P}/ManyTask", folder="many")

    names = [result["name"] for result in status["results"]]
    assert names == ["part.csv", "part-2.csv", "params-2.txt"]
    assert status["resource_url"] is None
    texts = [target(stack, status["key"], name).text for name in names]
    assert texts == [f"x,y\n{n},1\n" for n in range(3)]
    assert target(stack, status["key"], "params.txt").json() == {"folder": "many"}


def test_other_files_of_the_disk_are_not_given_out(stack: Stack, tmp_path: Path) -> None:
    code, outside = stack.project / "code", tmp_path / "secret.txt"
    outside.write_text("secret")
    (code / "link.txt").symlink_to(outside)
    (code / "folder").symlink_to(tmp_path)
    (code / ".env").write_text("secret")
    (code / "to-hidden").symlink_to(code / ".env")
    (stack.project / "datanectar.toml").write_text("# secret")
    tries = [
        outside, "link.txt", "folder/secret.txt", ".env", "to-hidden", "../datanectar.toml",
        stack.settings.state / "runs.db", f"{tmp_path}/x/../secret.txt", "/etc/passwd",
        "chains/plain/plain_chain.py", "../code/../.datanectar/runs.db", "chains",
    ]  # fmt: skip
    for path in tries:
        status = data(stack.post(f"{P}/FoundTask", params={"path": str(path)}))
        name = str(path).rpartition("/")[2]
        assert stack.status(status["key"])["results"] == [], path
        assert status["target_url"] is None
        refused(target(stack, status["key"], name), 400 if name.startswith(".") else 404)


def test_a_folder_that_a_setting_names_is_given_out_of(stack: Stack) -> None:
    folder = Path(stack.environ["DATANECTAR_RESULT_FOLDERS"])

    status = stack.run(f"{P}/OneTask", path=f"{folder}/my report (1).txt")

    assert stack.client.read(status) == b"one"
    assert status["results"][0]["name"] == "my report (1).txt"


def test_a_folder_as_output_is_no_file(stack: Stack) -> None:
    status = stack.run(f"{P}/FolderTask", path=str(stack.project / "data" / "folder"))

    assert (status["job_status"], status["results"]) == ("DONE", [])


def test_a_task_without_a_result_stays_done(stack: Stack) -> None:
    status = stack.run(f"{P}/NoneTask", n=1)

    assert (status["job_status"], status["results"], status["resource_url"]) == ("DONE", [], None)


def test_a_result_that_is_gone_is_unknown(stack: Stack) -> None:
    status = stack.run(f"{P}/OneTask", path="made/gone.txt")
    (stack.project / "code" / "made" / "gone.txt").unlink()

    assert stack.status(str(status["key"]))["job_status"] == "UNKNOWN"
    assert stack.run(f"{P}/OneTask", path="made/gone.txt")["job_status"] == "DONE"


def test_what_was_there_before_any_run_has_a_status_a_graph_and_a_log(stack: Stack) -> None:
    """Fault 2.2."""
    (stack.project / "code" / "there.txt").write_text("there")

    first = data(stack.post(f"{P}/OneTask?path=there.txt"))
    again = data(stack.post(f"{P}/OneTask?path=there.txt"))

    assert first["job_status"] == again["job_status"] == "DONE"
    assert first["run_id"] == again["run_id"]
    status = data(stack.get(first["status_url"].removeprefix(stack.url)))
    assert (status["job_status"], status["attempts"], status["error"]) == ("DONE", 0, None)
    assert stack.client.read(status) == b"there"
    assert status["params_url"] is None
    graph = data(stack.get("/api/chaingraph", params={"chain": first["key"]}))
    assert [node["status"] for node in graph["nodes"]] == ["DONE"]
    log = stack.get("/api/chainlog", params={"chain": first["key"]})
    assert (log.status_code, "before any run" in log.text) == (200, True)
    explained = data(stack.get(f"/api/chains/{P}/OneTask/key?path=there.txt"))
    assert (explained["complete"], explained["made_by_run"]) == (True, None)
    assert "there.txt" in stack.get(f"/runs/{first['run_id']}").text
    refused(requests.delete(f"{stack.url}/api/targets/{first['key']}", timeout=30), 409)
    assert (stack.project / "code" / "there.txt").exists()


def test_a_result_that_comes_after_a_failure_is_done_by_every_route(stack: Stack) -> None:
    """Fault 2.2, its neighbour: the latest run of the key has failed."""
    key = data(stack.post(f"{P}/FoundTask?path=late.txt"))["key"]
    assert stack.ended(key)["job_status"] == "FAILED"
    (stack.project / "code" / "late.txt").write_text("late")

    assert data(stack.post(f"{P}/FoundTask?path=late.txt"))["job_status"] == "DONE"
    assert stack.status(key)["job_status"] == "DONE"


@pytest.mark.parametrize("made", ["root", "dependency", "luigi"])
def test_a_result_of_any_name_has_one_answer(stack: Stack, made: str) -> None:
    """Fault 2.1."""
    n = {"root": 1, "dependency": 2, "luigi": 3}[made]
    if made == "root":
        stack.run(f"{P}/NamedTask", n=n)
    elif made == "dependency":
        stack.run(f"{P}/NeedsTask", n=n, path="for-needs.txt")
    else:
        luigi_alone(stack, "NamedTask", "--n", str(n))
    key = data(stack.get(f"/api/chains/{P}/NamedTask/key?n={n}"))["key"]

    for spelled in (key, f"{key}/out.txt", f"{key}/out.csv"):
        status = stack.status(spelled)
        assert status["job_status"] == "DONE"
        assert status["resource_url"] == f"{stack.url}/api/targets/{key}/out.csv"
    answer = data(stack.post(f"{P}/NamedTask?n={n}"))
    assert (answer["job_status"], answer["target_url"]) == ("DONE", status["resource_url"])
    assert stack.client.run(f"{P}/NamedTask", n=n).wait().url() == status["resource_url"]
    page = requests.post(
        f"{stack.url}/chains/{P}/NamedTask",
        data={"n": n},
        headers={"Origin": stack.url},
        timeout=30,
    )
    assert "out.csv" in page.text
    assert "not there any more" not in page.text


def test_a_plain_dependency_has_its_result_too(stack: Stack) -> None:
    stack.run(f"{P}/NeedsTask", n=10, path="of-a-dependency.txt")
    key = data(stack.get(f"/api/chains/{P}/OneTask/key?path=of-a-dependency.txt"))["key"]

    status = stack.status(key)

    assert (status["job_status"], stack.client.read(status)) == ("DONE", b"one")
    dropped = data(requests.delete(f"{stack.url}/api/targets/{key}", timeout=30))
    assert dropped["dropped"] == ["of-a-dependency.txt"]
    assert not (stack.project / "code" / "of-a-dependency.txt").exists()
    assert stack.status(key)["job_status"] == "UNKNOWN"


def test_what_a_live_run_needs_cannot_be_dropped(stack: Stack, tmp_path: Path) -> None:
    """Fault 2.9."""
    gate = tmp_path / "gate"
    posted = data(stack.post(f"{P}/NeedsTask", params={"n": 20, "path": "kept.txt", "gate": gate}))
    keys = [
        data(stack.get(f"/api/chains/{P}/{task}/key?{query}"))["key"]
        for task, query in (("NamedTask", "n=20"), ("OneTask", "path=kept.txt"))
    ]
    run = f"/api/runs/{posted['run_id']}"

    def has_both() -> bool:
        done = [n for n in data(stack.get(run))["graph"]["nodes"] if n["status"] == "DONE"]
        return {node["key"] for node in done} == set(keys)

    wait_for(has_both, "both dependencies are done")
    for key in keys:
        refusal = refused(requests.delete(f"{stack.url}/api/targets/{key}", timeout=30), 409)
        assert posted["run_id"] in refusal["message"]
    gate.touch()
    assert stack.ended(posted["key"])["job_status"] == "DONE"
    assert data(requests.delete(f"{stack.url}/api/targets/{keys[0]}", timeout=30))


def test_a_yielded_result_that_was_there_is_in_the_graph(stack: Stack) -> None:
    """Fault 3.22."""
    made = stack.run(f"{P}/NamedTask", n=30)
    status = stack.run(f"{P}/YieldsTask", n=30)

    graph = data(stack.get("/api/chaingraph", params={"chain": status["key"]}))

    nodes = {node["key"]: node for node in graph["nodes"]}
    assert nodes[made["key"]]["status"] == "DONE"
    assert graph["edges"] == [{"from": nodes[made["key"]]["id"], "to": nodes[status["key"]]["id"]}]


def test_a_cancelled_run_has_not_failed(stack: Stack, tmp_path: Path) -> None:
    """Faults 2.8 and 2.7."""
    gate = tmp_path / "never"
    posted = data(stack.post("http/jobs_chain/GatedTask", params={"name": "c", "gate": gate}))
    wait_for(lambda: stack.status(posted["key"])["job_status"] == "RUNNING", "it runs")
    requests.delete(f"{stack.url}/api/runs/{posted['run_id']}", timeout=30)
    status = stack.ended(posted["key"])

    assert (status["job_status"], status["failed_key"]) == ("CANCELLED", None)
    assert status["failed_log_url"] is None
    run = data(stack.get(f"/api/runs/{posted['run_id']}"))
    assert run["failed_key"] is None
    page = stack.get(f"/runs/{posted['run_id']}").text
    assert "It failed at" not in page
    assert 'class="note bad" id="error"' not in page
    assert '<span class="cause">cancelled' not in stack.get("/history").text


def test_the_key_has_a_short_form_as_the_run_has(stack: Stack) -> None:
    """Fault 3.22."""
    whole = data(stack.get(f"/api/chains/{P}/NamedTask/key?n=1"))

    assert data(stack.get("/api/chains/plain/NamedTask/key?n=1"))["key"] == whole["key"]
    refused(stack.get("/api/chains/plain/NopeTask/key"), 404)
    refused(stack.get("/api/chains/plain/plain_chain/key"), 404)


def test_the_home_page_names_the_chain_of_a_run(stack: Stack) -> None:
    """Fault 3.22."""
    stack.run(f"{P}/NamedTask", n=40)

    assert P in stack.get("/").text


def test_outputs_can_be_anywhere_but_only_files_inside_are_listed(tmp_path: Path) -> None:
    from datanectar.service.declared_outputs import DeclaredOutputs, names_of
    from datanectar.settings import load

    project = tmp_path / "project"
    (project / "code" / "chains").mkdir(parents=True)
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text("x")
    os.mkfifo(project / "pipe")
    settings = load({"DATANECTAR_PROJECT": str(project)})
    good = project / "a.txt"
    good.write_text("x")
    circle = project / "circle"
    circle.symlink_to(circle)
    addresses = [
        str(project / name) for name in (".git/config", "pipe", "circle", "a.txt", "no.txt", "")
    ]

    files, missing = DeclaredOutputs(settings).look(
        [*addresses, "a.txt", "\x00", "s3://b/x"], "local"
    )

    assert [file.path for file in files] == [good]
    assert missing
    assert list(names_of(["/a/x.tar.gz", "/b/x.tar.gz", "/c/log", "/d/log.1"])) == [
        "x.tar.gz", "x-2.tar.gz", "log-2", "log-2.1",
    ]  # fmt: skip


def test_a_database_is_closed_whatever_its_url_looks_like(tmp_path: Path) -> None:
    from datanectar.service.declared_outputs import DeclaredOutputs
    from datanectar.settings import load, sqlite_url

    (tmp_path / "code" / "chains").mkdir(parents=True)
    runs, queue = tmp_path / "my runs%.db", tmp_path / "queue.db"
    settings = load(
        {
            "DATANECTAR_PROJECT": str(tmp_path),
            "DATANECTAR_DATABASE_URL": sqlite_url(runs),
            "DATANECTAR_QUEUE_URL": f"{sqlite_url(queue)}?timeout=5",
        }
    )
    addresses = [f"{file}{ending}" for file in (runs, queue) for ending in ("", "-wal")]
    for address in addresses:
        Path(address).write_text("x")

    assert DeclaredOutputs(settings).look(addresses, "local") == ([], False)


def test_a_link_that_took_a_results_place_is_not_followed(tmp_path: Path) -> None:
    from datanectar.service.result_file import ResultFile

    path, secret = tmp_path / "a.txt", tmp_path / "secret"
    secret.write_text("secret")
    file = ResultFile("a.txt", 1, 0.0, path=path)
    path.symlink_to(secret)

    with pytest.raises(FileNotFoundError):
        list(file.read())
