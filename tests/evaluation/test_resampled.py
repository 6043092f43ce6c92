"""Promised: tests and intervals over repeated splits are corrected for the images that the repeats share."""

import math

import numpy as np
import pytest
from scipy.stats import t

from featx.evaluation.metrics import score_classes
from featx.evaluation.resampled import corrected_error, corrected_interval, corrected_test
from wilson import wilson


def test_the_corrected_test_is_that_of_nadeau_and_bengio():
    # s = 0.01, so the error is sqrt(1/3 + 100/300) * 0.01; with 2 degrees of freedom p = 1 - t / sqrt(2 + t^2)
    differences = [0.02, 0.04, 0.03]
    rows = {"n_train": 300, "n_test": 100}
    assert corrected_error(differences, **rows) == pytest.approx(0.01 * math.sqrt(2 / 3))
    t = 0.03 / (0.01 * math.sqrt(2 / 3))
    assert corrected_test(differences, **rows).p_value == pytest.approx(1 - t / math.sqrt(2 + t * t))
    # The 97.5 % quantile of Student's t with 2 degrees of freedom is 4.3027.
    gain = corrected_test(differences, **rows).difference
    assert (gain.value, gain.high - 0.03) == pytest.approx((0.03, 4.3027 * 0.01 * math.sqrt(2 / 3)), rel=1e-4)
    assert 0.03 - gain.low == pytest.approx(gain.high - 0.03)
    found = corrected_interval([0.80, 0.84, 0.82], **rows)
    assert (found.value, found.high - 0.82) == pytest.approx((0.82, 4.3027 * 0.02 * math.sqrt(2 / 3)), rel=1e-4)


def test_differences_finer_than_one_test_image_prove_nothing():
    assert corrected_test([0.125, 0.125, 0.125], n_train=24, n_test=8).p_value > 0.3
    assert corrected_test([0.0, 0.0, 0.0], n_train=24, n_test=8).p_value == 1
    assert corrected_interval([1.0, 1.0, 1.0], n_train=24, n_test=8).low < 0.8


def test_equal_strategies_on_subsets_are_called_different_no_more_often_than_promised():
    rng = np.random.default_rng(0)
    n, n_test, n_train = 300, 75, 30
    called = 0
    for _ in range(300):
        y = rng.integers(0, 2, n)
        views = [rng.normal(size=(n, 5)) + 0.5 * y[:, None] for _ in range(2)]
        differences = []
        for _ in range(3):
            order = rng.permutation(n)
            test, train = order[:n_test], order[n_test : n_test + n_train]
            right = []
            for X in views:
                centres = [X[train][y[train] == number].mean(axis=0) for number in (0, 1)]
                distances = [((X[test] - centre) ** 2).sum(axis=1) for centre in centres]
                right.append(np.mean(np.argmin(distances, axis=0) == y[test]))
            differences.append(right[0] - right[1])
        called += corrected_test(differences, n_train=n - n_test, n_test=n_test).p_value < 0.05
    assert 0 < called / 300 < 0.08


def test_fewer_than_five_groups_in_all_repeats_have_no_interval_and_no_small_p():
    gains = [0.101, 0.1, 0.099, 0.1, 0.1, 0.1]
    sure = corrected_test(gains, n_train=75, n_test=25)
    few = corrected_test(gains, n_train=75, n_test=25, n_groups=4)
    some = corrected_test(gains, n_train=75, n_test=25, n_groups=5)
    assert (few.difference.has_interval, few.difference.reason, few.p_value) == (False, "too few groups", 1.0)
    assert some.difference.high - some.difference.low > sure.difference.high - sure.difference.low
    assert some.p_value == pytest.approx(
        2 * t.sf(some.difference.value / corrected_error(gains, n_train=75, n_test=25), 4)
    )
    assert corrected_test(gains, n_train=75, n_test=25, n_groups=60) == sure


@pytest.mark.parametrize("groups", [5, 6, 8, 12])
@pytest.mark.parametrize("repeats", [3, 10, 30])
def test_few_groups_certify_nothing_by_being_tested_again(groups, repeats):
    rng = np.random.default_rng(groups)
    tested = max(1, round(groups / 4))
    called = 0
    for _ in range(400):
        own = rng.normal(size=groups)
        rows = [rng.permutation(groups)[:tested] for _ in range(repeats)]
        gains = 0.02 * np.array([own[some].mean() for some in rows])
        n_groups = len(np.unique(np.concatenate(rows)))
        sizes = {"n_train": 1000 * (groups - tested), "n_test": 1000 * tested}
        called += corrected_test(gains, **sizes, n_groups=n_groups).p_value < 0.05
    assert called / 400 <= 0.09


def test_repeats_of_the_same_images_prove_no_more_than_the_images():
    rows = {"n_train": 60, "n_test": 20}
    narrow = corrected_interval([0.95, 0.95, 0.95, 0.95, 1.0], **rows)
    pooled = wilson(45, 47)
    found = corrected_interval([0.95, 0.95, 0.95, 0.95, 1.0], pooled=pooled, **rows)
    assert (found.value, found.low, found.high) == (
        narrow.value,
        min(narrow.low, pooled.low),
        max(narrow.high, pooled.high),
    )
    bare = score_classes(np.arange(8) % 2, np.arange(8) % 2, n_classes=2, groups=np.arange(8) // 2)["accuracy"]
    assert corrected_interval([1.0, 1.0], pooled=bare, **rows).reason == "too few groups (fewer than 5)"
