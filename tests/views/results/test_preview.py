"""What is shown of a result, and that it is never read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from datanectar.keys import Key
from datanectar.service.result_file import ResultFile, under_key
from datanectar.storage.local import LocalStorage
from datanectar.views.results.page import download_name
from datanectar.views.results.preview import PREVIEW_BYTES, WHOLE_BYTES, Preview, preview
from datanectar.views.results.tables import Table

KEY = Key("t", "a_chain", "ATask", "0" * 32)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


def look(storage: LocalStorage, content: bytes, file: str = "out.txt") -> Preview:
    return preview(kept(storage, content, file))


def table(storage: LocalStorage, content: bytes, file: str = "out.csv") -> Table:
    found = look(storage, content, file)
    assert found.kind == "table"
    assert found.table is not None
    return found.table


def kept(storage: LocalStorage, content: bytes, file: str = "out.txt") -> ResultFile:
    storage.put_bytes(KEY, file, content)
    info = storage.info(KEY, file)
    assert info is not None
    return under_key(storage, KEY, info)


def test_text_is_shown_as_it_is(storage: LocalStorage) -> None:
    found = look(storage, "hello\nwörld\n".encode())
    assert (found.kind, found.text, found.cut) == ("text", "hello\nwörld\n", False)


def test_terminal_colours_are_shown(storage: LocalStorage) -> None:
    found = look(storage, b"\x1b[1;31mred\x1b[0m <b>\x1b[2K\x1b[38;5;2mgreen\x1b[m")
    assert found.html == (
        '<span class="bold fg1">red</span> &lt;b&gt;<span class="fg2">green</span>'
    )


def test_json_is_a_tree_whatever_the_file_is_called(storage: LocalStorage) -> None:
    found = look(storage, '{"a":["ü",null],"<b>":{}}'.encode())
    assert found.kind == "tree"
    assert found.html is not None
    assert "<details open><summary>" in found.html
    assert '<b>1</b> <span class="word">null</span>' in found.html
    assert "&lt;b&gt;" in found.html
    for text in (b"{not json", b"[" * 60_000, b"9" * 5000, b"[" + b"9" * 5000 + b"]"):
        assert look(storage, text).kind == "text", text[:20]


def test_each_json_line_is_a_branch(storage: LocalStorage) -> None:
    found = look(storage, b'{"a": 1}\n{"a": 2}\n', "out.jsonl")
    assert found.kind == "tree"
    assert str(found.html).count("<b>a</b>") == 2
    assert look(storage, b'{"a": 1}\nno\n', "out.jsonl").kind == "text"
    long = look(storage, b'{"number": 12345}\n' * 100_000, "out.jsonl")
    assert (long.kind, long.cut) == ("tree", True)


def test_a_large_tree_is_bounded(storage: LocalStorage) -> None:
    found = look(storage, json.dumps([{"n": n} for n in range(20_000)]).encode())
    assert found.kind == "tree"
    assert len(str(found.html)) < 150_000
    assert "more" in str(found.html)


def test_csv_becomes_a_table(storage: LocalStorage) -> None:
    found = table(storage, b'name,note\na,"x, y"\nb,\n')
    assert (found.header, found.rows) == (["name", "note"], [["a", "x, y"], ["b", ""]])
    assert (found.count, found.is_estimate, found.columns) == (2, False, 2)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^", "~", "\x01"])
def test_any_separator_is_found(storage: LocalStorage, separator: str) -> None:
    text = f'day{separator}note{separator}share\n2016-05-01{separator}"a{separator}\nb ""c"""{separator}1.5\n'
    found = table(storage, text.encode())
    assert found.header == ["day", "note", "share"]
    assert found.rows == [["2016-05-01", f'a{separator}\nb "c"', "1.5"]]
    assert found.count == 1
    assert found.numeric == {2}


def test_other_encodings_of_tables_are_read(storage: LocalStorage) -> None:
    for encoding in ("cp1252", "utf-16", "utf-8-sig"):
        assert table(storage, "ä;b\n1;2\n".encode(encoding)).header == ["ä", "b"]


def test_a_table_may_have_a_name_that_says_nothing(storage: LocalStorage) -> None:
    assert table(storage, b"a;b\n1;2\n3;4\n", "out.txt").count == 2
    for text in (b"hello, you\nhow are\nyou, friend\n", b"one\ntwo\nthree\n", b"a,b\n1,2\n"):
        assert look(storage, text).kind == "text"


def test_lines_of_other_widths_are_kept(storage: LocalStorage) -> None:
    found = table(storage, b"a,b\n1\n1,2,3\n")
    assert (found.rows, found.columns) == ([["1"], ["1", "2", "3"]], 3)
    assert table(storage, b"only\n1\n").columns == 1


def test_rows_of_a_large_table_are_estimated(storage: LocalStorage) -> None:
    found = table(storage, b"a,b\n" + b"1,22222222\n" * 200_000)
    assert found.is_estimate
    assert found.count is not None
    assert 190_000 < found.count < 210_000
    assert {tuple(row) for row in found.rows} == {("1", "22222222")}
    assert len(found.rows) < 100


def test_markdown_is_rendered_without_html_of_its_own(storage: LocalStorage) -> None:
    found = look(storage, b"# Title\n\n<script>x</script> **bold** ![p](http://x/p.png)\n", "a.md")
    assert found.kind == "markdown"
    assert "<strong>bold</strong>" in str(found.html)
    assert "<script" not in str(found.html)
    assert "<img" not in str(found.html)


def test_pictures_are_known_by_their_first_bytes(storage: LocalStorage) -> None:
    assert look(storage, b"\x89PNG\r\n\x1a\n\x00rest").media_type == "image/png"
    assert look(storage, b"\xff\xd8\xffrest").media_type == "image/jpeg"
    assert look(storage, b"\x89PNG\r\n\x1a\n" + b"0" * 10_000_001).kind == "binary"


def test_pages_drawings_and_pdf_are_for_a_frame(storage: LocalStorage) -> None:
    for text in (b"<svg onload='x'>", b"<!DOCTYPE html><p>", b"%PDF-1.7 x"):
        assert look(storage, text).kind == "frame"
    assert look(storage, b"<p>hi", "report.html").kind == "frame"
    assert look(storage, b"<p>hi").kind == "text"


def test_rows_of_binary_tables_are_for_a_page_of_their_own(storage: LocalStorage) -> None:
    assert look(storage, b"PAR1\x00", "out.parquet").kind == "rows"
    assert look(storage, b"PK\x03\x04\x00", "out.xlsx").kind == "rows"
    assert look(storage, b"PK\x03\x04\x00", "out.zip").kind == "binary"


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
        found = look(storage, b"x" * shift + "€".encode() * WHOLE_BYTES)
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


def test_a_downloaded_file_is_named_after_its_task_and_parameters() -> None:
    assert download_name(KEY, {"period": "2016-05", "empty": ""}, "out.csv") == "ATask-2016-05.csv"
    assert download_name(KEY, {"path": "../a b/ü"}, "out.txt") == "ATask-..-a-b-ü.txt"
    assert download_name(KEY, None, "pages.zip") == "ATask-00000000-pages.zip"
    assert len(download_name(KEY, {"x": "y" * 500}, "out.txt")) < 120
