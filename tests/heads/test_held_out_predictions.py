"""Promised: the test rows of each split are predicted, class by class, and what was tuned for each is kept."""

import numpy as np
import pytest

from featx import TunedHead
from featx.heads.held_out_predictions import predict_held_out


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2.0, "b": 3.0}], ids=str)
def test_predictions_of_each_split_are_kept_in_the_columns_of_their_classes(class_weight):
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    X = np.random.default_rng(0).normal(size=(60, 4)) + 5 * np.eye(4)[np.arange(60) % 3]
    head, rows, done = TunedHead(grid={"C": [0.1, 1.0]}, class_weight=class_weight), np.arange(60), []
    # The first training part has no "b": its column stays empty.
    first = (rows[(rows >= 20) & (y != "b")], rows[:20])
    found, last = predict_held_out(head, X, y, [first, (rows[:40], rows[40:])], after_each=lambda: done.append(1))
    assert not found.probabilities[:20, 1].any()
    assert not found.probabilities[20:40].any()
    np.testing.assert_allclose(found.probabilities[np.r_[:20, 40:60]].sum(axis=1), 1)
    assert np.mean(np.unique(y)[found.probabilities[40:].argmax(axis=1)] == y[40:]) == 1
    assert [set(parameters) for parameters in found.parameters] == [{"C"}, {"C"}]
    assert len(found.inner_scores) == len(done) == 2
    assert min(found.inner_scores) > 0.9
    assert found.seconds > 0
    assert np.array_equal(last.predict_proba(X[40:]), found.probabilities[40:])
    assert not hasattr(head, "classes_")
