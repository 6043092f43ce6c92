"""Promised: networks, contents of a cache and predictions are listed with all that one asks of them."""

from types import SimpleNamespace

import pytest
from shown_results import render_text

from featx.reports.listings import prediction_parts


@pytest.mark.parametrize(
    ("probability", "below"), [(0.5, "label probability, label_2 probability_2"), (None, "label, label_2")]
)
def test_predictions_below_their_images_have_a_heading(probability, below):
    top = [("a very long name of a class", probability), ("another long name of a class", probability)]
    lines = render_text(prediction_parts([SimpleNamespace(name="photo.png", top=top)]), width=50).splitlines()
    assert lines[0] == "path"
    assert " ".join(lines[1 : lines.index("-" * 9)]).split() == below.split()
