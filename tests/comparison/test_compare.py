"""Promised: all strategies see the same rows, no figure is flattered, and what is stopped goes on where it was."""

import dataclasses
import json
import math
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from featx.cache import FileDigests
from featx.cli import main
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from featx import CNNFeatureTransformer, DatasetError, FeatxError, ParameterError, compare_strategies, make_strategy
from featx.comparison.design import Repeat, draw_repeats
from featx.comparison.run_files import RunFiles, describe_estimator, digest_images, fingerprint
from featx.comparison.runner import TIMED_IMAGES, RunResult, _uncached
from featx.comparison.size_result import Verdict
from featx.comparison.stage_study import StageScores, StageStudy, compare_stages, predict_by_stages
from featx.comparison.strategies import kind_of
from featx.comparison.summary import SummaryStatistics
from featx.comparison.transfer_cases import LARGE, transfer_case
from featx.datasets.dataset import ImageDataset
from featx.display.text_tables import render_text
from featx.evaluation.estimates import Estimate
from featx.evaluation.learning_curves import extrapolate_accuracy, fit_power_law
from featx.evaluation.metrics import wilson
from featx.evaluation.paired import compare_paired
from featx.evaluation.resampled import corrected_error, corrected_interval, corrected_p_value, corrected_test
from featx.evaluation.splits import nested_subsets
from featx.extraction.digests import image_keys
from featx.extraction.extract import ExtractionResult
from featx.heads.tuned_head import TunedHead
from featx.images.sources import as_sources
from featx.reports.comparison import comparison_parts
from featx.reports.comparison_plot import plot_comparison

RNG = np.random.default_rng(0)
QUICK = {"C": [0.01]}


class Network(ClassifierMixin, BaseEstimator):
    """Looks at the first pixel but one, with noise, and notes which rows it was given; the first pixel is the row."""

    calls: list = []  # noqa: RUF012

    def __init__(self, noise=0.0, *, random_state=0, checkpoint=None, stop_at=None, backbone=None, weights="DEFAULT"):
        self.noise = noise
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.stop_at = stop_at
        self.backbone = backbone
        self.weights = weights

    def fit(self, X, y, groups=None):
        Network.calls.append(("fit", self.noise, self.random_state, sorted(int(x[0, 0]) for x in X)))
        if self.checkpoint is not None:
            self.checkpoint.write_text("half trained")
        if self.stop_at == len([call for call in Network.calls if call[0] == "fit"]):
            raise KeyboardInterrupt
        self.classes_ = np.unique(y)
        self.history_ = {"epoch": [1, 2, 3], "accuracy": [0.7, 0.8, 0.9], "val_accuracy": [0.6, 0.75, 0.5]}
        self.best_epoch_ = 2
        self.timings_ = {"extraction": 120.0, "training": 60.0 * len(X)}
        return self

    def predict_proba(self, X):
        Network.calls.append(("predict", self.noise, self.random_state, sorted(int(x[0, 0]) for x in X)))
        right = np.eye(len(self.classes_))[[int(x[0, 1]) for x in X]]
        rng = np.random.default_rng([self.random_state, round(100 * self.noise), *(int(x[0, 0]) for x in X[:3])])
        wrong = rng.random(len(X)) < self.noise
        right[wrong] = np.roll(right[wrong], 1, axis=1)
        return 0.2 / len(self.classes_) + 0.8 * right

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    monkeypatch.setattr(Network, "calls", [])
    monkeypatch.setattr("featx.comparison.stage_study.GRID", {"logistic": QUICK})
    return Network


def images_of(counts, *, seed=0):
    """Noise, brighter for each further class; the first two pixels hold the row and the class number."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    images = []
    for row, number in enumerate(y):
        image = rng.integers(0, 90, (8, 8), dtype=np.uint8) + np.uint8(40 * number)
        image[0, :2] = row, number
        images.append(image)
    return ImageDataset(images, [f"image {row}" for row in range(len(y))], np.array([f"class {n}" for n in y]))


@pytest.fixture
def dataset():
    return images_of([40, 40])


def fits(calls):
    return [call for call in calls.calls if call[0] == "fit"]


# Subsets


def test_every_subset_holds_each_class_to_within_one_image_of_its_share():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 30, rng.integers(2, 12))
        y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        n = len(y)
        for size, rows in enumerate(nested_subsets(y, range(1, n + 1), random_state=seed), start=1):
            assert len(rows) == len(set(rows)) == size
            assert np.abs(np.bincount(y[rows], minlength=len(counts)) - size * counts / n).max() < 1


def test_smaller_subsets_lie_inside_larger_ones_and_follow_the_seed():
    y = np.arange(60) % 3
    sizes = [30, 6, 60]
    first, again, other = (nested_subsets(y, sizes, random_state=seed) for seed in (0, 0, 1))
    assert [len(rows) for rows in first] == sizes
    assert set(first[1]) < set(first[0]) < set(first[2])
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_subsets_take_whole_groups_and_meet_their_sizes_roughly():
    groups = RNG.permutation(np.repeat(np.arange(60), RNG.integers(1, 6, 60)))
    y = np.where(groups % 3 == 0, "rare", "common")
    n = len(y)
    small, large = nested_subsets(y, [n // 5, n // 2], groups=groups)
    assert set(small) < set(large)
    for rows, size in ((small, n // 5), (large, n // 2)):
        assert not set(groups[rows]) & set(np.delete(groups, rows))
        assert abs(len(rows) - size) <= 3
        assert np.sum(y[rows] == "rare") == pytest.approx(len(rows) * np.mean(y == "rare"), abs=5)


@pytest.mark.parametrize("size", [0, 11, 2.5, True, "3"])
def test_subsets_that_cannot_be_are_refused(size):
    with pytest.raises(ParameterError, match="got a subset of"):
        nested_subsets(np.arange(10) % 2, [size])


# Rows of the repeats


def plan(y, **options):
    return draw_repeats(np.asarray(y), **{"train_sizes": None, "test_size": 0.25, **options})


def test_fractions_are_of_all_images_and_counts_are_counts():
    y = np.arange(200) % 2
    (repeat,) = plan(y, train_sizes=[0.75, 40, 0.1], repeats=1)
    assert [len(rows) for rows in repeat.trains] == [20, 40, 150]
    assert len(repeat.test) == 50
    assert not set(repeat.test) & set(repeat.trains[-1])
    assert set(repeat.trains[0]) < set(repeat.trains[1]) < set(repeat.trains[2])
    assert [len(rows) for rows in plan(y, repeats=1)[0].trains] == [150]


def test_every_repeat_draws_another_stratified_test_set():
    y = np.arange(200) % 5
    tests = [repeat.test for repeat in plan(y, repeats=3, random_state=7)]
    assert len({tuple(rows) for rows in tests}) == 3
    assert all(np.bincount(y[rows]).tolist() == 5 * [10] for rows in tests)
    assert np.array_equal(tests[1], plan(y, repeats=1, random_state=8)[0].test)


def test_the_test_set_can_be_stratified_by_finer_labels():
    y = np.arange(160) % 2
    finer = np.arange(160) // 2 % 4
    (repeat,) = plan(y, stratify=finer, repeats=1)
    assert np.bincount(4 * y[repeat.test] + finer[repeat.test]).tolist() == 8 * [5]
    with pytest.raises(ParameterError, match="got 3 labels to stratify by for 160 images"):
        plan(y, stratify=finer[:3])


def test_groups_stay_on_one_side_and_a_fraction_is_met_roughly():
    groups = np.repeat(np.arange(50), 4)
    y = groups % 2
    for repeat in plan(y, groups=groups, train_sizes=[0.2, 0.75]):
        assert not set(groups[repeat.test]) & set(groups[repeat.trains[-1]])
        assert set(repeat.trains[0]) < set(repeat.trains[1])
        assert len(repeat.trains[1]) + len(repeat.test) == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train_sizes": [0.8]}, "training size 0.8.*the most is 0.75"),
        ({"train_sizes": [1.0]}, "the most is 0.75"),
        ({"train_sizes": [76]}, "the most that the test set leaves is 75"),
        ({"train_sizes": [0]}, "got the training size 0"),
        ({"train_sizes": [True]}, "got the training size True"),
        ({"train_sizes": []}, "expected fractions or counts"),
        ({"train_sizes": "0.1"}, "expected fractions or counts"),
        ({"test_size": 1.5}, "got test_size=1.5"),
        ({"test_size": 25}, "got test_size=25"),
        ({"repeats": 0}, "got repeats=0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        plan(np.arange(100) % 2, **options)


def test_a_class_with_one_training_image_is_named_with_the_size_that_would_do():
    y = np.repeat(["plenty", "scarce"], [80, 8])
    with pytest.raises(DatasetError, match="class 'scarce' has 1 image, fewer than the 2") as caught:
        plan(y, train_sizes=[12])
    enough = int("".join(filter(str.isdigit, caught.value.next_step)))
    assert 12 < enough < 40
    plan(y, train_sizes=[enough])
    with pytest.raises(DatasetError, match="class 'scarce' has 3 images, fewer than the 4"):
        plan(np.repeat(["plenty", "scarce"], [80, 3]))


# Statistics


def test_the_corrected_test_is_that_of_nadeau_and_bengio():
    # s = 0.01, so the error is sqrt(1/3 + 100/300) * 0.01; with 2 degrees of freedom p = 1 - t / sqrt(2 + t^2)
    differences = [0.02, 0.04, 0.03]
    rows = {"n_train": 300, "n_test": 100}
    assert corrected_error(differences, **rows) == pytest.approx(0.01 * math.sqrt(2 / 3))
    t = 0.03 / (0.01 * math.sqrt(2 / 3))
    assert corrected_p_value(differences, **rows) == pytest.approx(1 - t / math.sqrt(2 + t * t))
    # The 97.5 % quantile of Student's t with 2 degrees of freedom is 4.3027.
    gain = corrected_test(differences, **rows).difference
    assert (gain.value, gain.high - 0.03) == pytest.approx((0.03, 4.3027 * 0.01 * math.sqrt(2 / 3)), rel=1e-4)
    assert 0.03 - gain.low == pytest.approx(gain.high - 0.03)
    found = corrected_interval([0.80, 0.84, 0.82], **rows)
    assert (found.value, found.high - 0.82) == pytest.approx((0.82, 4.3027 * 0.02 * math.sqrt(2 / 3)), rel=1e-4)


def test_differences_finer_than_one_test_image_prove_nothing():
    assert corrected_p_value([0.125, 0.125, 0.125], n_train=24, n_test=8) > 0.3
    assert corrected_p_value([0.0, 0.0, 0.0], n_train=24, n_test=8) == 1
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
        called += corrected_p_value(differences, n_train=n - n_test, n_test=n_test) < 0.05
    assert 0 < called / 300 < 0.08


def test_a_power_law_is_recovered_from_exact_errors():
    law = fit_power_law([100, 300, 1000], [2 * n**-0.4 for n in (100, 300, 1000)])
    assert (law.scale, law.exponent, law.floor) == pytest.approx((2, 0.4, 0))
    sizes = [100, 300, 1000, 3000]
    floored = fit_power_law(sizes, [2 * n**-0.5 + 0.05 for n in sizes])
    assert (floored.scale, floored.exponent, floored.floor) == pytest.approx((2, 0.5, 0.05), rel=0.02)
    assert floored.accuracy(6000) == pytest.approx(1 - 2 * 6000**-0.5 - 0.05, abs=1e-4)
    assert fit_power_law(sizes, [0.2, 0.21, 0.22, 0.23]).exponent < 0


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_extrapolation_is_of_twice_the_images_with_an_interval_around_it(repeats):
    sizes = [100, 300, 1000]
    accuracies = [[1 - 2 * n**-0.4 + shift for shift in (-0.01, 0.0, 0.01)[:repeats]] for n in sizes]
    found = extrapolate_accuracy(sizes, accuracies, n_train=1000, n_test=500)
    assert found.n_images == 2000
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high < found.accuracy.low + 0.2
    if repeats == 3:
        assert found.accuracy.value == pytest.approx(1 - 2 * 2000**-0.4)
    surer = extrapolate_accuracy(sizes, accuracies, n_train=1000, n_test=50_000)
    if repeats == 1:
        assert surer.accuracy.high - surer.accuracy.low < (found.accuracy.high - found.accuracy.low) / 3
    perfect = extrapolate_accuracy([10, 20], [repeats * [1.0], repeats * [1.0]], n_train=20, n_test=30)
    assert 0.98 < perfect.accuracy.value <= 1


# Comparing


def test_all_strategies_are_fitted_on_and_tested_with_the_same_rows(dataset, calls):
    compare_strategies(
        dataset, {"a": Network(0.1), "b": Network(0.2), "c": Network(0.3)}, train_sizes=[0.2, 0.5], repeats=2
    )
    rows = {}
    for kind, noise, seed, numbers in calls.calls:
        rows.setdefault((kind, seed), {}).setdefault(noise, []).append(numbers)
    assert {key[1] for key in rows} == {0, 1}
    for (kind, _), by_strategy in rows.items():
        first, *others = by_strategy.values()
        assert all(other == first for other in others)
        if kind == "fit":
            assert [len(numbers) for numbers in first] == [16, 40]
            assert set(first[0]) < set(first[1])
        else:
            assert first[0] == first[1]
    for seed in (0, 1):
        assert not set(rows["fit", seed][0.1][1]) & set(rows["predict", seed][0.1][0])
    assert rows["predict", 0][0.1] != rows["predict", 1][0.1]


def test_one_repeat_has_wilsons_interval_and_mcnemars_test(dataset):
    result = compare_strategies(dataset, {"sure": Network(), "noisy": Network(0.4)}, repeats=1)
    best, other = result.sizes[0].strategies
    wrong = round(20 * (1 - other.accuracy.value))
    (pair,) = result.sizes[0].pairs
    assert (best.strategy, best.accuracies) == ("sure", [1.0])
    assert other.accuracy == wilson(20 - wrong, 20)
    assert pair.p_value == pytest.approx(binomtest(0, wrong).pvalue)
    assert (pair.first, pair.second, pair.difference.value) == ("sure", "noisy", pytest.approx(wrong / 20))
    assert result.test == "McNemar's exact test"
    assert "Wilson" in result.interval
    assert other.macro_f1.low < other.macro_f1.value < other.macro_f1.high


def test_several_repeats_have_the_corrected_interval_and_test(dataset):
    result = compare_strategies(dataset, {"sure": Network(), "noisy": Network(0.3)}, repeats=4, train_sizes=[0.3])
    best, other = result.sizes[0].strategies
    assert len(other.accuracies) == 4
    rows = {"n_train": 60, "n_test": 20}
    plain = corrected_interval(other.accuracies, **rows)
    assert other.accuracy.value == plain.value
    assert other.accuracy.low <= plain.low < plain.high <= other.accuracy.high
    (pair,) = result.sizes[0].pairs
    gains = np.subtract(best.accuracies, other.accuracies)
    assert pair.p_value == pair.p_adjusted == corrected_p_value(gains, **rows)
    assert pair.difference == corrected_test(gains, **rows).difference
    assert pair.spread >= np.std(gains, ddof=1)
    assert result.test == "corrected resampled t-test over 4 repeats"
    assert result.sizes[0].n_train == 24
    assert result.sizes[0].per_class == result.sizes[0].fewest == 12


def test_groups_are_resampled_whole(dataset):
    grouped = ImageDataset(dataset.images, dataset.names, dataset.labels, (np.arange(80) // 2).astype(str))
    result = compare_strategies(grouped, {"a": Network(0.1), "b": Network(0.4)}, repeats=1)
    assert result.test == "exact sign-flip test over 10 groups, whose p is 0.002 at the least"
    assert "whole groups on one side" in result.protocol


def test_the_strata_of_the_data_set_are_spread_over_the_test_sets(dataset, calls):
    strata = np.array(["mild", "severe"])[np.arange(80) // 2 % 2]
    with_strata = ImageDataset(dataset.images, dataset.names, dataset.labels, strata=strata)
    result = compare_strategies(with_strata, {"net": Network()}, repeats=1)
    (tested,) = [rows for kind, _, _, rows in calls.calls if kind == "predict"]
    kinds = np.unique([f"{dataset.labels[row]} {strata[row]}" for row in tested], return_counts=True)[1]
    assert kinds.tolist() == pytest.approx([5, 5, 5, 5], abs=1)
    assert "finer labels" in result.protocol


def test_the_best_epoch_and_the_timings_of_a_network_are_reported(dataset):
    result = compare_strategies(dataset, {"net": Network(0.1)}, repeats=2, train_sizes=[10, 30])
    first, second = (size.strategies[0] for size in result.sizes)
    assert (first.train_accuracy, first.validation_accuracy) == pytest.approx((0.8, 0.75))
    assert (first.seconds["extraction"], first.seconds["training"]) == (120, 600)
    assert second.cost == 120 + 1800
    assert result.curves[0].sizes == [10, 30]
    assert result.curves[0].extrapolation.n_images == 60
    assert compare_strategies(dataset, {"net": Network()}, repeats=1).curves[0].extrapolation is None


def test_costs_are_what_they_would_be_without_a_cache():
    spent = {"digest": 1.0, "wait": 2.0, "forward": 10.0, "write": 0.0, "gather": 3.0}
    whole = ExtractionResult(n_images=200, n_forwarded=200, seconds=spent)
    assert _uncached(whole, lambda: 9.9) == 16
    half = ExtractionResult(n_images=200, n_forwarded=100, seconds=spent)
    assert _uncached(half, lambda: 9.9) == pytest.approx(1 + 3 + 200 * 12 / 100)
    few = ExtractionResult(n_images=200, n_forwarded=TIMED_IMAGES - 1, seconds=spent)
    assert _uncached(few, lambda: 0.05) == pytest.approx(4 + 200 * 0.05)


@pytest.mark.parametrize("cache", ["auto", None])
def test_frozen_strategies_forward_each_image_once_and_some_for_the_pace(dataset, tiny, forwards, cache):
    transformer = CNNFeatureTransformer(**tiny, cache=cache)
    own = make_pipeline(transformer, StandardScaler(), GaussianNB())
    heads = {"frozen:knn": make_strategy("frozen:knn", transformer), "own": own}
    result = compare_strategies(dataset, heads, repeats=2, train_sizes=[0.3, 0.75])
    # The first 24 training rows count for all, one more warms the network up.
    assert forwards.count == 80 + 24 + 1
    for size in result.sizes:
        for found in size.strategies:
            assert found.kind == "frozen"
            assert min(found.seconds.values()) > 0
            assert (found.validation_accuracy is None) is (found.strategy == "own")
    assert result.sizes[1].strategies[0].train_accuracy > 0.8


def test_heads_are_tuned_on_training_rows_only(dataset, tiny, monkeypatch):
    seen, original = [], TunedHead.fit

    def fit(self, X, y, groups=None):
        seen.append((X, y, groups))
        return original(self, X, y, groups)

    monkeypatch.setattr(TunedHead, "fit", fit)
    grouped = ImageDataset(dataset.images, dataset.names, dataset.labels, (np.arange(80) // 2).astype(str))
    transformer = CNNFeatureTransformer(**tiny)
    frozen = make_strategy("frozen", transformer, parameters=QUICK)
    compare_strategies(grouped, {"frozen": frozen}, repeats=1, train_sizes=[0.4])
    (repeat,) = plan(grouped.labels, groups=grouped.groups, train_sizes=[0.4], repeats=1)
    ((X, y, groups),) = seen
    np.testing.assert_array_equal(X, transformer.fit_transform([grouped.images[row] for row in repeat.trains[0]]))
    assert y.tolist() == grouped.labels[repeat.trains[0]].tolist()
    assert groups.tolist() == grouped.groups[repeat.trains[0]].tolist()


def test_networks_are_compared_with_frozen_features(dataset, tiny, tmp_path):
    transformer = CNNFeatureTransformer(**tiny)
    quick = {"epochs": 1, "augment_draws": 1}
    strategies = {
        "frozen": make_strategy("frozen", transformer, parameters=QUICK),
        "tuned": make_strategy("finetuned", transformer, parameters=quick),
        "scratch": make_strategy("scratch", transformer, parameters=quick),
    }
    result = compare_strategies(dataset, strategies, train_sizes=[0.2, 0.4], repeats=1, folder=tmp_path)
    for size in result.sizes:
        found = {strategy.strategy: strategy for strategy in size.strategies}
        assert set(found) == set(strategies)
        assert all(strategy.validation_accuracy is not None for strategy in found.values())
        assert all(strategy.train_accuracy is not None for strategy in found.values())
        assert all(min(strategy.seconds.values()) >= 0 for strategy in found.values())
        assert {strategy.kind for strategy in found.values()} == {"frozen", "scratch"}  # the weights are random
    assert "on augmented draws" in " ".join(result.notes)
    assert not list(tmp_path.glob("*.ckpt"))
    assert compare_strategies(dataset, strategies, train_sizes=[0.2, 0.4], repeats=1, folder=tmp_path).runs_found == 6


def test_images_that_cannot_be_read_are_left_out_for_all(tiny, tmp_path, calls):
    good = images_of([20, 20])
    (tmp_path / "bad.png").write_text("text")
    images = [*good.images, str(tmp_path / "bad.png")]
    with_bad = ImageDataset(images, [*good.names, "bad"], np.append(good.labels, "class 0"))
    strategies = {"net": Network()}
    result = compare_strategies(with_bad, strategies, repeats=1, on_error="skip")
    assert result.n_images == 40
    assert [(failure.index, failure.name) for failure in result.failures] == [(40, "bad")]
    frozen = {"frozen": make_strategy("frozen", CNNFeatureTransformer(**tiny), parameters=QUICK)}
    with pytest.raises(FeatxError, match="frozen, 30 images, repeat 1 of 1: cannot read image bad"):
        compare_strategies(with_bad, frozen, repeats=1)


# Going on


def figures(result):
    plain = result.to_dict()
    plain.pop("runs_found")
    for size in plain["sizes"]:
        for found in size["strategies"]:
            found.pop("seconds")
        size.pop("verdict")
    return plain


def test_what_is_stopped_goes_on_where_it_was(dataset, calls, tmp_path):
    options = {"train_sizes": [0.2, 0.5], "repeats": 2, "folder": tmp_path / "runs"}
    strategies = {"a": Network(0.1), "b": Network(0.3, stop_at=6)}
    with pytest.raises(KeyboardInterrupt):
        compare_strategies(dataset, strategies, **options)
    assert len(fits(calls)) == 6
    checkpoints = list((tmp_path / "runs").glob("*.ckpt"))
    assert [path.read_text() for path in checkpoints] == ["half trained"]
    result = compare_strategies(dataset, strategies, **options)
    assert (len(fits(calls)), result.runs_found) == (6 + 3, 5)
    assert not list((tmp_path / "runs").glob("*.ckpt"))
    again = compare_strategies(dataset, strategies, **options)
    assert (len(fits(calls)), again.runs_found) == (9, 8)
    straight = compare_strategies(dataset, {**strategies, "b": Network(0.3)}, **{**options, "folder": None})
    assert figures(straight) == figures(result) == figures(again)


def test_more_repeats_sizes_and_strategies_compute_only_what_is_new(dataset, calls, tmp_path):
    found = [
        compare_strategies(dataset, strategies, train_sizes=sizes, repeats=repeats, folder=tmp_path).runs_found
        for strategies, sizes, repeats in (
            ({"a": Network(0.1)}, [0.5], 1),
            ({"a": Network(0.1)}, [0.5], 2),
            ({"b": Network(0.2), "a": Network(0.1)}, [0.5, 0.2], 2),
        )
    ]
    assert found == [0, 1, 2]
    assert len(fits(calls)) == 1 + 1 + 6


def test_damaged_runs_are_computed_again(dataset, calls, tmp_path):
    options = {"train_sizes": [0.2, 0.5], "repeats": 2, "folder": tmp_path}
    strategies = {"net": Network(0.2)}
    result = compare_strategies(dataset, strategies, **options)
    whole, cut, flipped, empty = sorted(tmp_path.glob("*.npz"))
    cut.write_bytes(cut.read_bytes()[:200])
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 255
    flipped.write_bytes(data)
    empty.write_bytes(b"")
    again = compare_strategies(dataset, strategies, **options)
    assert (len(fits(calls)), again.runs_found) == (4 + 3, 1)
    assert figures(result) == figures(again)
    assert whole.exists()


def test_a_run_is_another_one_when_anything_that_it_depends_on_changes(dataset, calls, tmp_path):
    def found(data=dataset, strategy=None, **options):
        strategies = {"net": strategy or Network(0.2)}
        return compare_strategies(data, strategies, **{"repeats": 1, "folder": tmp_path, **options}).runs_found

    renamed = ImageDataset(dataset.images, [f"{name}.png" for name in dataset.names], dataset.labels)
    brighter = dataset.images[0] + np.uint8(1)
    brighter[0, :2] = dataset.images[0][0, :2]
    changed = ImageDataset([brighter, *dataset.images[1:]], dataset.names, dataset.labels)
    relabelled = ImageDataset(dataset.images, dataset.names, np.array([f"the {label}" for label in dataset.labels]))
    assert found() == 0
    assert found() == found(renamed) == found(strategy=Network(0.2, checkpoint=None)) == 1
    assert found(changed) == found(relabelled) == found(strategy=Network(0.3)) == found(random_state=5) == 0
    assert found(test_size=0.3) == found(train_sizes=[0.3]) == 0
    assert found() == 1


def test_the_fingerprint_knows_the_weights_and_not_where_the_cache_lies(tiny, tmp_path):
    def described(**changed):
        return fingerprint(describe_estimator(make_strategy("frozen", CNNFeatureTransformer(**{**tiny, **changed}))))

    same = described()
    assert same == described(cache=str(tmp_path)) == described(n_jobs=2, verbose=True)
    others = {
        described(random_state=1),
        described(layer="features.3"),
        described(image_size=64),
        described(weights=None),
    }
    assert len({same, *others}) == 4
    assert fingerprint(np.arange(3)) == fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))


def test_a_changed_file_is_another_image(tmp_path):
    def contents(images):
        keys = image_keys(as_sources(images), FileDigests(None), threads=1, fetch=False)
        return digest_images(keys, list(map(str, images)))

    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), "red").save(path)
    sources = [str(path), np.zeros((4, 4), np.uint8), str(tmp_path / "none.png"), "http://x.test/a.png"]
    first = contents(sources)
    Image.new("RGB", (4, 4), "blue").save(path)
    second = contents(sources)
    assert first.shape == (4, 32)
    assert (first == second).all(axis=1).tolist() == [False, True, True, True]


def test_a_folder_that_cannot_be_written_is_refused_at_once(dataset, calls, tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(ParameterError, match="cannot write into the folder"):
        compare_strategies(dataset, {"net": Network()}, folder=tmp_path / "file")
    assert not calls.calls
    assert RunFiles(None).load("name", "key") is None


# Errors


class Failing(Network):
    def fit(self, X, y, groups=None):
        if len(X) > 20:
            raise DatasetError("too many images", "Take fewer.")
        return super().fit(X, y)


def test_an_error_names_the_run_and_finished_runs_are_kept(dataset, calls, tmp_path):
    strategies = {"net": Network(), "picky": Failing()}
    with pytest.raises(DatasetError, match="picky, 40 images, repeat 1 of 2: too many images"):
        compare_strategies(dataset, strategies, train_sizes=[0.2, 0.5], repeats=2, folder=tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 3


@pytest.mark.parametrize(
    ("strategies", "options", "words"),
    [
        ({}, {}, "expected a mapping of names"),
        ("frozen", {}, "expected a mapping of names"),
        ({"plain": LinearSVC()}, {}, "strategy plain has no predict_proba"),
        ({"plain": make_pipeline(LinearSVC())}, {}, "strategy plain has no predict_proba"),
        ({"net": Network()}, {"train_sizes": [0.9]}, "the most is 0.75"),
        ({"net": Network()}, {"on_error": "nan"}, "got on_error='nan'"),
        ({"net": Network()}, {"margin": 1}, "got margin=1; expected a difference in accuracy"),
        ({"net": Network()}, {"margin": -0.01}, "got margin=-0.01"),
        ({"net": Network()}, {"margin": True}, "got margin=True"),
        ({"net": Network()}, {"margin": "0.01"}, "got margin='0.01'"),
        ({"net": Network()}, {"margin": math.nan}, "got margin=nan"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_fitted(dataset, calls, strategies, options, words):
    with pytest.raises(ParameterError, match=words):
        compare_strategies(dataset, strategies, **options)
    assert not calls.calls


def test_parameters_of_networks_are_checked_before_anything_is_fitted(dataset, tiny, forwards, calls):
    for parameters in ({"schedule": "luck"}, {"epochs": 0}, {"augmentation": "luck"}, {"image_size": -1}):
        tuned = make_strategy("finetuned", CNNFeatureTransformer(**tiny), parameters=parameters)
        with pytest.raises(ParameterError, match="strategy tuned: "):
            compare_strategies(dataset, {"net": Network(), "tuned": tuned})
    assert forwards.count == 0
    assert not calls.calls


def test_frozen_strategies_are_checked_before_any_image_is_forwarded(dataset, tiny, forwards, calls):
    bad = {
        "layer": make_strategy("frozen", CNNFeatureTransformer(**tiny, layer="layer99")),
        "backbone": make_strategy("frozen", CNNFeatureTransformer("resnet99", weights=None)),
        "head": make_strategy("frozen", CNNFeatureTransformer(**tiny)).set_params(head__scoring="luck"),
    }
    for name, estimator in bad.items():
        with pytest.raises(FeatxError, match=f"strategy {name}: "):
            compare_strategies(dataset, {"net": Network(), name: estimator})
    with pytest.raises(DatasetError, match="no labels"):
        compare_strategies(ImageDataset(dataset.images, dataset.names), {"net": Network()})
    assert forwards.count == 0
    assert not calls.calls


# Strategies


def test_strategies_are_made_by_name(tiny):
    transformer = CNNFeatureTransformer(**tiny, random_state=3)
    frozen = make_strategy("frozen:svm", transformer)
    assert (frozen[-1].head, frozen[-1].random_state, kind_of(frozen)) == ("svm", 3, "frozen")
    assert make_strategy("frozen", transformer)[-1].head == "logistic"
    assert make_strategy("frozen:knn@features.4", transformer)[0].layer == "features.4"
    changed = make_strategy("frozen", transformer, parameters={"C": 0.1, "class_weight": "balanced", "pooling": "max"})
    assert (changed[-1].grid, changed[-1].class_weight, changed[0].pooling) == ({"C": [0.1]}, "balanced", "max")
    assert (transformer.pooling, kind_of(Network(weights=None)), kind_of(TunedHead())) == ("auto", "scratch", "other")


def test_networks_are_made_by_name():
    transformer = CNNFeatureTransformer("resnet18", weights=None, image_size=64, cache=None, verbose=True)
    scratch = make_strategy("scratch", transformer.set_params(weights="DEFAULT"), parameters={"epochs": 3})
    chosen = scratch.get_params()
    assert (chosen["backbone"], chosen["weights"], chosen["image_size"], chosen["epochs"]) == ("resnet18", None, 64, 3)
    assert (chosen["trainable_stages"], chosen["learning_rate"], chosen["schedule"]) == ("all", 1e-3, "onecycle")
    assert (chosen["cache"], chosen["verbose"], kind_of(scratch)) == (None, False, "scratch")
    tuned = make_strategy("finetuned", transformer, parameters={"epochs": 2, "trainable_stages": 2})
    assert make_strategy("finetuned@layer3", transformer).layer == "layer3"
    assert (kind_of(tuned), tuned.weights, tuned.epochs, tuned.trainable_stages) == ("finetuned", "DEFAULT", 2, 2)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("frozen:tree", None, "no head 'tree'"),
        ("frozen:", None, "no strategy 'frozen:'"),
        ("frozen@", None, "no strategy 'frozen@'"),
        ("fine-tuned", None, "Did you mean finetuned"),
        ("frozen", {"D": 1}, "head logistic has no parameter 'D'"),
        ("frozen", {"scoring": "luck"}, "got scoring='luck'"),
        ("finetuned", {"epoch": 1}, "no parameter 'epoch'.*epochs"),
    ],
)
def test_strategies_that_do_not_exist_are_refused(tiny, name, parameters, words):
    with pytest.raises(ParameterError, match=words):
        make_strategy(name, CNNFeatureTransformer(**tiny), parameters=parameters)


# The four cases


def study_of(domain):
    stages = [StageScores(name, "avg", 8, wilson(8, 10)) for name in ("stage1", "stage2", "head")]
    return StageStudy("net", 100, "protocol", stages, "stage2" if domain == "different" else "head", 0.01, domain)


COMPARED = {"f": ("frozen", "head"), "e": ("frozen", "stage1"), "t": ("finetuned", None), "s": ("scratch", None)}


def verdict_of(answer, use, *, equal=(), worse=(), undecided=()):
    rest = {"margin": 0.01, "repeats_needed": None, "images_needed": None, "seconds_per_point": None}
    return Verdict(answer, use, use, list(equal), list(worse), list(undecided), **rest, text="", reasons=[])


def case_of(domain, n_train, verdict, strategies=COMPARED):
    return transfer_case(study_of(domain), n_train=n_train, n_classes=2, strategies=strategies, verdict=verdict)


@pytest.mark.parametrize(
    ("n_train", "domain", "size", "advice", "following"),
    [
        (2 * LARGE - 2, "similar", "small", "last stage", ["f", "e"]),
        (2 * LARGE - 2, "different", "small", "earlier stage (frozen@stage2)", ["e"]),
        (2 * LARGE - 2, "undecided", "small", "frozen features, of which stage is open", ["f", "e"]),
        (2 * LARGE, "similar", "large", "fine-tuning the whole network;", ["t"]),
        (2 * LARGE, "different", "large", "fine-tuning the whole network, or training from scratch", ["t", "s"]),
        (2 * LARGE, "undecided", "large", "fine-tuning the whole network;", ["t"]),
    ],
)
def test_the_four_cases_of_transfer(n_train, domain, size, advice, following):
    case = case_of(domain, n_train, verdict_of("use", following[0]))
    assert (case.size, case.domain, case.following, case.agreement) == (size, domain, following, "agrees")
    assert advice in case.text
    assert ("undecided domain" in case.text) is (domain == "undecided")
    assert case.text.endswith("the comparison agrees")


@pytest.mark.parametrize(
    ("verdict", "agreement", "words"),
    [
        (verdict_of("use", "t"), "agrees", "agrees"),
        (verdict_of("use", "f", worse=["t", "u", "s"]), "disagrees", "says otherwise"),
        # As good and cheaper is no proof that the rule is wrong.
        (verdict_of("use", "f", worse=["s", "u"]), "undecided", "cannot tell"),
        (verdict_of("equal", "f", equal=["t"]), "agrees", "agrees"),
        (verdict_of("equal", "f", equal=["e"], worse=["u", "t"]), "disagrees", "says otherwise"),
        # What to take meanwhile is no finding.
        (verdict_of("undecided", "t", undecided=["t", "f"]), "undecided", "cannot tell"),
        (verdict_of("undecided", "f", equal=["t"], undecided=["t", "f", "e"]), "undecided", "cannot tell"),
        (verdict_of("undecided", "f", worse=["s"], undecided=["t", "f"]), "undecided", "cannot tell"),
        (verdict_of("undecided", "f", worse=["t", "u", "s"], undecided=["e", "f"]), "disagrees", "says otherwise"),
        # Undecided between two that both follow the rule.
        (verdict_of("undecided", "t", worse=["f", "e", "s"], undecided=["t", "u"]), "agrees", "agrees"),
    ],
)
def test_the_comparison_agrees_with_a_rule_says_otherwise_or_cannot_tell(verdict, agreement, words):
    case = case_of("similar", 2 * LARGE, verdict, {**COMPARED, "u": ("finetuned", None)})
    assert (case.agreement, case.text.rpartition("; the comparison ")[2]) == (agreement, words)


def test_a_rule_that_none_or_all_follow_is_not_tried():
    none = case_of("similar", 2, verdict_of("use", "x"), {"x": ("other", None)})
    assert (none.agreement, none.text.rpartition("; ")[2]) == (
        "no follower", "no strategy that was compared follows it"
    )  # fmt: skip
    every = case_of("similar", 2, verdict_of("use", "f"), {"f": ("frozen", "head"), "e": ("frozen", "stage1")})
    assert (every.agreement, every.text.rpartition("; ")[2]) == (
        "no rival", "only strategies that follow it were compared"
    )  # fmt: skip


def test_stages_are_compared_on_training_images_of_the_first_repeat_in_one_pass(dataset, tiny, forwards, tmp_path):
    transformer = CNNFeatureTransformer(**tiny)
    result = compare_strategies(
        dataset, {"net": Network()}, repeats=2, train_sizes=[0.2, 0.5], transfer=transformer, folder=tmp_path
    )
    assert forwards.since() == result.stages.n_images == 40
    assert [stage.layer for stage in result.stages.stages] == ["features.4", "features.7", "features.10", "features.12"]
    assert [case.n_train for case in result.cases] == [16, 40]
    assert all(case.agreement == "no follower" and case.size == "small" for case in result.cases)
    assert result.stages.domain in ("similar", "different", "undecided")
    again = compare_strategies(
        dataset, {"net": Network()}, repeats=2, train_sizes=[0.2, 0.5], transfer=transformer, folder=tmp_path
    )
    assert again.stages == result.stages
    assert forwards.count == 0


@pytest.mark.parametrize(
    ("clear", "n", "domain"),
    [
        ([1], 60, "different"),
        ([3], 400, "similar"),
        ([1, 3], 60, "undecided"),  # equal, but so few images could not show a gain of a point
        ([], 400, "undecided"),
    ],
)
def test_the_domain_is_claimed_from_the_intervals_of_earlier_stages(tiny, monkeypatch, clear, n, domain):
    y = np.arange(n) % 2
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(n, 4)) + 2.0 * (stage in clear) * y[:, None] for stage in range(4)]
    monkeypatch.setattr(CNNFeatureTransformer, "extract", lambda *_: ExtractionResult(embeddings=matrices))
    predicted, widths = predict_by_stages(CNNFeatureTransformer(**tiny), [], y)
    assert predicted.shape == (n, 4)
    study = compare_stages("net", predicted, widths, y)
    assert study.domain == domain
    *earlier, last = study.stages
    assert last.gain is last.p_value is None
    right = predicted == y[:, None]
    for place, stage in enumerate(earlier):
        test = compare_paired(right[:, place], right[:, 3], folds=5)
        assert (stage.gain, stage.p_value) == (test.difference, min(1.0, 3 * test.p_value))
    assert (max(stage.gain.high for stage in earlier) < 0.01) is (domain == "similar")
    if len(clear) == 1:
        assert study.best == study.stages[clear[0]].layer


def test_a_margin_is_a_matter_of_judging_and_not_of_computing(dataset, tiny, forwards, tmp_path):
    options = {"repeats": 2, "transfer": CNNFeatureTransformer(**tiny), "folder": tmp_path}
    strategies = {"a": Network(0.1), "b": Network(0.12)}
    first = compare_strategies(dataset, strategies, **options)
    fitted = len(fits(Network))
    forwards.since()
    second = compare_strategies(dataset, strategies, **options, margin=0.45)
    assert (len(fits(Network)), forwards.count, second.runs_found) == (fitted, 0, 4)
    assert (first.margin, second.margin, first.stages.margin, second.stages.margin) == (0.01, 0.45, 0.01, 0.45)
    assert first.sizes[0].pairs == second.sizes[0].pairs
    assert first.stages.stages == second.stages.stages


def test_a_network_of_one_stage_has_no_domain():
    y = np.arange(60) % 2
    study = compare_stages("net", y[:, None], {("head", "avg"): 4}, y)
    assert (study.best, study.domain) == ("head", "undecided")


def test_too_few_images_for_the_stages_are_a_note(tiny):
    few = images_of([4, 40])
    result = compare_strategies(
        few, {"net": Network()}, repeats=1, test_size=0.5, transfer=CNNFeatureTransformer(**tiny)
    )
    assert result.stages is None
    assert not result.cases
    assert any("the stages were not compared: a class has 2 training images" in note for note in result.notes)


# What comes out


@pytest.fixture
def result(dataset):
    strategies = {"net": Network(0.1), "$5 noisy": Network(0.3)}
    found = compare_strategies(dataset, strategies, train_sizes=[0.2, 0.5], repeats=2)
    study = study_of("similar")
    case = case_of("similar", 16, verdict_of("use", "f"))
    return dataclasses.replace(found, stages=study, cases=[case])


def test_the_result_survives_json(result):
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))
    found = json.loads(result.to_json())
    assert found["sizes"][0]["strategies"][0]["accuracy"].keys() == {"value", "low", "high", "reason"}
    assert found["curves"][0]["extrapolation"]["n_images"] == 80
    assert found["cases"][0]["size"] == "small"


def test_the_curve_is_drawn(result, dataset, tmp_path):
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        plot_comparison(result, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    single = compare_strategies(dataset, {"net": Network()}, repeats=1)
    plot_comparison(single, tmp_path / "single.png")
    with pytest.raises(ParameterError, match="expected a name that ends in"):
        plot_comparison(result, tmp_path / "a.txt")
    with pytest.raises(ParameterError, match="got result=3; expected a ComparisonResult"):
        plot_comparison(3)


def test_the_legend_lies_above_the_curves_or_on_axes_that_are_given(result, tmp_path):
    ax = plot_comparison(result, tmp_path / "a.png")
    assert ax.get_legend() is None
    (legend,) = ax.figure.legends
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1
    own = Figure().subplots()
    assert plot_comparison(result, ax=own) is own
    assert [text.get_text() for text in own.get_legend().get_texts()] == [curve.strategy for curve in result.curves]


@pytest.mark.parametrize("without", [[0], [1], [0, 1]])
def test_the_curve_is_drawn_where_intervals_are_missing(result, without, tmp_path):
    bare = Estimate(0.9, reason="too few groups")
    curves = [
        dataclasses.replace(
            curve,
            accuracies=[bare if i in without else estimate for i, estimate in enumerate(curve.accuracies)],
            extrapolation=dataclasses.replace(curve.extrapolation, accuracy=bare),
        )
        for curve in result.curves
    ]
    plot_comparison(dataclasses.replace(result, curves=curves), tmp_path / "a.svg")
    assert "nan" not in (tmp_path / "a.svg").read_text()


# The command

NETWORK = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--device", "cpu")
FROZEN = ("--strategy", "frozen", "--strategy", "frozen:knn", "--set", "frozen.C=0.01,0.1")


def featx(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty images in each of two classes."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 60)):
        (root / name).mkdir()
        for number in range(20):
            pixels = rng.integers(low, low + 190, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_the_command_prints_tables_and_verdicts_and_goes_on(folder, tmp_path, forwards, own_cache):
    files = ("--json", tmp_path / "a.json", "--plot", tmp_path / "a.svg")
    arguments = ("compare", folder, *NETWORK, *FROZEN, "--train-size", 0.3, "--train-size", 30, "--repeats", 2, *files)
    first = featx(*arguments)
    lines = first.stdout.splitlines()
    assert "2 random splits with 10 test images each" in lines[1]
    headers = [line.split() for line in lines if line.startswith("strategy  ")]
    assert headers[:2] == headers[2:4]
    assert headers[1] == ["strategy", "extraction", "training", "prediction"]
    for size in ("12 images (6 a class): ", "30 images (15 a class): "):
        place = next(place for place, line in enumerate(lines) if line.startswith(f"at {size}"))
        # What to do stands first, the figures below.
        assert "use frozen" in lines[place]
        assert lines[place + 1].startswith("  ")
        block = "\n".join(lines[place : place + 20])
        assert "frozen - frozen:knn" in block or "frozen:knn - frozen" in block
        assert "largest class   50.0 %" in block or "largest class  50.0 %" in block
    assert len([line for line in lines if line.startswith(("frozen *", "frozen:knn *"))]) == 2
    assert "* the best figure was picked for being the best" in first.stdout
    assert "extrapolated by a power law through 2 sizes, not measured" in first.stdout
    assert "small and" in first.stdout
    assert "seconds are what it would take without a cache" in first.stdout
    assert "large from 100 images a class on is a convention" in first.stdout
    assert "frozen:knn, 30 images, repeat 2 of 2: " in first.stderr
    assert " left" in first.stderr
    found = json.loads((tmp_path / "a.json").read_text())
    assert [size["n_train"] for size in found["sizes"]] == [12, 30]
    assert (tmp_path / "a.svg").exists()
    forwards.since()
    second = featx(*arguments)
    assert "8 of 8 runs were finished already" in second.stderr
    assert second.stdout == first.stdout
    assert forwards.count == 0
    assert len(list((own_cache / "comparisons").iterdir())) == 9


def test_the_command_of_the_readme_is_understood():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = [
        block for block in re.findall(r"```bash\n(.*?)```", readme, flags=re.DOTALL) if "featx compare" in block
    ]
    _, name, *arguments = shlex.split(block.replace("\\\n", " "))
    chosen = main.commands[name].make_context(name, arguments).params
    assert chosen["strategies"] == ("frozen:svm", "finetuned", "scratch")
    assert chosen["train_sizes"] == (0.1, 0.3, 0.75)


def test_json_to_standard_output_is_json_only_and_quiet_is_quiet(folder, tmp_path):
    options = ("--repeats", 1, "--no-transfer", "--cache", "none", "--folder", tmp_path / "runs", "--json", "-", "-q")
    done = featx("compare", folder, *NETWORK, "--strategy", "frozen", "--set", "frozen.C=0.01", *options)
    assert json.loads(done.stdout)["stages"] is None
    assert done.stderr == ""
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_the_rarest_class_is_shown_where_classes_are_uneven():
    result = compare_strategies(images_of([60, 20]), {"net": Network(0.2)}, repeats=1)
    assert "the rarest class has 15 training images" in render_text(comparison_parts(result))
    assert result.sizes[0].baseline == 0.75
    even = compare_strategies(images_of([40, 40]), {"net": Network(0.2)}, repeats=1)
    assert "the rarest class" not in render_text(comparison_parts(even))


def test_a_strategy_that_does_not_beat_the_largest_class_is_warned_of():
    strategies = {"good": Network(), "guess": Network(0.24), "bad": Network(0.9), "worse": Network(0.95)}
    result = compare_strategies(images_of([60, 20]), strategies, repeats=3)
    (size,) = result.sizes
    figures = {found.strategy: f"{100 * found.accuracy.value:.1f} %" for found in size.strategies}
    assert size.warnings == [
        f"guess ({figures['guess']}) is not distinguishably better than always answering the largest class (75.0 %)",
        f"bad ({figures['bad']}) and worse ({figures['worse']}) are no better than always answering the largest class "
        "(75.0 %)",
    ]
    assert all(f"warning: {text}" in render_text(comparison_parts(result)) for text in size.warnings)
    assert json.loads(result.to_json())["sizes"][0]["baseline"] == 0.75


def test_the_largest_class_is_that_of_the_training_part_of_each_repeat():
    y, test = np.repeat([0, 1], [50, 50]), np.array([0, 1, 2, 60])
    plan = [Repeat(0, test, [np.array([5, 6, 70])]), Repeat(1, test, [np.array([5, 70, 71])])]
    run = RunResult(np.eye(2)[y[test]], None, None, dict.fromkeys(["extraction", "training", "prediction"], 1.0), 1.0)
    size = SummaryStatistics(y, 2, None, plan, {"net": "other"}, 0).size(0, {"net": [run, run]})
    assert size.baseline == pytest.approx((0.75 + 0.25) / 2)


def test_sentences_are_wrapped_to_a_terminal():
    result = compare_strategies(images_of([40, 40]), {"net": Network(0.1), "other": Network(0.2)}, repeats=3)
    assert max(map(len, render_text(comparison_parts(result)).splitlines())) > 120
    narrow = render_text(comparison_parts(result), width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    words = render_text(comparison_parts(result)).split()
    assert sorted(set(narrow.split()) - {"-" * n for n in range(100)}) == sorted(
        set(words) - {"-" * n for n in range(100)}
    )


def test_several_backbones_are_compared_at_once(folder):
    more = (
        "--backbone",
        "mnasnet0_5",
        "--repeats",
        1,
        "--no-transfer",
        "--strategy",
        "frozen",
        "--set",
        "frozen.C=0.01",
    )
    shown = featx("compare", folder, *NETWORK, *more).stdout
    assert "frozen on squeezenet1_1" in shown
    assert "frozen on mnasnet0_5" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--strategy", "frozn"], ["no strategy 'frozn'", "Did you mean frozen"]),
        (["--strategy", "frozen:tree"], ["no head 'tree'"]),
        (["--strategy", "frozen", "--set", "finetuned.epochs=1"], ["finetuned", "not among the strategies"]),
        (["--strategy", "frozen", "--train-size", "0.9"], ["0.9", "the most is 0.75"]),
        (["--strategy", "frozen", "--train-size", "3"], ["has 1 image, fewer than the 2"]),
        (["--strategy", "frozen", "--layer", "layer99"], ["strategy frozen", "layer99"]),
        (["--strategy", "frozen", "--plot", "curve.txt"], ["curve.txt", ".svg"]),
        (["--strategy", "frozen", "--plot", "nowhere/curve.png"], ["no folder"]),
        (["--strategy", "frozen", "--json", "nowhere/a.json"], ["no folder"]),
    ],
)
def test_what_cannot_be_is_one_line_before_any_image_is_forwarded(folder, forwards, options, words):
    done = featx("compare", folder, *NETWORK, *options, "-q", code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("featx: ")
    assert all(word in line for word in words), line
    assert done.stdout == ""
    assert forwards.count == 0


@pytest.mark.parametrize("options", [["--set", "epochs=3"], ["--train-size", "many"], ["--repeats", "0"]])
def test_arguments_that_make_no_sense_are_usage_errors(folder, options):
    assert "Usage: " in featx("compare", folder, *options, code=2).stderr
