"""Promised: one result holds all metrics of predictions on held-out images, from probabilities or classes alone."""

import numpy as np

from featx.display.json_values import as_json
from featx.evaluation.held_out_result import score_held_out
from featx.evaluation.metrics import METRICS, score_classes, score_predictions

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, 60)
PROBABILITIES = RNG.dirichlet([1, 1, 1], 60) / 2 + np.eye(3)[TRUTH] / 2
CLASSES = ["ant", "bee", "cat"]


def score(answers, **options):
    return score_held_out(TRUTH, answers, classes=CLASSES, trained=TRUTH, **options)


def test_the_metrics_of_probabilities_are_all_there():
    result = score(PROBABILITIES)
    assert result.metrics == score_predictions(TRUTH, PROBABILITIES)
    assert list(result.metrics) == list(METRICS)
    matrix = np.array(result.confusion_matrix)
    assert (result.n_test, matrix.sum(), result.classes) == (60, 60, CLASSES)
    assert np.trace(matrix) / 60 == result.metrics["accuracy"].value
    assert [row["support"] for row in result.per_class] == np.bincount(TRUTH).tolist()
    assert result.baseline.answer == CLASSES[np.bincount(TRUTH).argmax()]


def test_of_classes_alone_there_are_the_metrics_that_need_no_probabilities():
    predicted = PROBABILITIES.argmax(axis=1)
    result, full = score(predicted), score(PROBABILITIES)
    known = {name: found for name, found in result.metrics.items() if not np.isnan(found.value)}
    assert known == score_classes(TRUTH, predicted, n_classes=3)
    assert {found.text() for name, found in result.metrics.items() if name not in known} == {"none"}
    assert result.confusion_matrix == full.confusion_matrix
    assert result.baseline == full.baseline
    assert list(result.metrics) == list(METRICS)
    assert as_json(result)["metrics"]["log_loss"]["value"] is None
    (note,) = (note for note in result.notes if "log loss" in note)
    assert note.startswith("not given: log loss, calibration error: there are no probabilities")


def test_groups_of_one_image_each_change_nothing():
    assert score(PROBABILITIES, groups=RNG.permutation(60)) == score(PROBABILITIES)
    grouped = score(PROBABILITIES, groups=np.arange(60) // 4)
    assert "rest on 15 groups" in "; ".join(grouped.notes)
    assert grouped.metrics["accuracy"].low < score(PROBABILITIES).metrics["accuracy"].low


def test_notes_are_also_about_other_metrics_that_are_printed():
    few = score_predictions(TRUTH, PROBABILITIES, groups=np.arange(60) % 3)
    assert not any("too few groups" in note for note in score(PROBABILITIES).notes)
    assert any("too few groups" in note for note in score(PROBABILITIES, others=[few]).notes)
