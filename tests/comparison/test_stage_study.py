"""Promised: stages are compared on training images alone, and a domain is claimed from intervals."""

import numpy as np
import pytest

from comparisons import Network
from featx import CNNFeatureTransformer, compare_strategies
from featx.comparison.stage_study import compare_stages, predict_by_stages
from featx.evaluation.paired import compare_paired
from featx.extraction.extract import ExtractionResult


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


def test_a_network_of_one_stage_has_no_domain():
    y = np.arange(60) % 2
    study = compare_stages("net", y[:, None], {("head", "avg"): 4}, y)
    assert (study.best, study.domain) == ("head", "undecided")
