"""A project's code as one archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from datanectar.engines.dask import code_archive
from datanectar.errors import ChainError


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    for name in ("chains/etl/one_chain.py", "helpers.py", ".env", "chains/__pycache__/a.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_it_is_named_after_what_is_in_it(code: Path) -> None:
    first, _ = code_archive.pack(code)
    (code / "helpers.py").touch()
    again, _ = code_archive.pack(code)
    (code / "helpers.py").write_text("HELPERS.PY")
    edited, _ = code_archive.pack(code)

    assert first == again != edited


def test_what_is_hidden_stays_and_the_rest_arrives(code: Path, tmp_path: Path) -> None:
    """Fault: a file with secrets, ``.env``, is sent to other machines."""
    _, archive = code_archive.pack(code)

    code_archive.unpack(archive, tmp_path / "there")
    code_archive.unpack(archive, tmp_path / "there")

    files = [path for path in (tmp_path / "there").rglob("*") if path.is_file()]
    names = {path.relative_to(tmp_path / "there").as_posix() for path in files}
    assert names == {"chains/etl/one_chain.py", "helpers.py"}


def test_data_beside_the_code_is_refused(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_archive, "_MOST", 10)

    with pytest.raises(ChainError, match="Keep data elsewhere"):
        code_archive.pack(code)
