"""Promised: class weights are scikit-learn's, for every class, and what cannot be a weight is refused."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from featx import ParameterError
from featx.heads.class_weights import class_weights

CLASSES = np.array(["ant", "bee", "cat"])
TARGETS = np.repeat([0, 1, 2], [6, 3, 1])


@pytest.mark.parametrize("weight", ["balanced", {"ant": 0.5, "bee": 2, "cat": 0}, {"cat": 7}], ids=str)
def test_weights_are_those_of_scikit_learn(weight):
    expected = compute_class_weight(weight, classes=CLASSES, y=CLASSES[TARGETS])
    assert class_weights(weight, CLASSES, TARGETS) == pytest.approx(tuple(expected))
    assert class_weights(None, CLASSES, TARGETS) is None


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ({"dog": 1.0}, "got class_weight for 'dog', which is not a class"),
        ({"ant": -1}, "got -1 in class_weight"),
        ({"ant": float("inf")}, "got inf in class_weight"),
        ({"ant": True}, "got True in class_weight"),
        ({"ant": "2"}, "got '2' in class_weight"),
        ({"ant": 0, "bee": 0, "cat": 0}, "expected a class whose weight is above 0"),
        ("uniform", "got class_weight='uniform'; expected 'balanced'"),
        (3.0, "got class_weight=3.0"),
    ],
    ids=str,
)
def test_what_cannot_be_a_weight_is_refused(weight, words):
    with pytest.raises(ParameterError, match=words):
        class_weights(weight, CLASSES, TARGETS)
