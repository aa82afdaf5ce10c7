"""The files of attempts: their names, and which logs are still to be uploaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.attempt_files import (
    AttemptName,
    attempt_folder,
    attempt_log,
    attempts,
    begun_marker,
    clear,
    find_attempt_log,
    mark_uploaded,
    not_uploaded,
    parse_attempt_log,
    run_log,
)
from datanectar.keys import Key

KEY = Key("etl", "a_chain", "ATask", "0" * 32)
RUN_ID = "0" * 25 + "a"


@pytest.fixture
def attempt_dir(tmp_path: Path) -> Path:
    return attempt_folder(tmp_path, RUN_ID, 2)


def written(file: Path, text: str = "words") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("store", ["s3", "folder", "gs+x.y-z"])
def test_the_name_of_a_log_tells_its_key_and_its_store(attempt_dir: Path, store: str) -> None:
    log = attempt_log(attempt_dir, KEY, store)
    assert parse_attempt_log(attempt_dir, log) == (KEY, store)


def test_a_log_that_an_earlier_version_left_is_found_and_names_no_store(attempt_dir: Path) -> None:
    log = written(attempt_dir / "etl" / "a_chain" / "ATask" / f"{KEY.md5}.log")
    assert find_attempt_log(attempt_dir, KEY) == log
    assert not_uploaded(attempt_dir) == [log]
    assert parse_attempt_log(attempt_dir, log) == (KEY, "")


def test_the_log_of_a_task_is_found_whatever_its_store(attempt_dir: Path) -> None:
    assert find_attempt_log(attempt_dir, KEY) is None
    log = written(attempt_log(attempt_dir, KEY, "s3"))
    mark_uploaded(log, 5)
    assert find_attempt_log(attempt_dir, KEY) == log
    assert find_attempt_log(attempt_dir, Key("etl", "a_chain", "ATask", "1" * 32)) is None


def test_a_log_is_to_be_uploaded_until_all_of_it_was(attempt_dir: Path) -> None:
    assert not_uploaded(attempt_dir) == []
    log = written(attempt_log(attempt_dir, KEY, "s3"), "12345")
    assert not_uploaded(attempt_dir) == [log]
    mark_uploaded(log, 5)
    assert not_uploaded(attempt_dir) == []
    written(log, "123456")
    assert not_uploaded(attempt_dir) == [log]


def test_attempts_are_found_by_any_file_of_theirs_and_cleared(attempt_dir: Path) -> None:
    other = attempt_folder(attempt_dir.parents[1], RUN_ID, 22)
    written(run_log(other))
    written(begun_marker(attempt_dir, KEY))
    written(attempt_log(attempt_dir, KEY, "s3"))
    state = attempt_dir.parents[1]

    assert attempts(state) == [AttemptName(RUN_ID, 2, attempt_dir), AttemptName(RUN_ID, 22, other)]
    clear(attempt_dir)
    assert attempts(state) == [AttemptName(RUN_ID, 22, other)]
