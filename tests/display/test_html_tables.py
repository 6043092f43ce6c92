"""Promised: a notebook shows tables whose names are text, whatever they hold, and long ones cut with a word."""

from featx.display.html_tables import MOST_ROWS, render_html
from featx.display.tables import Table
from html_pages import Page


def test_long_tables_are_cut_and_say_so():
    table = Table(["n"], [[str(i)] for i in range(MOST_ROWS + 2)], right=[0], title="numbers", more="7 more pairs")
    page = Page(render_html(["all < some", table], rest="to_dict() has all"))
    assert page.cells[1] == "all < some"
    assert "numbers" in page.cells
    assert "not shown: 2 more rows; 7 more pairs: to_dict() has all" in page.cells
    assert page.tags.count("td") == MOST_ROWS


def test_names_are_text_whatever_they_hold():
    hostile = ["<img src=x onerror=alert(1)>", "a & b", "\x1b[2J", '" style="', "</td>"]
    text = render_html([hostile[0], Table(hostile, [hostile], title=hostile[0], more=hostile[1])], rest=hostile[4])
    page = Page(text)
    assert set(page.tags) == {"div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    shown = [name.replace("\x1b", "\\x1b") for name in hostile]
    assert page.cells[page.tags.index("th") :][:5] == shown
    assert page.cells[page.tags.index("td") :][:5] == shown
    assert page.cells[-1] == f"not shown: {hostile[1]}: {hostile[4]}"


def test_numbers_are_aligned_on_the_right():
    text = render_html([Table(["class", "images"], [["cat", "12"]], right=[1])])
    sides = [text.rpartition(f">{cell}<")[0].rpartition("text-align: ")[2].split(";")[0].strip('"')
             for cell in ("class", "images", "cat", "12")]  # fmt: skip
    assert sides == ["left", "right", "left", "right"]
