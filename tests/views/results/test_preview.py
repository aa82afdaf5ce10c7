"""What is shown of a result, and that it is never read whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from datanectar.keys import Key
from datanectar.service.result_file import ResultFile, under_key
from datanectar.storage.local import LocalStorage
from datanectar.views.results.preview import PREVIEW_BYTES, Preview, preview

KEY = Key("t", "a_chain", "ATask", "0" * 32)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


def look(storage: LocalStorage, content: bytes, file: str = "out.txt") -> Preview:
    return preview(kept(storage, content, file))


def kept(storage: LocalStorage, content: bytes, file: str = "out.txt") -> ResultFile:
    storage.put_bytes(KEY, file, content)
    info = storage.info(KEY, file)
    assert info is not None
    return under_key(storage, KEY, info)


def test_text_is_shown_as_it_is(storage: LocalStorage) -> None:
    found = look(storage, "hello\nwörld\n".encode())
    assert (found.kind, found.text, found.cut) == ("text", "hello\nwörld\n", False)


def test_json_is_laid_out_whatever_the_file_is_called(storage: LocalStorage) -> None:
    found = look(storage, '{"a":["ü",null]}'.encode())
    assert (found.kind, found.text) == ("json", '{\n  "a": [\n    "ü",\n    null\n  ]\n}')
    assert look(storage, b"{not json").kind == "text"
    assert look(storage, b'{"a": 1}\n{"a": 2}\n', "out.jsonl").kind == "text"
    assert look(storage, b"[" * 60_000).kind == "text"


def test_csv_becomes_a_table(storage: LocalStorage) -> None:
    found = look(storage, b'name,note\na,"x, y"\nb,\n', "out.csv")
    assert (found.kind, found.header) == ("table", ["name", "note"])
    assert found.rows == [["a", "x, y"], ["b", ""]]
    assert look(storage, b"a\tb\n1\t2\n", "out.tsv").rows == [["1", "2"]]


def test_a_long_table_ends_with_a_whole_line(storage: LocalStorage) -> None:
    found = look(storage, b"a,b\n" + b"1,22222222\n" * 20_000, "out.csv")
    assert found.cut
    assert {tuple(row) for row in found.rows} == {("1", "22222222")}
    assert len(found.rows) < 100


def test_pictures_are_known_by_their_first_bytes(storage: LocalStorage) -> None:
    assert look(storage, b"\x89PNG\r\n\x1a\n\x00rest").media_type == "image/png"
    assert look(storage, b"\xff\xd8\xffrest").media_type == "image/jpeg"
    assert look(storage, b"<svg onload='x'>").kind == "text"
    assert look(storage, b"\x89PNG\r\n\x1a\n" + b"0" * 10_000_001).kind == "binary"


def test_what_is_no_text_is_not_shown(storage: LocalStorage) -> None:
    assert look(storage, b"PAR1\x00\x01").kind == "binary"
    assert look(storage, b"\xff\xfe\xfa").kind == "binary"


def test_empty_and_missing_files_are_told_apart(storage: LocalStorage) -> None:
    assert look(storage, b"").kind == "empty"
    gone = kept(storage, b"gone", "other.txt")
    storage.delete(KEY, "other.txt")
    assert preview(gone).kind == "missing"


def test_a_character_at_the_cut_does_not_spoil_the_text(storage: LocalStorage) -> None:
    for shift in range(3):
        found = look(storage, b"x" * shift + "€".encode() * PREVIEW_BYTES)
        assert (found.kind, found.cut) == ("text", True)
        assert set(found.text) <= {"x", "€"}


def test_only_the_beginning_is_read(storage: LocalStorage) -> None:
    class Counting(ResultFile):
        pieces: ClassVar[int] = 0

        def read(self) -> Iterator[bytes]:
            for piece in super().read():
                Counting.pieces += len(piece)
                yield piece

    file = Counting(**vars(kept(storage, b"line\n" * 2_000_000)))
    found = preview(file)
    assert (found.kind, found.size, len(found.text)) == ("text", 10_000_000, PREVIEW_BYTES)
    assert 0 < Counting.pieces <= 1024 * 1024
