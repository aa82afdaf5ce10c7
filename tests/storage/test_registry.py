from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from datanectar import settings as all_settings
from datanectar.errors import StorageError
from datanectar.settings import Settings
from datanectar.storage.local import LocalStorage
from datanectar.storage.registry import default_name, log_store, storage_named
from datanectar.storage.s3 import S3Storage
from tests.servers.s3 import S3Server

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
    assert (local.name, s3.name) == ("local", "s3")


def test_other_settings_make_another_store(s3_settings: Callable[..., Settings]) -> None:
    s3_settings(NOWHERE)
    first = storage_named("s3")
    s3_settings(NOWHERE)
    assert storage_named("s3") is not first


def test_logs_go_to_the_bucket_of_their_run_whatever_the_settings_name_today() -> None:
    assert log_store("s3://yesterday.b") == "s3://yesterday.b"
    assert log_store("s3") == log_store("local") == "s3"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(StorageError, match="'local' or 's3'"):
        storage_named("tape")


def test_local_mode_imports_nothing_of_s3() -> None:
    program = (
        "import sys\n"
        "from datanectar.storage.registry import storage_named\n"
        "storage_named('local')\n"
        "sys.exit(any(name in sys.modules for name in ('botocore', 'datanectar.storage.s3')))\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
