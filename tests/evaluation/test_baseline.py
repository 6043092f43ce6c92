"""Promised: a model is said to beat always answering the largest class only where a test says so."""

import numpy as np
import pytest

from featx.evaluation.baseline import compare_baseline, largest_class
from featx.evaluation.metrics import score_predictions
from featx.evaluation.paired import compare_paired
from featx.heads.nested_cv import evaluate_heads

CLASSES = ["few", "many"]


def judge(truth, predicted, *, groups=None, metric="accuracy"):
    trained = np.array([0, 1, 1])
    probabilities = 0.8 * np.eye(2)[predicted] + 0.1
    metrics = score_predictions(truth, probabilities, groups=groups)
    return compare_baseline(truth, predicted, trained, metrics=metrics, classes=CLASSES, groups=groups, metric=metric)


def errors(truth, number, *, seed=0):
    """The truth with so many mistakes."""
    wrong = np.random.default_rng(seed).permutation(len(truth))[:number]
    predicted = truth.copy()
    predicted[wrong] = 1 - predicted[wrong]
    return predicted


@pytest.mark.parametrize(
    ("wrong", "verdict", "beaten", "words"),
    [
        (
            5,
            "better",
            True,
            "the model is better (p < 0.001",
        ),
        (26, "not distinguishable", False, "the model is not distinguishable from that"),
        (30, "not distinguishable", False, "accuracy 70.0 %"),
        (60, "worse", False, "the model is worse"),
    ],
)
def test_a_model_is_judged_by_the_paired_test_with_the_largest_class(wrong, verdict, beaten, words):
    truth = (np.arange(100) % 10 >= 3).astype(int)
    predicted = errors(truth, wrong)
    found = judge(truth, predicted)
    assert (found.verdict, found.beaten, found.accuracy) == (verdict, beaten, pytest.approx(0.7))
    assert found.p_value == compare_paired(predicted == truth, truth == 1).p_value
    assert words in found.text


def test_answering_always_the_largest_class_does_not_beat_itself():
    truth = (np.arange(60) % 3 > 0).astype(int)
    found = judge(truth, np.ones(60, int))
    assert (found.verdict, found.p_value) == ("not distinguishable", 1)


@pytest.mark.parametrize(("groups", "images"), [(np.arange(60) % 5, 60), (None, 5)], ids=["groups", "images"])
def test_from_few_groups_or_images_no_verdict_is_given(groups, images):
    truth = (np.arange(images) % 2).astype(int)
    found = judge(truth, truth, groups=groups)
    assert (found.verdict, found.beaten) == ("undecided", None)
    assert "too few test images or groups to say" in found.text


def test_groups_are_what_counts():
    """Ten more right answers, all in one group of seven."""
    truth = (np.arange(140) % 2).astype(int)
    groups = np.arange(140) // 20
    predicted = np.where(groups == 0, truth, 1)
    assert judge(truth, predicted).verdict == "better"
    assert judge(truth, predicted, groups=groups).verdict == "not distinguishable"


@pytest.mark.parametrize(
    ("metric", "value"), [("balanced_accuracy", 0.5), ("macro_f1", 0.9 / 1.9)], ids=["balanced accuracy", "macro F1"]
)
def test_another_metric_is_judged_by_its_own_interval(metric, value):
    """A model that finds most of the rare class at the cost of accuracy."""
    rng = np.random.default_rng(0)
    truth = (np.arange(600) % 10 > 0).astype(int)
    predicted = np.where(rng.random(600) < 0.85, truth, 1 - truth)
    found = judge(truth, predicted, metric=metric)
    assert found.value == pytest.approx(value)
    assert found.accuracy == pytest.approx(0.9)
    assert (found.verdict, found.p_value) == ("better", None)
    assert judge(truth, predicted).verdict == "worse"
    assert judge(truth, np.ones(600, int), metric=metric).verdict == "not distinguishable"


@pytest.mark.parametrize(
    ("sizes", "answer", "text"),
    [
        ([14, 14], "a", "always answering one of the 2 largest classes, 'a', gives accuracy 50.0 %"),
        ([8] * 10, "a", "always answering one of the 10 largest classes, 'a', gives accuracy 10.0 %"),
        # Where a fold tests more of the second, the first is the larger in the others.
        ([10, 11], "b", "always answering the largest class, 'b', gives accuracy 52.4 %"),
        ([7, 12, 12], "b", "always answering one of the 2 largest classes, 'b', gives accuracy 38.7 %"),
    ],
    ids=["two", "ten", "nearly", "two of three"],
)
def test_after_cross_validation_the_largest_class_of_all_images_is_answered(sizes, answer, text):
    y = np.repeat(list("abcdefghij"[: len(sizes)]), sizes)
    X = {("layer", "avg"): np.random.default_rng(0).normal(size=(len(y), 4)).astype(np.float32)}
    found = evaluate_heads(X, y, grids={"logistic": {"C": [0.01]}}, cv=4)[0].baseline
    assert (found.answer, found.accuracy) == (answer, pytest.approx(max(sizes) / len(y)))
    assert found.text.startswith(text)


def test_with_a_test_set_it_is_the_largest_class_of_those_trained_on():
    truth = np.array([0, 0, 0, 1, 1])
    metrics = score_predictions(truth, np.eye(2)[truth])
    found = compare_baseline(truth, truth, np.array([1, 1, 0]), metrics=metrics, classes=CLASSES)
    assert (found.answer, found.accuracy) == ("many", 0.4)
    assert found.text.startswith("always answering the largest class, 'many', gives accuracy 40.0 %")


@pytest.mark.parametrize(("tested", "largest"), [([], 1), ([0, 0, 3], 1), ([2], 2), ([1, 2, 2], 2), ([1, 2], 1)])
def test_of_equally_large_classes_it_is_the_one_that_is_tested_most_and_then_the_first(tested, largest):
    assert largest_class(np.array([2, 2, 1, 1, 0]), 4, np.array(tested, dtype=int)) == largest


def test_a_model_at_chance_does_not_beat_one_of_equally_large_classes_by_a_test_set_without_the_first():
    rng = np.random.default_rng(0)
    y = np.repeat(np.array(["boat", "car", "plane"]), 30)
    X = {("layer", "avg"): rng.normal(size=(110, 8)).astype(np.float32)}
    labels = np.append(y, np.repeat("car", 20))
    split = np.arange(90), np.arange(90, 110)
    result, _ = evaluate_heads(X, labels, split=split, grids={"logistic": {"C": [0.01]}})
    assert result.baseline.answer == "car"
    assert result.baseline.value == 1.0
    assert not result.baseline.beaten
