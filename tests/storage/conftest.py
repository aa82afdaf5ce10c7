"""A store of each kind: the disk, moto, rclone, and a third one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datanectar.settings import Settings
from datanectar.storage.base import Storage
from datanectar.storage.local import LocalStorage
from datanectar.storage.s3 import S3Storage
from tests.storage.folder_store import FolderStorage


@pytest.fixture(params=["local", "moto", "rclone", "folder"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, s3_settings: Callable[..., Settings]
) -> Storage:
    made: Storage
    if request.param == "local":
        made = LocalStorage(tmp_path / "local_targets")
    elif request.param == "folder":
        made = FolderStorage(tmp_path / "shelf")
    else:
        made = S3Storage(s3_settings(request.getfixturevalue(f"{request.param}_s3")))
    made.prepare()
    return made
