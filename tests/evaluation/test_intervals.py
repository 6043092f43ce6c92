"""Promised: an interval that is printed holds the truth, near 100 %, with few groups and with missing classes, too."""

import importlib.util
import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, gamma, t

from featx.evaluation.estimates import Estimate
from featx.evaluation.intervals import (
    class_mean_interval,
    grouped_accuracy_interval,
    log_loss_interval,
    per_class_error,
    wilson_interval,
)
from featx.evaluation.metrics import score_classes, score_predictions
from wilson import assert_wilson

FIGURES = ("balanced_accuracy", "macro_f1")


def counts(matrix):
    return np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)


def figure_of(matrix, figure):
    return float(1 - per_class_error(*counts(matrix), metric=figure).mean())


def beta_quantile(mean, variance, q):
    size = mean * (1 - mean) / variance - 1
    return beta.ppf(q, mean * size, (1 - mean) * size)


def proportion(successes, trials):
    low, high = wilson_interval(successes, trials)
    return Estimate(successes / trials, float(low), float(high))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_gives_published_intervals(successes, trials, low, high):
    estimate = proportion(successes, trials)
    assert estimate.value == successes / trials
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("trials", [1, 2, 7, 100, 100_000])
def test_wilson_bounds_are_where_the_score_test_just_rejects(trials):
    for successes in {0, 1, trials // 2, trials - 1, trials}:
        estimate = proportion(successes, trials)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert_wilson(estimate, successes, trials)
        for bound in (estimate.low, estimate.high):
            if 0 < bound < 1:
                z = (estimate.value - bound) / math.sqrt(bound * (1 - bound) / trials)
                assert abs(z) == pytest.approx(1.959964, abs=1e-4)


def test_wilson_never_claims_certainty_and_is_symmetric():
    none, every = proportion(0, 12), proportion(12, 12)
    assert (none.value, none.low, every.value, every.high) == (0, 0, 1, 1)
    assert none.high > 0.2
    assert every.low == pytest.approx(1 - none.high)


def test_the_interval_of_accuracy_holds_the_truth_95_times_in_100():
    rng = np.random.default_rng(0)
    for accuracy in (0.5, 0.8, 0.95):
        found = [proportion(k, 100) for k in rng.binomial(100, accuracy, 2000)]
        assert 0.92 < np.mean([e.low <= accuracy <= e.high for e in found]) < 0.98


@pytest.mark.parametrize("figure", FIGURES)
def test_the_interval_is_fay_and_feuers_with_the_jackknife_of_images(figure):
    matrix = np.array([[30, 2, 1], [3, 20, 0], [1, 1, 12]])
    n, error = matrix.sum(), 1 - figure_of(matrix, figure)
    left, worst, best = [], 0.0, 0.0
    for a, b in itertools.product(range(3), repeat=2):
        other = matrix.copy()
        other[a, b] -= 1
        left += [1 - figure_of(other, figure)] * matrix[a, b]
    variance = (n - 1) / n * np.sum((np.array(left) - np.mean(left)) ** 2) * (n - 1) / (n + 1)
    recall = np.diag(matrix) / matrix.sum(axis=1)
    f1 = 2 * np.diag(matrix) / (matrix.sum(axis=0) + matrix.sum(axis=1))
    whole = matrix.sum(axis=0) + matrix.sum(axis=1)
    if figure == "balanced_accuracy":
        worst = max(recall / matrix.sum(axis=1)) / 3
        best = max((1 - recall) / matrix.sum(axis=1)) / 3
    else:
        worst = sum(sorted(f1 / whole)[-2:]) / 3
        best = 2 * max((1 - f1) / whole) / 3
    low, high = class_mean_interval(matrix, metric=figure)
    assert low == pytest.approx(1 - beta_quantile(error + worst, variance + worst**2, 0.975), rel=1e-9)
    assert high == pytest.approx(1 - beta_quantile(error - best, variance + best**2, 0.025), rel=1e-9)


@pytest.mark.parametrize(("errors", "n"), [(0, 40), (2, 40), (10, 60), (60, 150)])
def test_two_equal_classes_have_nearly_the_exact_interval_of_accuracy(errors, n):
    half = errors // 2
    matrix = np.array([[n // 2 - half, half], [half, n // 2 - half]])
    exact = 1 - beta.ppf(0.975, errors + 1, n - errors), 1 - beta.ppf(0.025, errors, n - errors + 1) if errors else 1
    for figure in FIGURES:
        assert class_mean_interval(matrix, metric=figure) == pytest.approx(exact, abs=0.012)


@pytest.mark.parametrize("groups", [None, np.arange(20) // 2])
def test_nothing_is_certain_where_all_images_are_right(groups):
    truth = np.arange(20) % 2
    found = score_predictions(truth, np.eye(2)[truth] * 0.8 + 0.1, groups=groups)
    for name in ("accuracy", *FIGURES):
        assert found[name].high == 1
        assert found[name].low < (0.85 if groups is None else 0.73), name


@pytest.mark.parametrize("figure", FIGURES)
def test_a_class_without_images_may_be_anything(figure):
    matrix = np.array([[20, 1, 0], [2, 18, 0], [0, 0, 0]])
    low, high = class_mean_interval(matrix, metric=figure)
    among = class_mean_interval(matrix[:2, :2], metric=figure)
    assert (low, high) == pytest.approx((2 / 3 * among[0], 2 / 3 * among[1] + 1 / 3))


def test_intervals_of_many_test_sets_at_once_are_those_of_each():
    rng = np.random.default_rng(0)
    several = rng.multinomial(60, np.full(9, 1 / 9), 5).reshape(5, 3, 3)
    for figure in FIGURES:
        low, high = class_mean_interval(several, metric=figure)
        for i, matrix in enumerate(several):
            assert (low[i], high[i]) == pytest.approx(class_mean_interval(matrix, metric=figure))


def test_the_interval_of_grouped_accuracy_is_the_union_of_students_and_wilsons():
    right, sizes = np.array([9, 4, 10, 6, 1, 8]), np.array([10, 10, 10, 8, 2, 8])
    p = right.sum() / sizes.sum()
    spread = math.sqrt(6 / 5 * ((right - p * sizes) ** 2).sum()) / sizes.sum()
    half = t.ppf(0.975, 5) * spread
    groups = sizes.sum() ** 2 / (sizes**2).sum()
    low, high = wilson_interval(p * groups, groups)
    found = grouped_accuracy_interval(right, sizes)
    assert found == pytest.approx((min(low, p - half), min(1, max(high, p + half))))
    # Groups that agree prove no more than so many images.
    same = grouped_accuracy_interval(np.full(8, 9), np.full(8, 10))
    assert same == pytest.approx(wilson_interval(7.2, 8))


@pytest.mark.parametrize("figure", FIGURES)
def test_groups_widen_the_interval_of_a_mean_over_classes(figure):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 240)
    predicted = np.where(rng.random(240) < 0.8, truth, (truth + 1) % 3)
    alone = score_classes(truth, predicted, n_classes=3)[figure]
    ones = score_classes(truth, predicted, n_classes=3, groups=np.arange(240))[figure]
    assert ones.high - ones.low == pytest.approx(alone.high - alone.low, rel=0.05)
    copies = np.repeat(np.arange(240), 10)
    grouped = score_classes(truth[copies], predicted[copies], n_classes=3, groups=copies)[figure]
    assert (grouped.low, grouped.high) == pytest.approx((ones.low, ones.high), abs=0.01)
    large = score_classes(truth, predicted, n_classes=3, groups=np.arange(240) // 24)[figure]
    assert large.high - large.low > 1.5 * (alone.high - alone.low)


def test_the_interval_of_log_loss_allows_for_the_largest_loss_that_was_possible():
    losses, most = np.array([0.1, 0.2, 0.05, 1.5, 0.3]), 4.0
    mean, variance, step = losses.mean(), losses.var(ddof=1) / 5, 4.0 / 5
    low, high = log_loss_interval(losses, most)

    def quantile(mean, variance, q):
        return gamma.ppf(q, mean**2 / variance, scale=variance / mean)

    assert low == pytest.approx(quantile(mean, variance, 0.025))
    assert high == pytest.approx(quantile(mean + step, variance + step**2, 0.975))
    # No loss was seen: as many as 3.69 / n images may have the largest.
    assert log_loss_interval(np.zeros(100), 36.0) == pytest.approx((0, 3.6889 * 0.36), rel=1e-4)
    assert log_loss_interval(np.zeros(100), 0.0) == (0, 0)


# Coverage


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "intervals.py"
    spec = importlib.util.spec_from_file_location("featx_benchmark_intervals", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def failing(settings, rng, simulations):
    """Return the settings whose coverage is below the promise.

    Those that seem to be are simulated again with so many test sets that one standard error is 0.003 or less.
    """
    found = []
    for setting in settings:
        held, _, printed = setting.simulate(rng, simulations)
        if held < setting.limit and printed > 0:
            held, _, printed = setting.simulate(rng, math.ceil(8000 / max(printed, 0.1)))
            if held < setting.limit:
                found.append((setting.figure, setting.name, held, printed))
    return found


def test_coverage_of_some_hard_settings(benchmark):
    rng = np.random.default_rng(0)
    hard = (
        "40 images, 99.4%, 10 classes",
        "40 images, 99.0%, 3 classes, uneven",
        "150 images, 60.0%, 5 classes, uneven",
    )
    chosen = [s for s in benchmark.images() if s.name.startswith(hard) and s.method.startswith("now")]
    assert len(chosen) > 20
    assert not failing(chosen, rng, 300)


def test_the_bootstrap_would_not_pass(benchmark):
    rng = np.random.default_rng(0)
    chosen = [s for s in benchmark.images() if s.name.startswith("40 images, 99.4%, 10") and "before" in s.method]
    assert all(setting.simulate(rng, 100)[0] < 0.6 for setting in chosen)


@pytest.mark.long
@pytest.mark.parametrize("part", ["images", "losses", "groups", "repeats"])
def test_coverage_of_every_setting(benchmark, part):
    rng = np.random.default_rng(0)
    settings = benchmark.losses(rng) if part == "losses" else getattr(benchmark, part)()
    assert not failing((s for s in settings if "now" in s.method), rng, 400)
