"""Promised: the images that a strategy needs are of a size tried, from which on it is as good as the target."""

from featx.comparison.images_needed import images_needed
from featx.comparison.size_result import SizeResult, StrategyResult
from featx.evaluation.estimates import Estimate


def size_of(n_train, accuracies):
    zero = dict.fromkeys(("extraction", "training", "prediction"), 0.0)
    found = [
        StrategyResult(name, "other", Estimate(value), Estimate(value), [value], None, None, zero, n_train=n_train)
        for name, value in accuracies.items()
    ]
    return SizeResult(n_train, n_train / 2, 1, found, [], 0.5, None)


def test_the_target_is_the_weakest_at_the_largest_size():
    sizes = [
        size_of(10, {"a": 0.6, "b": 0.71, "lucky": 0.8}),
        size_of(30, {"a": 0.65, "b": 0.8, "lucky": 0.6}),
        size_of(90, {"a": 0.7, "b": 0.9, "lucky": 0.75}),
    ]
    needed = images_needed(sizes)
    assert (needed.target, needed.strategy, needed.n_train) == (0.7, "a", 90)
    # A good figure at a small size does not count where a larger one was worse.
    assert needed.images == {"a": 90, "b": 10, "lucky": 90}


def test_one_size_or_one_strategy_says_nothing():
    assert images_needed([size_of(10, {"a": 0.6, "b": 0.7})]) is None
    assert images_needed([size_of(10, {"a": 0.6}), size_of(20, {"a": 0.7})]) is None
