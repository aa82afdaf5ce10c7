"""Save and load by suffix; the helpers' names leave an author's own alone."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import luigi
import pytest

from datanectar import NectarTask
from datanectar.authoring import frames
from datanectar.errors import NotFound
from datanectar.keys import parse_key
from datanectar.settings import Settings
from datanectar.storage.s3 import S3Storage
from datanectar.util.target import NectarTarget
from tests.servers.s3 import S3Server

build = functools.partial(luigi.build, local_scheduler=True)


def read(task: Any) -> bytes:
    with task.output().open("rb") as stream:
        content: bytes = stream.read()
    return content


# --- save and load -------------------------------------------------------------------------------


def test_a_value_is_saved_in_the_format_of_the_suffix_and_loaded_again(chain: ModuleType) -> None:
    task = chain.JsonTask()
    value = {"name": "Größe", "values": [1, 2.5, None, True]}

    task.save(value)

    assert task.load() == value
    assert read(task) == '{"name": "Größe", "values": [1, 2.5, null, true]}\n'.encode()


def test_json_lines_are_written_from_any_iterable(chain: ModuleType) -> None:
    task = chain.LinesTask()

    task.save({"n": n} for n in range(3))

    assert read(task) == b'{"n": 0}\n{"n": 1}\n{"n": 2}\n'
    assert task.load() == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_text_keeps_its_line_ends_and_a_json_result_of_a_text_is_json(chain: ModuleType) -> None:
    text, json = chain.SumTask(), chain.JsonTask()

    text.save("ünï\r\nend")
    json.save("ünï")

    assert read(text) == "ünï\r\nend".encode()
    assert text.load() == "ünï\r\nend"
    assert read(json) == '"ünï"\n'.encode()
    assert json.load() == "ünï"


def test_bytes_go_anywhere_as_they_are(chain: ModuleType) -> None:
    zipped, picture = chain.ZipTask(), chain.PictureTask()

    zipped.save(b"PK\x00\xff")
    picture.save(memoryview(b"\x89PNG"))

    assert zipped.load() == b"PK\x00\xff"
    assert picture.load() == b"\x89PNG"


def test_a_figure_is_drawn_in_the_format_of_the_suffix(chain: ModuleType) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    task = chain.PictureTask()

    task.save(figure)

    assert read(task).startswith(b"\x89PNG\r\n")


def test_a_pickle_is_opted_in_on_both_sides(chain: ModuleType) -> None:
    task = chain.PickleTask()

    with pytest.raises(TypeError, match=r"PickleTask.save\(\) to out.pkl: .*pickle=True"):
        task.save({1, 2})
    assert not task.complete()
    task.save({1, 2}, pickle=True)

    with pytest.raises(TypeError, match="pickle=True"):
        task.load()
    assert task.load(pickle=True) == {1, 2}


@pytest.mark.parametrize(
    ("task", "value", "words"),
    [
        ("CsvTask", [1], r"CsvTask.save\(\) to out.CSV: it takes a DataFrame .*was given a list"),
        ("ParquetTask", "text", "it takes a DataFrame of pandas or polars or bytes"),
        ("SumTask", {"a": 1}, r"to out.txt: it takes text or bytes, and was given a dict"),
        ("ZipTask", "text", r"to out.zip: it takes bytes alone"),
        ("PictureTask", object(), "it takes a matplotlib Figure or bytes"),
        ("LinesTask", {"a": 1}, "one a line"),
        ("JsonTask", {"day": datetime.date(2016, 5, 17)}, r"to out.json: Object of type date"),
    ],
)
def test_a_value_that_the_file_does_not_take_is_named_and_nothing_is_written(
    chain: ModuleType, tmp_path: Path, task: str, value: Any, words: str
) -> None:
    made = getattr(chain, task)()

    with pytest.raises(TypeError, match=words):
        made.save(value)

    assert not made.complete()
    assert not [path for path in (tmp_path / "local_targets").rglob("*") if path.is_file()]


def test_json_without_a_word_for_the_value_is_refused(chain: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"to out\.json: Out of range float"):
        chain.JsonTask().save({"score": float("nan")})


def test_what_is_missing_is_not_found(chain: ModuleType) -> None:
    with pytest.raises(NotFound):
        chain.JsonTask().load()


@pytest.mark.parametrize("source", ["out.csv", b"out.csv", 5, [["out.csv"]]])
def test_what_is_no_result_is_refused_in_words(chain: ModuleType, source: object) -> None:
    with pytest.raises(TypeError, match=r"takes a task, a target, or a list .* external\(\)"):
        chain.JsonTask().load(source)


def test_inputs_are_loaded_in_the_shape_of_requires(chain: ModuleType) -> None:
    task = chain.SumTask(n=7)

    assert build([task])

    assert task.load() == "1 [2, 7]"
    assert task.load(task.requires()) == {"small": {"n": 1}, "all": [{"n": 2}, {"n": 7}]}


def test_what_a_task_yields_is_loaded_too(chain: ModuleType) -> None:
    task = chain.YieldTask(n=5)

    assert build([task])

    assert task.load() == "5"


def test_a_task_of_several_outputs_says_which(chain: ModuleType, tmp_path: Path) -> None:
    task = chain.TwoTask(folder=str(tmp_path))

    with pytest.raises(TypeError, match=r"several outputs.*to=self.output\(\)"):
        task.save({})
    task.save({"a": 1}, to=task.output()["a.json"])
    task.save("x\n1\n", to=task.output()["b.csv"])

    assert task.load(task.output()["a.json"]) == {"a": 1}
    assert (tmp_path / "b.csv").read_text() == "x\n1\n"


def test_another_store_of_luigis_is_refused_in_words(chain: ModuleType) -> None:
    from luigi.contrib.s3 import S3Target

    with pytest.raises(TypeError, match=r"S3Target: open it by its own open\(\)"):
        chain.JsonTask().load(S3Target("s3://bucket/x.json"))


# --- DataFrames ----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["ParquetTask", "CsvTask", "FeatherTask"])
@pytest.mark.parametrize("library", frames.LIBRARIES)
@pytest.mark.parametrize("reader", frames.LIBRARIES)
def test_frames_of_either_library_are_read_by_either(
    chain: ModuleType, task: str, library: str, reader: str
) -> None:
    module = pytest.importorskip(library)
    pytest.importorskip(reader)
    pytest.importorskip("pyarrow")
    columns = {"name": ["a", "ü"], "value": [1.5, 2.0]}
    made = getattr(chain, task)()

    made.save(module.DataFrame(columns))

    loaded = made.load(frames=reader)
    assert frames.library_of(loaded) == reader
    assert {name: list(loaded[name]) for name in loaded.columns} == columns


@pytest.mark.parametrize("task", ["CsvTask", "FeatherTask", "ParquetTask"])
def test_an_index_that_says_something_is_kept_and_row_numbers_are_not(
    chain: ModuleType, task: str
) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"city": ["A", "B", "A"], "sold": [1, 2, 3]})
    made = getattr(chain, task)()

    made.save(frame[frame.sold > 1])
    assert list(made.load().columns) == ["city", "sold"]
    made.save(frame.groupby("city").sum())
    assert made.load().reset_index()[["city", "sold"]].to_dict("list") == {
        "city": ["A", "B"],
        "sold": [4, 2],
    }


def test_without_a_library_the_error_says_what_to_install(
    chain: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = chain.CsvTask()
    task.save("a,b\n1,2\n")
    monkeypatch.setattr(frames, "find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)

    with pytest.raises(ImportError, match="pandas or polars: pip install pandas pyarrow"):
        task.load()
    with pytest.raises(ValueError, match=r"load\(frames='dask'\)"):
        task.load(frames="dask")


def test_a_bucket_takes_and_gives_the_same(
    chain: ModuleType, moto_s3: S3Server, s3_settings: Callable[..., Settings]
) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    storage = S3Storage(s3_settings(moto_s3))
    storage.prepare()
    key = parse_key("chains/etl/helped_chain/ParquetTask/" + "0" * 32)
    target = NectarTarget(storage, key, "out.parquet")
    frame = pandas.DataFrame({"n": range(50_000)})

    chain.ParquetTask().save(frame, to=target)

    assert chain.ParquetTask().load(target).equals(frame)
    assert [info.name for info in storage.list_files(key)] == ["out.parquet"]


# --- names ---------------------------------------------------------------------------------------


class Other:
    """A mixin of an author's, with the names of our helpers."""

    log = luigi.Parameter(default="the mixin's", significant=False)

    def save(self) -> str:
        return "saved by the mixin"


class MixedTask(NectarTask, Other):
    """The mixin comes after ours, and wins all the same."""


class NamedTask(NectarTask):
    """Parameters with the helpers' names."""

    log = luigi.Parameter(default="mine")
    progress = luigi.IntParameter(default=5)
    save = luigi.BoolParameter(default=True)


class AssigningTask(NectarTask):
    """Sets attributes of these names, as tasks did before the helpers were there."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log = ["a list"]  # type: ignore[assignment]
        self.load = 3  # type: ignore[assignment,method-assign]


def test_a_parameter_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    task = NamedTask(progress=7)

    assert (task.log, task.progress, task.save) == ("mine", 7, True)
    assert [name for name, _ in NamedTask.get_params()] == ["log", "progress", "save"]
    assert list(task.track("ab")) == ["a", "b"]


def test_a_mixin_that_comes_later_keeps_its_names() -> None:
    task = MixedTask(log="given")

    assert task.save() == "saved by the mixin"
    assert task.log == "given"
    assert list(task.track("ab")) == ["a", "b"]


def test_an_attribute_may_be_set() -> None:
    task = AssigningTask()

    assert (task.log, task.load) == (["a list"], 3)


@pytest.mark.parametrize("name", ["save", "load", "log", "progress", "track"])
def test_luigi_has_no_such_name(name: str) -> None:
    assert not hasattr(luigi.Task, name)
