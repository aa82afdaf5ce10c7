"""Files that others make: their state is in the key, and what is missing is named."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from datanectar.catalog.collector import describe_task
from datanectar.errors import BadRequest, ChainError, Conflict, NotFound
from datanectar.keys import Key
from datanectar.settings import Settings
from datanectar.storage.s3 import S3Storage
from datanectar.util.inputs.external import ExternalFile, refuse_other_files
from datanectar.util.inputs.run_memory import kept_for_the_run
from tests.util.chains import imported

CHAIN = """
import luigi
from datanectar import NectarTask, external

class ReportTask(NectarTask):
    day = luigi.DateParameter()
    prices = external("prices/{day:%Y}/{day}.csv", description="made by the shop")

    def requires(self):
        return self.prices

    def run(self):
        with self.input().open() as lines:
            self.save(lines.read())

class AnyFileTask(NectarTask):
    source = external()

    def run(self):
        with self.source.open() as lines:
            self.save(lines.readline())

class MisspeltTask(NectarTask):
    prices = external("{dya}.csv")
"""
DAY = "2026-01-03"


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with imported(CHAIN, "external_chain", tmp_path, monkeypatch) as module:
        yield module


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices" / "2026" / f"{DAY}.csv"
    file.parent.mkdir(parents=True)
    file.write_text("1\n")
    return file


def report(chain: ModuleType) -> object:
    return chain.ReportTask.from_str_params({"day": DAY})


def test_a_changed_file_is_another_key(chain: ModuleType, prices: Path) -> None:
    before = report(chain)
    assert report(chain).key == before.key  # type: ignore[attr-defined]

    prices.write_text("23\n")

    assert report(chain).key != before.key  # type: ignore[attr-defined]


def test_a_file_of_the_same_size_and_another_time_is_another_key(
    chain: ModuleType, prices: Path
) -> None:
    before = report(chain)

    os.utime(prices, ns=(1, 1))

    assert report(chain).key != before.key  # type: ignore[attr-defined]


def test_a_missing_file_is_named_with_what_to_do(chain: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as refused:
        report(chain)

    assert f"There is no file {tmp_path}/prices/2026/{DAY}.csv." in refused.value.message
    assert "put it there, and request again" in refused.value.message
    assert list(refused.value.fields or {}) == ["prices"]


def test_a_folder_is_no_file(chain: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="but a folder or a device"):
        chain.AnyFileTask(source=str(tmp_path))


def test_the_text_of_a_request_can_not_name_another_file(chain: ModuleType, prices: Path) -> None:
    """A client may start tasks, and not have them read what it likes."""
    with pytest.raises(BadRequest, match="and no other file: the class says so"):
        chain.ReportTask.from_str_params({"day": DAY, "prices": "/etc/passwd"})
    task = chain.ReportTask.from_str_params({"day": DAY, "prices": "/etc/passwd#modified=1,1"})
    with pytest.raises(BadRequest, match="and no other file: the class says so"):
        refuse_other_files(task, ["day", "prices"])
    refuse_other_files(report(chain), ["day", "prices"])


def test_a_file_that_the_request_names_is_read(chain: ModuleType, prices: Path) -> None:
    task = chain.AnyFileTask.from_str_params({"source": str(prices)})

    assert isinstance(task.source, ExternalFile)
    task.run()
    assert task.load() == "1\n"


def test_code_may_name_another_file(chain: ModuleType, prices: Path) -> None:
    other = prices.with_name("other.csv")
    other.write_text("other")

    task = chain.ReportTask.from_str_params({"day": DAY}).clone(prices=str(other))

    assert task.prices.path == str(other)
    again = chain.ReportTask.from_str_params(dict(task.to_str_params()))  # as for `yield`
    assert again == task


def test_the_task_is_made_again_from_its_texts(chain: ModuleType, prices: Path) -> None:
    """As a run does, in another process: the file's state stays that of the request."""
    task = report(chain)
    texts = task.to_str_params()  # type: ignore[attr-defined]
    prices.write_text("changed")

    again = chain.ReportTask.from_str_params(dict(texts))

    assert again.key == task.key  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="has changed since this task was requested"):
        again.prices.complete()
    with pytest.raises(Conflict):
        again.prices.open()
    prices.unlink()
    with pytest.raises(NotFound):
        again.prices.complete()


def test_a_run_sees_one_state(chain: ModuleType, prices: Path) -> None:
    with kept_for_the_run():
        before = report(chain)
        prices.write_text("changed")
        assert report(chain).key == before.key  # type: ignore[attr-defined]
    assert report(chain).key != before.key  # type: ignore[attr-defined]


def test_an_address_that_can_not_be_filled_in_is_the_chains_error(chain: ModuleType) -> None:
    with pytest.raises(ChainError, match=r"MisspeltTask.prices is external\('\{dya\}.csv'\)"):
        chain.MisspeltTask()
    error = describe_task(chain.MisspeltTask).error
    assert "MisspeltTask.prices is external('{dya}.csv'), which can't be filled in" in str(error)
    assert describe_task(chain.ReportTask).error is None


def test_an_address_of_an_unknown_kind_is_refused(chain: ModuleType) -> None:
    with pytest.raises(BadRequest, match="is no address of a file: it can be a path, s3://"):
        chain.AnyFileTask(source="ftp://x/y.csv")


@pytest.mark.parametrize("server", ["moto", "rclone"])
def test_a_file_in_any_bucket_counts_with_its_etag(
    chain: ModuleType,
    server: str,
    request: pytest.FixtureRequest,
    s3_settings: Callable[..., Settings],
) -> None:
    storage = S3Storage(s3_settings(request.getfixturevalue(f"{server}_s3")))
    storage.prepare()
    key = Key("shop", "x_chain", "X", "0" * 32)
    address = storage.address(key, "prices.csv")
    with pytest.raises(BadRequest, match=f"There is no file {address}"):
        chain.AnyFileTask(source=address)
    storage.put_bytes(key, "prices.csv", b"1\n")

    task = chain.AnyFileTask(source=address)

    assert task.source.stamp.startswith("etag=")
    with task.source.open() as lines:
        assert lines.read() == "1\n"
    storage.put_bytes(key, "prices.csv", b"2\n")
    assert chain.AnyFileTask(source=address).key != task.key
    with pytest.raises(Conflict):
        task.source.open()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a folder on a web server."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_on_the_web_counts_with_its_time(
    chain: ModuleType, web: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("1\n")

    task = chain.AnyFileTask(source=f"{web}/a.csv")

    assert task.source.open("rb").read() == b"1\n"
    os.utime(tmp_path / "a.csv", (1, 1))
    assert chain.AnyFileTask(source=f"{web}/a.csv").key != task.key
    with pytest.raises(BadRequest, match="There is no file http"):
        chain.AnyFileTask(source=f"{web}/none.csv")
