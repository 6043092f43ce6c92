"""Promised: numbers are written with their nouns and units, and as precisely as their use needs."""

import pytest

from featx.display import quantities


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "image", "1 image"), (1200, "image", "1,200 images"), (2, "class", "2 classes"), (0, "stratum", "0 strata")],
)
def test_a_count_has_its_noun(number, noun, text):
    assert quantities.count_text(number, noun) == text


@pytest.mark.parametrize(
    ("seconds", "exact", "rough", "minutes"),
    [
        (0.04, "0.0 s", "0.0 s", "0.0 s"),
        (5.96, "6.0 s", "6.0 s", "6.0 s"),
        (9, "9.0 s", "9.0 s", "0.15 min"),
        (59.4, "59.4 s", "59 s", "0.99 min"),
        (72, "1 min 12 s", "1 min 12 s", "1.2 min"),
        (755, "12 min 35 s", "13 min", "12.6 min"),
        (72_000, "1200 min 0 s", "1200 min", "1,200.0 min"),
    ],
)
def test_a_duration_is_exact_rough_or_in_minutes(seconds, exact, rough, minutes):
    assert quantities.duration_text(seconds) == exact
    assert quantities.rough_duration_text(seconds) == rough
    assert quantities.minutes_text(seconds) == minutes


def test_shares_p_values_and_sizes_are_short():
    assert (quantities.percent_text(0.9466), quantities.percent_text(None)) == ("94.7 %", "-")
    assert (quantities.p_value_text(0.0004), quantities.p_value_text(0.0312)) == ("<0.001", "0.031")
    assert [quantities.size_text(n) for n in (999, 1500, 2e9, 3e12)] == ["999 B", "1.5 kB", "2.0 GB", "3.0 TB"]
