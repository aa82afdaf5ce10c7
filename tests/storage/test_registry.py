from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar import settings as all_settings
from datanectar.errors import StorageError
from datanectar.settings import Settings
from datanectar.storage.local import LocalStorage
from datanectar.storage.registry import (
    STORES,
    default_name,
    is_in_reach,
    is_known,
    log_store,
    name_of,
    split_address,
    storage_named,
    store_address,
)
from datanectar.storage.s3 import S3Storage
from tests.servers.s3 import S3Server
from tests.storage.folder_store import register

NOWHERE = S3Server("http://127.0.0.1:9")


def test_the_environment_picks_the_store() -> None:
    assert default_name(all_settings.load({})) == "local"
    assert default_name(all_settings.load({"ENV": "qa"})) == "s3"


def test_a_name_gives_this_process_its_store_with_the_settings_in_force(
    s3_settings: Callable[..., Settings],
) -> None:
    settings = s3_settings(NOWHERE)
    local, s3 = storage_named("local"), storage_named("s3")
    assert isinstance(local, LocalStorage)
    assert local.root == settings.local_targets
    assert isinstance(s3, S3Storage)
    assert s3.bucket == settings.bucket
    assert storage_named("s3") is s3
    assert (local.store_address, s3.store_address) == ("local", f"s3://{settings.bucket}")
    assert storage_named(s3.store_address) is s3


def test_other_settings_make_another_store(s3_settings: Callable[..., Settings]) -> None:
    s3_settings(NOWHERE)
    first = storage_named("s3")
    s3_settings(NOWHERE)
    assert storage_named("s3") is not first


def test_logs_go_to_the_bucket_of_their_run_whatever_the_settings_name_today() -> None:
    assert log_store("s3", "s3://yesterday.b") == "s3://yesterday.b"
    assert log_store("s3", "s3") == log_store("s3", "local") == "s3"


def test_a_log_goes_to_the_store_of_its_task_and_without_one_to_that_of_the_run() -> None:
    assert log_store("folder", "s3://b") == log_store("folder", "local") == "folder"
    assert log_store("", "s3://yesterday.b") == "s3://yesterday.b"
    assert log_store("", "local") == "s3"


@pytest.mark.parametrize("name", ["tape", "tape://x", "local://x", "s3://", ""])
def test_an_unknown_name_is_an_error(name: str) -> None:
    assert not is_known(name)
    with pytest.raises(StorageError, match="'local' or 's3'"):
        storage_named(name)


def test_an_address_is_taken_apart() -> None:
    assert split_address("s3://b/a/out.txt") == ("s3://b", "a/out.txt")
    assert split_address("s3://b") == ("s3://b", "")
    assert split_address("/s3/out.txt") is None
    assert split_address("tape://b/out.txt") is None
    assert (name_of("s3://b"), name_of("s3"), name_of("local")) == ("s3", "s3", "local")


def test_a_run_reaches_its_own_store_and_those_that_the_settings_name(
    s3_settings: Callable[..., Settings],
) -> None:
    today = f"s3://{s3_settings(NOWHERE).bucket}"
    assert store_address("s3") == today
    for store in ("local", "s3", today, "s3://yesterday.b"):
        assert is_in_reach(store, "s3://yesterday.b")
    for store in ("local", "s3", today):
        assert is_in_reach(store, "local")
    assert not is_in_reach("s3://yesterday.b", "local")
    assert not is_in_reach("s3://other.b", "s3://yesterday.b")
    assert not is_in_reach("tape", "local")


def test_a_third_store_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATANECTAR_PROJECT", str(tmp_path))
    all_settings.current.cache_clear()
    monkeypatch.setitem(STORES, "folder", STORES["local"])  # taken away again at the end
    register("a")

    assert store_address("folder") == storage_named("folder").store_address == "folder://a"
    assert storage_named("folder://b").store_address == "folder://b"
    assert is_in_reach("folder", "local") and is_in_reach("folder://a", "s3")
    assert not is_in_reach("folder://b", "folder://a")
    assert split_address("folder://b/a/out.txt") == ("folder://b", "a/out.txt")
    all_settings.current.cache_clear()


def test_local_mode_imports_nothing_of_s3() -> None:
    program = (
        "import sys\n"
        "from datanectar.storage.registry import storage_named\n"
        "storage_named('local')\n"
        "sys.exit(any(name in sys.modules for name in ('botocore', 'datanectar.storage.s3')))\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
