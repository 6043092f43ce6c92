"""Promised: a choice weighs what may be lost against the cost, pair by pair."""

import math

import numpy as np
import pytest

from comparisons import pairs_of
from featx.comparison.choice import ComparedStrategies, choose


def choice(strategies, halves, margin=0.01, **options):
    """Choose among strategies; parameters as for `pairs_of`."""
    return choose(ComparedStrategies(*pairs_of(strategies, halves, **options), margin))


@pytest.mark.parametrize(
    ("strategies", "halves", "answer", "use", "equal"),
    [
        # One alone.
        ([("a", 90, 1)], [], "use", "a", []),
        # Distinguishably better, dearer or cheaper.
        ([("a", 90, 9), ("b", 85, 1)], 3, "use", "a", []),
        ([("a", 90, 1), ("b", 85, 9)], 3, "use", "a", []),
        # No cheaper, but neither shown to be better.
        ([("a", 90, 1), ("b", 89, 9)], 3, "undecided", "a", []),
        # The cheaper may be worse by 0.5 points at most, less than the margin.
        ([("a", 90, 1), ("b", 89, 9)], 1.5, "use", "a", []),
        ([("b", 89, 9), ("a", 90, 1)], 1.5, "use", "a", []),
        # Even where the dearer has the better figure.
        ([("a", 90, 9), ("b", 89.8, 1)], 0.7, "equal", "b", ["a"]),
        # Equal within the margin though distinguishable: a point does not matter.
        ([("a", 90, 9), ("b", 89.5, 1)], 0.4, "equal", "b", ["a"]),
        # Of the same cost the better figure.
        ([("a", 90, 1), ("b", 89.5, 1)], 0.4, "equal", "a", ["b"]),
        ([("a", 90, 1.09), ("b", 89.5, 1)], 0.4, "equal", "a", ["b"]),
        ([("a", 90, 0), ("b", 89.5, 0)], 0.4, "equal", "a", ["b"]),
        # 64.6 % was recommended over 83.3 % to save 0.2 s of training.
        ([("f", 83.3, 1), ("g", 83.3, 0.7), ("s", 64.6, 0.69)], [40, 40, 40], "undecided", "g", []),
        # Identical predictions on many images, and on few.
        ([("a", 90, 9), ("b", 90, 1)], 0.6, "equal", "b", ["a"]),
        ([("a", 90, 9), ("b", 90, 1)], 17, "undecided", "b", []),
        # No interval.
        ([("a", 90, 9), ("b", 60, 1)], None, "undecided", "a", []),
        ([("a", 90, 9), ("b", 90, 1)], None, "undecided", "b", []),
    ],
)
def test_which_of_several_to_use(strategies, halves, answer, use, equal):
    found = choice(strategies, halves)
    assert (found.answer, found.use, found.equal) == (answer, use, equal)
    assert (len(found.undecided) > 1) is (answer == "undecided")


def test_equality_need_not_carry_over():
    # a and b are equal, b and c are, but a is better than c: b is plausibly worse than none by the margin.
    found = choice([("a", 90, 9), ("b", 89.4, 5), ("c", 88.8, 1)], [0.3, 0.3, 0.3])
    assert (found.answer, found.use, found.equal, found.worse) == ("equal", "b", ["a", "c"], ["c"])
    # Without c being worse than a, its lower cost is a reason to go on looking.
    wide = choice([("a", 90, 9), ("b", 89.4, 5), ("c", 88.8, 1)], [0.3, 2.0, 0.3])
    assert (wide.answer, wide.undecided) == ("undecided", ["a", "b", "c"])


def test_a_cheaper_one_that_is_worse_than_some_other_does_not_leave_it_undecided():
    found = choice([("a", 90, 9), ("b", 89.9, 5), ("c", 80, 1)], [0.3, 4, 4])
    assert (found.answer, found.use, found.equal, found.worse) == ("equal", "b", ["a"], ["c"])


@pytest.mark.parametrize(
    ("behind", "times", "use"),
    [(0.9, 2.1, "b"), (0.9, 1.9, "a"), (1.0, 50, "a"), (1.1, 50, "a"), (0.0, 1.2, "b"), (0.9, 1e9, "b")],
)
def test_meanwhile_the_best_figure_unless_it_costs_far_more_for_less_than_the_margin(behind, times, use):
    found = choice([("a", 90, 10), ("b", 90 - behind, 10 / times)], 5)
    assert (found.answer, found.use) == ("undecided", use)


def test_meanwhile_seconds_are_no_reason():
    assert choice([("a", 90, 0.11), ("b", 89.5, 0.02)], 5).use == "a"
    assert choice([("a", 90, 0.11), ("b", 90, 0.02)], 5).use == "b"


def test_meanwhile_none_that_is_shown_to_be_worse():
    found = choice([("a", 90, 10), ("b", 89.5, 1), ("c", 89, 10)], [0.4, 3, 3], margin=0.006)
    assert (found.answer, found.use, found.worse) == ("undecided", "a", ["b"])


def test_what_is_recommended_is_never_behind_by_more_than_the_margin():
    rng = np.random.default_rng(0)
    answers = set()
    for _ in range(3000):
        count = int(rng.integers(1, 6))
        names = [(f"s{i}", rng.normal(88, rng.choice([0.3, 3])), 10 ** rng.uniform(-2, 2)) for i in range(count)]
        halves = [rng.choice([0.1, 0.5, 2, 8, None]) for _ in range(math.comb(count, 2))]
        margin = rng.choice([0.0, 0.005, 0.01, 0.05])
        found = choice(names, halves, margin)
        figures = {name: accuracy / 100 for name, accuracy, _ in names}
        assert max(figures.values()) - figures[found.use] <= margin
        assert found.use not in found.equal
        # The order in which they are named makes no difference.
        assert (found.answer == "undecided") is bool(found.undecided)
        answers.add(found.answer)
    assert answers == {"use", "equal", "undecided"}


def test_with_no_margin_nothing_is_equal():
    assert choice([("a", 90, 9), ("b", 90, 1)], 0.1, margin=0.0).answer == "undecided"
    assert choice([("a", 90, 9), ("b", 89, 1)], 0.1, margin=0.0).use == "a"


def test_an_interval_without_a_small_p_shows_nothing():
    assert choice([("a", 90, 9), ("b", 85, 1)], 3, p_value=0.2).answer == "undecided"
