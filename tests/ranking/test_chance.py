"""Promised: it is said when no candidate is shown to beat the largest class, the luckiest of many included."""

import numpy as np

from featx.ranking.chance import chance_warnings

TRUTH = np.repeat([0, 1], [60, 40])


def guesses(share, m, *, seed):
    """Return of each candidate on which images it is right, at random."""
    return np.random.default_rng(seed).random((m, len(TRUTH))) < share


def test_guesses_are_warned_of_and_what_is_better_is_not():
    (text,) = chance_warnings(guesses(0.5, 3, seed=0), TRUTH)
    assert text.startswith("the accuracy of none is distinguishably above that of always answering the largest class")
    assert "class, 60.0 %; " in text
    assert chance_warnings(guesses(0.95, 3, seed=0), TRUTH) == []


def test_the_luckiest_of_many_guesses_does_not_pass_for_better(monkeypatch):
    monkeypatch.setattr("featx.ranking.undistinguished.FLIPS", 999)
    silent = [not chance_warnings(guesses(0.6, 12, seed=seed), TRUTH) for seed in range(100)]
    assert np.mean(silent) <= 0.1


def test_answers_that_are_always_the_largest_class_are_warned_of():
    assert chance_warnings((TRUTH == 0)[None], TRUTH)


def test_groups_count_once():
    right = np.ones((1, 100))
    assert chance_warnings(right, TRUTH) == []
    assert chance_warnings(right, TRUTH, units=np.arange(100) // 50)
