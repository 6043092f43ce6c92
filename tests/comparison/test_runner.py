"""Promised: costs are what they would be without a cache, and heads are tuned on training rows only."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from comparisons import QUICK, Network
from featx import CNNFeatureTransformer, compare_strategies, make_strategy
from featx.comparison.repeats import draw_repeats
from featx.comparison.runner import _uncached
from featx.datasets.dataset import ImageDataset
from featx.extraction.extract import ExtractionResult
from featx.extraction.pace import PACE_IMAGES
from featx.heads.tuned_head import TunedHead
from featx.process import forget


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
    few = ExtractionResult(n_images=200, n_forwarded=PACE_IMAGES - 1, seconds=spent)
    assert _uncached(few, lambda: 0.05) == pytest.approx(4 + 200 * 0.05)


@pytest.mark.parametrize("cache", ["auto", None])
def test_frozen_strategies_forward_each_image_once_and_some_for_the_timing(dataset, tiny, forwards, cache):
    transformer = CNNFeatureTransformer(**tiny, cache=cache)
    own = make_pipeline(transformer, StandardScaler(), GaussianNB())
    heads = {"frozen:knn": make_strategy("frozen:knn", transformer), "own": own}
    result = compare_strategies(dataset, heads, repeats=2, train_sizes=[0.3, 0.75])
    # The first 24 training rows count for all; eight of them warm the network up, twice.
    assert forwards.count == 80 + 24 + 2 * 8
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
    (repeat,) = draw_repeats(grouped.labels, groups=grouped.groups, train_sizes=[0.4], repeats=1)
    ((X, y, groups),) = seen
    np.testing.assert_array_equal(X, transformer.fit_transform([grouped.images[row] for row in repeat.trains[0]]))
    assert y.tolist() == grouped.labels[repeat.trains[0]].tolist()
    assert groups.tolist() == grouped.groups[repeat.trains[0]].tolist()


def test_what_an_svm_takes_is_said_of_all_runs(dataset, tiny, monkeypatch, caplog):
    forget("remarks")
    monkeypatch.setattr("featx.heads.svm_cost.MOST_SECONDS", 1e-9)
    transformer = CNNFeatureTransformer(**tiny)
    strategies = {"frozen:svm": make_strategy("frozen:svm", transformer, parameters={"C": [1.0]})}
    result = compare_strategies(dataset, strategies, repeats=2, train_sizes=[20, 40])
    (note,) = [note for note in result.notes if "head svm" in note]
    assert "for up to 40 images" in note
    assert "tuned and fitted 4 times" in note
    assert [text for text in caplog.messages if "head svm" in text] == [note]
    forget("remarks")
