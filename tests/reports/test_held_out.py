"""Promised: figures on held-out images stand with what they mean, and a warning where they mean little."""

import dataclasses
from types import SimpleNamespace

import pytest

from featx.display.tables import Table
from featx.evaluation.estimates import Estimate
from featx.reports.held_out import evaluation_parts, finetuning_parts, judgement_parts
from shown_results import evaluation, report


def test_a_layer_that_all_share_is_no_column():
    several = next(part for part in evaluation_parts(evaluation(["a", "b"], 3)) if isinstance(part, Table))
    assert list(several.header[:3]) == ["head", "layer", "accuracy"]
    assert "pooling" not in several.header


def sentences(parts):
    return "\n".join(part for part in parts if isinstance(part, str))


def test_one_candidate_has_its_metrics_and_several_have_a_row_each():
    one, several = (evaluation_parts(evaluation(["a", "b"], n)) for n in (1, 3))
    (metrics, *_) = [part for part in one if isinstance(part, Table)]
    assert [row[0] for row in metrics.rows] == [
        "accuracy", "balanced accuracy", "macro F1", "log loss", "calibration error", "error if calibrated"
    ]  # fmt: skip
    assert metrics.rows[0][1] == "94.9 % (93.8-95.8)"
    assert metrics.rows[3][1] == "0.243 (0.173-0.357)"
    (candidates, *_) = [part for part in several if isinstance(part, Table)]
    assert [row[0] for row in candidates.rows] == ["logistic, picked", "linear_svm", "knn"]
    assert [row[candidates.header.index("p")] for row in candidates.rows] == ["0.200", "reference", "reference"]
    assert "picked" not in sentences(one)


def test_a_picked_candidate_is_no_better_than_the_reference_where_chance_may_explain_it():
    found = evaluation(["a", "b"], 3)
    assert "kept: logistic on head, avg, C=0.1; fitted on 99 images" in sentences(evaluation_parts(found))
    for simpler, value, words in (
        (found.candidates[1], 0.01, "is not distinguishable from the reference"),
        (None, 0.01, "is better than the reference"),
        (None, -0.01, "is less accurate than the reference"),
    ):
        picked = dataclasses.replace(found.candidates[0], difference=Estimate(value, -0.1, 0.1))
        result = dataclasses.replace(found, simpler=simpler, candidates=[picked, *found.candidates[1:]])
        text = sentences(evaluation_parts(result))
        assert f"the picked logistic on stage3, avgmax (1,280 features) {words}, linear_svm on head, avgmax" in text
        assert (", which is simpler" in text) == (simpler is not None)
    assert "adjusted for 2 comparisons (Holm)" in text


def test_figures_of_the_picked_row_are_called_optimistic_unless_a_test_set_was_held_out():
    found = evaluation(["a", "b"], 3)
    assert "is the best of 3, so its figures are optimistic" in sentences(evaluation_parts(found))
    apart = dataclasses.replace(found, n_images=120, scoring="f1_macro")
    text = sentences(evaluation_parts(apart))
    assert "picked on the training images alone, so its figures are honest" in text
    assert text.index("macro F1 94.9 %") > text.index("honest")


@pytest.mark.parametrize(
    ("verdict", "warned"), [("better", False), ("undecided", False), ("not distinguishable", True), ("worse", True)]
)
def test_a_model_that_is_no_better_than_the_largest_class_is_warned_of(verdict, warned):
    found = evaluation(["a", "b"], 1)
    result = dataclasses.replace(found, baseline=dataclasses.replace(found.baseline, verdict=verdict))
    for parts in (evaluation_parts(result), judgement_parts(result)):
        assert ("warning: always answering the largest class" in sentences(parts)) == warned


@pytest.mark.parametrize(
    ("trained", "best", "words"),
    [
        ((None, ["stage6", "head"]), 2, "trained stages: stage6, head; kept: epoch 2 of 3; extraction 1 min 15 s"),
        ((None, []), 0, "trained stages: none; kept: the classifier as it was fitted first; extraction"),
        ((3, ["a.conv", "b", "c"]), 3, "trained layers: the last 3, a.conv to c; kept: epoch 3 of 3; extraction"),
    ],
)
def test_what_was_trained_and_which_epoch_was_kept_is_said(trained, best, words):
    result = SimpleNamespace(
        **vars(report(["a", "b"])), trained_stages=trained[1], model=SimpleNamespace(trainable_layers=trained[0]),
        protocol="held out", best_epoch=best, history={"epoch": [1, 2, 3]}, seconds={"extraction": 75.0},
    )  # fmt: skip
    assert words in sentences(finetuning_parts(result))
