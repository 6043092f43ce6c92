"""Promised: the report of a comparison shows uneven classes, and its sentences fit a terminal."""

from comparisons import Network, images_of
from featx import compare_strategies
from featx.display.tables import Table
from featx.display.text_tables import render_text
from featx.reports.comparison import comparison_parts


def test_the_rarest_class_is_shown_where_classes_are_uneven():
    result = compare_strategies(images_of([60, 20]), {"net": Network(0.2)}, repeats=1)
    assert "the rarest class has 15 training images" in render_text(comparison_parts(result))
    assert result.sizes[0].baseline == 0.75
    even = compare_strategies(images_of([40, 40]), {"net": Network(0.2)}, repeats=1)
    assert "the rarest class" not in render_text(comparison_parts(even))


def test_sentences_are_wrapped_to_a_terminal():
    result = compare_strategies(images_of([40, 40]), {"net": Network(0.1), "other": Network(0.2)}, repeats=3)
    assert max(map(len, render_text(comparison_parts(result)).splitlines())) > 120
    narrow = render_text(comparison_parts(result), width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    words = render_text(comparison_parts(result)).split()
    assert sorted(set(narrow.split()) - {"-" * n for n in range(100)}) == sorted(
        set(words) - {"-" * n for n in range(100)}
    )


def test_an_extrapolation_says_that_it_is_not_measured():
    result = compare_strategies(images_of([40, 40]), {"net": Network(0.3)}, train_sizes=[0.3, 0.6], repeats=2)
    titles = [part.title for part in comparison_parts(result) if isinstance(part, Table)]
    assert any(title.startswith("extrapolated by a power law through 2 sizes, not measured") for title in titles)
