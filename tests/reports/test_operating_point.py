"""Promised: the table of an operating point says what was asked, where it is applied and what it reaches."""

import numpy as np

from featx.display.text_tables import render_text
from featx.evaluation.operating_point import parse_operating_point
from featx.evaluation.reached_point import judge_point
from featx.evaluation.thresholds import ChosenThreshold, Decision
from featx.reports.operating_point import decision_text, operating_point_parts


def point(text="sensitivity=0.9", flagged=range(90), figures=None, units=None):
    own = np.arange(200) < 100
    chosen = ChosenThreshold(0.125, figures or {}, ["few images"])
    return judge_point(own, np.isin(np.arange(200), list(flagged)), parse_operating_point(text), chosen,
                       positive="crack", thresholds=[0.1, 0.2], units=units)  # fmt: skip


def test_it_says_all_that_is_needed_to_judge_it():
    figures = {"sensitivity": 0.91, "specificity": 0.8, "precision": float("nan")}
    text = render_text(operating_point_parts(point(figures=figures)))
    assert "operating point sensitivity=0.9: 'crack' where its probability is at least 0.125" in text
    for words in ("90.0 % (82.4-95.1)", "where it was chosen", "91.0 %", "lies within the interval", "few images",
                  "from 0.1 to 0.2"):  # fmt: skip
        assert words in text
    assert operating_point_parts(None) == []


def test_costs_are_no_shares_and_predicted_images_have_no_place_where_it_was_chosen():
    text = render_text(operating_point_parts(point("cost=5:1"), "labelled images"))
    assert "cost of an image      0.250 (0." in text
    assert "where it was chosen" not in text
    assert "labelled images" in text
    assert "nan" not in render_text(operating_point_parts(point(flagged=[])))


def test_missing_intervals_have_their_reasons():
    text = render_text(operating_point_parts(point(units=np.arange(200) // 50)))
    assert "without interval: sensitivity (recall): the images of the class are in fewer than 5 groups" in text


def test_predictions_say_by_what_they_are_decided():
    assert decision_text(None) == ""
    assert decision_text(Decision("crack", 0.25, "cost=5:1")) == (
        "predicted: 'crack' where its probability is at least 0.25 (cost=5:1), else the most probable other class"
    )
