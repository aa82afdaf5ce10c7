"""luigid's token: who can read it, and who gets it."""

from __future__ import annotations

from pathlib import Path

from datanectar.luigid.access_token import make_token, read_token, token_for


def test_a_token_that_others_can_read_is_made_anew(tmp_path: Path) -> None:
    make_token(tmp_path)
    first = read_token(tmp_path)
    (tmp_path / "luigid.token").chmod(0o644)
    assert read_token(tmp_path) is None
    make_token(tmp_path)
    assert read_token(tmp_path) not in (None, first)
    (tmp_path / "luigid.token").unlink()
    (tmp_path / "luigid.token").symlink_to(tmp_path / "elsewhere")
    make_token(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_token_is_shown_to_this_machine_alone(tmp_path: Path) -> None:
    make_token(tmp_path)

    for url in ("http://127.0.0.1:8082", "http://localhost", "http://[::1]:1"):
        assert token_for(url, tmp_path) == read_token(tmp_path)
    for url in ("http://scheduler:8082", "http://10.0.0.1:8082", "http://127.0.0.1.example"):
        assert token_for(url, tmp_path) is None
