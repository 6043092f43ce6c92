"""Promised: options take finite numbers of their range, and refuse all others while they are read."""

import click
import pytest

from featx.cli.number_ranges import FRACTION, OPEN_FRACTION, POSITIVE_RATE, RATE, NumberRange


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [("0", FRACTION), ("0.99", OPEN_FRACTION), ("1e-300", POSITIVE_RATE), ("1e300", RATE), ("-1", NumberRange())],
)
def test_numbers_of_the_range_are_taken(kind, accepted):
    assert kind.convert(accepted, None, None) == float(accepted)


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        ("1", FRACTION),
        ("0", OPEN_FRACTION),
        ("0", POSITIVE_RATE),
        ("-1", RATE),
        ("x", RATE),
        *((text, kind) for text in ("nan", "inf", "-inf") for kind in (FRACTION, RATE, NumberRange())),
    ],
)
def test_others_are_refused(kind, refused):
    with pytest.raises(click.BadParameter):
        kind.convert(refused, None, None)
