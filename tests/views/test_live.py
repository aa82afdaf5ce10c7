"""What is sent to a page that is kept up to date: only what has changed."""

from __future__ import annotations

from datanectar.views.live import Parts


def page(head: str, *rows: tuple[str, str], title: str = "Tasks") -> Parts:
    inside = "".join(f"<!--part {id}--><li id={id}>{text}</li><!--/part-->" for id, text in rows)
    return Parts.of(
        f"<!--part head--><h1 id=head>{head}</h1><!--/part-->\n<p>never sent</p>"
        f"<!--part list--><div id=list>{title}<ul id=rows><!--parts rows-->{inside}<!--/parts--></ul></div><!--/part-->"
    )


def test_nothing_is_sent_when_nothing_has_changed() -> None:
    assert page("a", ("r1", "1")).news(page("a", ("r1", "1"))) == {}


def test_a_part_that_has_changed_is_sent_alone() -> None:
    news = page("b", ("r1", "1")).news(page("a", ("r1", "1")))
    assert news == {"parts": {"head": "<h1 id=head>b</h1>"}, "lists": {}}


def test_of_a_list_only_the_rows_that_have_changed_are_sent() -> None:
    news = page("a", ("r1", "1"), ("r2", "2")).news(page("a", ("r1", "1"), ("r2", "old")))
    assert news == {"parts": {"r2": "<li id=r2>2</li>"}, "lists": {}}


def test_a_row_that_comes_goes_or_moves_is_told_by_the_order_of_ids() -> None:
    before = page("a", ("r1", "1"), ("r2", "2"))
    news = page("a", ("r3", "3"), ("r1", "1")).news(before)
    assert news == {"parts": {"r3": "<li id=r3>3</li>"}, "lists": {"rows": ["r3", "r1"]}}


def test_what_is_around_a_list_is_sent_with_all_of_it() -> None:
    news = page("a", ("r1", "1"), title="All tasks").news(page("a", ("r1", "1")))
    assert news == {
        "parts": {"list": "<div id=list>All tasks<ul id=rows><li id=r1>1</li></ul></div>"},
        "lists": {},
    }


def test_a_page_that_shows_nothing_yet_gets_everything_once() -> None:
    news = page("a", ("r1", "1")).news(Parts())
    assert sorted(news["parts"]) == ["head", "list"]
    assert news["lists"] == {}
