"""Promised: rates of each class are those of the binary problem "this class or another", and the sentence is true."""

import numpy as np
import pytest
from sklearn.metrics import multilabel_confusion_matrix

from featx.evaluation.class_rates import class_rates, confused_classes, learnt_sentence

RNG = np.random.default_rng(0)


def test_rates_are_those_of_one_class_against_the_others():
    truth, predicted = RNG.integers(0, 4, (2, 200))
    matrix = np.zeros((4, 4), int)
    np.add.at(matrix, (truth, predicted), 1)
    rates = class_rates(matrix.tolist())
    for k, ((tn, fp), (fn, tp)) in enumerate(multilabel_confusion_matrix(truth, predicted)):
        assert rates.true_positive[k] == tp / (tp + fn)
        assert rates.false_negative[k] == fn / (tp + fn)
        assert rates.false_positive[k] == fp / (fp + tn)


def test_without_images_there_is_no_rate():
    rates = class_rates([[0, 0], [1, 3]])
    assert np.isnan(rates.true_positive[0])
    assert np.isnan(rates.false_negative[0])
    assert rates.false_positive[0] == 0.25
    assert np.isnan(rates.false_positive[1])  # there is no image of another class
    assert (rates.true_positive[1], rates.false_negative[1]) == (0.75, 0.25)


def test_the_most_confused_classes_come_first():
    assert confused_classes([[5, 2, 0], [2, 8, 1], [0, 0, 3]]) == [(0, 1), (1, 0), (1, 2)]
    assert confused_classes(np.eye(3)) == []


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        (
            [[1000, 0, 234], [0, 10, 0], [3, 0, 3]],
            "recognised best: 'bee', 10 of 10 right (100.0 %); worst: 'cat', 3 of 6 right (50.0 %); "
            "most often confused: 'ant' taken for 'cat', 234 of 1,234",
        ),
        ([[3, 0, 0], [0, 2, 0], [0, 0, 1]], "no image was taken for one of another class"),
        # Of equal rates the class with more images is named.
        (
            [[2, 2, 0], [4, 4, 0], [0, 0, 1]],
            "recognised best: 'cat', 1 of 1 right (100.0 %); worst: 'bee', 4 of 8 right (50.0 %), "
            "like 1 other class; most often confused: 'bee' taken for 'ant', 4 of 8",
        ),
        (
            [[1, 1, 0], [1, 1, 0], [0, 0, 0]],
            "all classes are recognised equally well, 50.0 %; most often confused: 'ant' taken for 'bee', 1 of 2",
        ),
        (
            [[0, 0, 0], [1, 3, 0], [0, 0, 0]],
            "'bee', 3 of 4 right (75.0 %); most often confused: 'bee' taken for 'ant', 1 of 4",
        ),
        (np.zeros((3, 3), int), "no image was tested"),
    ],
    ids=["usual", "perfect", "ties", "equal", "one class tested", "nothing"],
)
def test_the_sentence(matrix, sentence):
    assert learnt_sentence(matrix, ["ant", "bee", "cat"]) == sentence
    kept = learnt_sentence(matrix, ["ant", "bee", "cat"], confused=False)
    assert kept == sentence.partition("; most often")[0]
