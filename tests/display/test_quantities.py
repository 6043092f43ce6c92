"""Numbers as text: what each function gives over the whole range of its values."""

import pytest

from featx.display.quantities import (
    all_text,
    count_text,
    duration_text,
    p_value_text,
    percent_text,
    points_text,
    probability_text,
    size_text,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (140, "2 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds, text):
    assert duration_text(seconds) == text


def test_a_share_is_given_in_percent_and_a_difference_of_shares_in_points():
    assert [percent_text(share) for share in (0, 0.0625, 0.9996, 1, None)] == [
        "0.0 %", f"{6.25:.1f} %", "100.0 %", "100.0 %", "-"
    ]  # fmt: skip
    assert [points_text(gap) for gap in (0.01, 0.025, 0.0096, -0.01)] == [
        "1.0 point", "2.5 points", "1.0 point", "-1.0 points"
    ]  # fmt: skip
    assert [points_text(gap, "g") for gap in (0.01, 0.025, 0.1)] == ["1 point", "2.5 points", "10 points"]


def test_counts_sizes_and_p_values_have_their_nouns_and_units():
    assert [count_text(n, "class") for n in (0, 1, 1200)] == ["0 classes", "1 class", "1,200 classes"]
    assert count_text(2, "stratum") == "2 strata"
    assert [size_text(n) for n in (0, 999, 1000, 2.5e9, 3e13)] == ["0 B", "999 B", "1.0 kB", "2.5 GB", "30.0 TB"]
    assert [p_value_text(p) for p in (1e-9, 0.0012, 1)] == ["<0.001", "0.001", "1.000"]


def test_no_probability_is_shown_as_a_hundred_percent():
    assert [probability_text(p) for p in (0, 0.5, 0.9994, 0.99951, 1)] == [
        "0.0 %", "50.0 %", "99.9 %", "> 99.9 %", "> 99.9 %",
    ]  # fmt: skip


def test_all_of_two_things_are_both():
    assert [all_text(n, "class") for n in (1, 2, 3, 1200)] == [
        "all 1 class",
        "both classes",
        "all 3 classes",
        "all 1,200 classes",
    ]
