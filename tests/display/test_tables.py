"""Promised: a table says the same whatever renders it, and by default all of it is shown."""

import dataclasses

import pytest

from featx.display.html_tables import render_html
from featx.display.tables import CLASS_NAMES, FILE_NAMES, Table
from featx.display.text_tables import render_text
from html_pages import Page

RENDERERS = {
    "text": lambda *parts, **options: render_text(parts, **options).splitlines(),
    "narrow text": lambda *parts, **options: render_text(parts, width=60, **options).splitlines(),
    "html": lambda *parts, **options: Page(render_html(parts, **options)).cells,
}
PLAIN = Table(["class", "images"], [["cat", "12"], ["dog", "7"]], right=[1], names={0: CLASS_NAMES})


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_title_cells_and_what_is_left_out_are_shown_by_all(render):
    titled = dataclasses.replace(PLAIN, title="images of each class", more="3 more classes")
    shown = render("before", titled, "after", rest="`--json` has all")
    assert {"before", "images of each class", "after", "not shown: 3 more classes: `--json` has all"} <= set(shown)
    words = " ".join(shown).split()
    places = [words.index(word) for word in ("before", "class", "cat", "12", "dog", "7", "after")]
    assert places[0] < min(places[1:]) <= max(places[1:-1]) < places[-1]
    assert words.index("12") < words.index("dog")


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_a_plain_table_leaves_nothing_out(render):
    assert not any("not shown" in line for line in render(PLAIN, rest="`--json` has all"))


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
def test_a_table_of_no_rows_has_its_header(render):
    assert [w for w in " ".join(render(Table(["class", "images"], []))).split() if w[0] != "-"] == ["class", "images"]


def test_names_are_shortened_by_their_kind():
    name = "photographs_of_the_year/portraits/of_people/0001.png"
    shown = {kind: render_text([Table(["x"], [[name], ["b"]], names={0: kind})], width=40).splitlines()[2]
             for kind in (CLASS_NAMES, FILE_NAMES)}  # fmt: skip
    assert shown[FILE_NAMES].startswith("…")
    assert name.endswith(shown[FILE_NAMES][1:])
    start, end = shown[CLASS_NAMES].split("…")
    assert start
    assert name.startswith(start)
    assert name.endswith(end)
