"""Promised: a candidate keeps its predictions of the test rows, class by class, and what was tuned for each split."""

import numpy as np

from featx.heads.candidate import Candidate
from featx.heads.heads import head_spec
from featx.heads.search import Tuner


def test_predictions_of_each_split_are_kept_in_the_columns_of_their_classes():
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    X = np.random.default_rng(0).normal(size=(60, 4)) + 5 * np.eye(4)[np.arange(60) % 3]
    head = head_spec("logistic", grid={"C": [0.1, 1.0]})
    candidate = Candidate(("last", "avg"), X, head, np.zeros((60, 3)))
    rows, tuner = np.arange(60), Tuner(y)
    # The first training part has no "b": its column stays empty.
    first = (rows[(rows >= 20) & (y != "b")], rows[:20])
    for train, test in (first, (rows[:40], rows[40:])):
        candidate.evaluate(tuner, train, test, np.unique(y))
    assert not candidate.probabilities[:20, 1].any()
    assert not candidate.probabilities[20:40].any()
    np.testing.assert_allclose(candidate.probabilities[np.r_[:20, 40:60]].sum(axis=1), 1)
    assert np.mean(np.unique(y)[candidate.probabilities[40:].argmax(axis=1)] == y[40:]) == 1
    assert [set(parameters) for parameters in candidate.parameters] == [{"C"}, {"C"}]
    assert len(candidate.inner_scores) == 2
    assert min(candidate.inner_scores) > 0.9
    assert candidate.seconds > 0
