"""Promised: a notebook shows tables whose names are text, whatever they hold, and long ones cut with a word."""

from html_pages import Page

from featx.display.html_tables import MOST_ROWS, render_html
from featx.display.tables import Table


def test_long_tables_are_cut_and_say_so():
    table = Table(["n"], [[str(i)] for i in range(MOST_ROWS + 2)], right=[0], title="numbers", more="7 more pairs")
    page = Page(render_html(["all < some", table], rest="to_dict() has all"))
    assert page.cells[1] == "all < some"
    assert "numbers" in page.cells
    assert "not shown: 2 more rows; 7 more pairs: to_dict() has all" in page.cells
    assert page.tags.count("td") == MOST_ROWS
