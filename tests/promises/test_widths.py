"""Promised: what the commands print fits the terminal, nothing is lost without a word, and pipes get all of it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.display.tables import CLASS_NAMES, Table
from featx.display.text_tables import render_text_table
from shown_results import render_text, results, too_long

WIDTHS = (40, 60, 79, 120)
NAMES = st.lists(
    st.text(st.sampled_from("ab_- 猫e\u0301🐕1"), min_size=1, max_size=60).filter(lambda name: name == name.strip()),
    min_size=2,
    unique=True,
)


def _words(text):
    return set(re.findall(r"[^\s,;:]+", text))


def shown(parts, width):
    """Render a result, and check of each table that it lost nothing without a word."""
    text = render_text(parts, width=width)
    assert too_long(text, width) == []
    for part in parts:
        if isinstance(part, Table) and not part.named_header:
            table = render_text_table(part, width=width)
            words = _words(table)
            if not part.stacked:
                named = [name for i, name in enumerate(part.header) if any(row[i] for row in part.rows)]
                assert {word for name in named for word in _words(name)} <= words
            kept = [i for i in range(len(part.header)) if i not in (*part.names, *part.drop)]
            assert {word for row in part.rows for i in kept for word in _words(row[i])} <= words
    return text


@pytest.fixture(scope="module")
def made():
    """Results of every kind, with few short names and with many long ones."""
    return [results(["cat", "dog"]), results([f"computer_icons_of_the_filesystem_number_{k}" for k in range(46)])]


@pytest.mark.parametrize("width", [*WIDTHS, *(pytest.param(n, marks=pytest.mark.long) for n in (47, 80, 100, 140))])
def test_every_result_fits_the_width(made, width):
    for found in made:
        for parts in found.values():
            shown(parts, width)


@settings(max_examples=20, deadline=None)
@given(NAMES, st.integers(40, 140))
def test_any_names_fit_any_width_and_stay_apart(names, width):
    for kind, parts in results(names).items():
        if kind not in ("cache", "backbones", "extract"):
            shown(parts, width)
    rows = [[name, "1", "2.5 % (1.0-3.0)"] for name in names]
    table = render_text_table(
        Table(["class", "images", "recall"], rows, right=[1], drop=[1], names={0: CLASS_NAMES}), width=width
    )
    assert len({line.rpartition("  ")[0] for line in table.splitlines()[2 : 2 + len(names)]}) == len(names)


def test_a_pipe_gets_every_column_and_name_whole():
    long = [f"computer_icons_of_the_filesystem_number_{k}" for k in range(12)]
    for parts in results(long).values():
        text = render_text(parts)
        assert "not shown" not in text
        assert "…" not in text
        for part in parts:
            cells = [part] if isinstance(part, str) else [*part.header, *(cell for row in part.rows for cell in row)]
            assert all(cell in text for cell in cells)
