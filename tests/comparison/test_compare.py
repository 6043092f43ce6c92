"""Promised: all strategies see the same rows, no figure is flattered, and what cannot be is refused at once."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVR

from comparisons import (
    QUICK,
    Network,
    fits,
    images_of,
)
from featx import CNNFeatureTransformer, DatasetError, FeatxError, ParameterError, compare_strategies, make_strategy
from featx.datasets.dataset import ImageDataset
from featx.evaluation.resampled import corrected_interval, corrected_test
from wilson import assert_wilson


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
    assert_wilson(other.accuracy, 20 - wrong, 20)
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
    assert pair.p_value == pair.p_adjusted == corrected_test(gains, **rows).p_value
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


def test_networks_are_compared_with_frozen_features(dataset, tiny, tmp_path):
    transformer = CNNFeatureTransformer(**tiny)
    quick = {"epochs": 1, "augment_draws": 1}
    strategies = {
        "frozen": make_strategy("frozen", transformer, parameters=QUICK),
        "finetuned": make_strategy("finetuned", transformer, parameters=quick),
        "scratch": make_strategy("scratch", transformer, parameters=quick),
    }
    result = compare_strategies(dataset, strategies, train_sizes=[0.1, 0.2], repeats=1, folder=tmp_path)
    for size in result.sizes:
        found = {strategy.strategy: strategy for strategy in size.strategies}
        assert set(found) == set(strategies)
        assert all(strategy.validation_accuracy is not None for strategy in found.values())
        assert all(strategy.train_accuracy is not None for strategy in found.values())
        assert all(min(strategy.seconds.values()) >= 0 for strategy in found.values())
        assert {strategy.kind for strategy in found.values()} == {"frozen", "scratch"}  # the weights are random
    assert "on augmented draws" in " ".join(result.notes)
    assert not list(tmp_path.glob("*.ckpt"))
    assert compare_strategies(dataset, strategies, train_sizes=[0.1, 0.2], repeats=1, folder=tmp_path).runs_found == 6


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


def test_too_few_images_for_the_stages_are_a_note(tiny):
    few = images_of([4, 40])
    result = compare_strategies(
        few, {"net": Network()}, repeats=1, test_size=0.5, transfer=CNNFeatureTransformer(**tiny)
    )
    assert result.stages is None
    assert not result.cases
    assert any("the stages were not compared: a class has 2 training images" in note for note in result.notes)


@pytest.mark.parametrize(
    ("strategies", "options", "words"),
    [
        ({}, {}, "expected a mapping of names"),
        ("frozen", {}, "expected a mapping of names"),
        ({"plain": LinearSVR()}, {}, "strategy plain is no classifier"),
        ({"plain": make_pipeline(LinearSVR())}, {}, "strategy plain is no classifier"),
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
        finetuned = make_strategy("finetuned", CNNFeatureTransformer(**tiny), parameters=parameters)
        with pytest.raises(ParameterError, match="strategy finetuned: "):
            compare_strategies(dataset, {"net": Network(), "finetuned": finetuned})
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


def test_test_sets_of_different_sizes_are_noted():
    groups = np.repeat([f"group {n}" for n in range(8)], [3, 17, 5, 14, 7, 12, 9, 13])
    data = replace(images_of([40, 40]), groups=groups)
    result = compare_strategies(data, {"a": Network(0.1), "b": Network(0.2)}, repeats=3)
    sizes = [int((result.sizes[0].strategies[0].predictions.parts == f"repeat {number}").sum()) for number in (1, 2, 3)]
    assert len(set(sizes)) > 1
    (note,) = [note for note in result.notes if note.startswith("accuracies are means over the repeats")]
    assert f"which test {min(sizes)} to {max(sizes)} images" in note
    even = compare_strategies(images_of([40, 40]), {"a": Network(0.1)}, repeats=3)
    assert not [note for note in even.notes if "means over the repeats" in note]
