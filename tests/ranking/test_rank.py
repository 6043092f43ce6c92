"""Promised: each embedding is computed once, what cannot win is not forwarded again, and the best is kept."""

from itertools import chain, product

import numpy as np
import pytest

from featx import (
    CNNFeatureTransformer,
    DatasetError,
    ImageDecodeError,
    LayerError,
    ParameterError,
    rank_backbones,
)
from featx.ranking.judge import accuracy_of, predict_rows, transferability_scores
from featx.ranking.plan import plan_ranking
from featx.ranking.speed import TIMED_PASSES
from rankings import digits

NETWORKS = ["squeezenet1_1", "squeezenet1_0"]
SEARCH = {"backbones": NETWORKS, "poolings": ["avg", "max"], "cv": 2}


def nearest_means(head, X, rows):
    """Return the class of the nearest mean of the other folds: a hundred times as fast as heads that are tuned."""
    found = np.empty((len(rows.folds), len(X)), dtype=int)
    for repeat, folds in enumerate(rows.folds):
        for train, test in folds:
            means = [X[train][rows.truth[train] == number].mean(axis=0) for number in np.unique(rows.truth)]
            found[repeat, test] = np.argmin([((X[test] - mean) ** 2).sum(axis=1) for mean in means], axis=0)
    return found


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch, request):
    """Have a fast head, and leave out the scores that decide nothing; both have tests of their own."""
    from featx.evaluation.estimates import Estimate

    if "real_heads" not in request.fixturenames:
        scores = Estimate(0.0), Estimate(0.0)
        monkeypatch.setattr("featx.ranking.rank.transferability_scores", lambda *_: scores)
        monkeypatch.setattr("featx.ranking.rank.predict_rows", nearest_means)


@pytest.fixture
def real_heads():
    """Have nothing replaced."""


@pytest.fixture
def transformer(tiny, tmp_path):
    return CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")


@pytest.fixture
def guesses(monkeypatch):
    """Have heads be right as often as is set for each network's width of embeddings, and neighbours never."""
    right = {}

    def predict(head, X, rows):
        share = 0.0 if head == "knn" else right[X.shape[1]]
        wrong = np.random.default_rng(0).random(len(X)) >= share
        return np.where(wrong, 1 - rows.truth, rows.truth)[None]

    monkeypatch.setattr("featx.ranking.rank.predict_rows", predict)
    return right


def test_networks_are_ranked_on_a_part_and_each_embedding_is_computed_once(transformer, forwards):
    data = digits(200)
    result = rank_backbones(data, transformer, **SEARCH, images=112)
    assert forwards.since() == result.n_forwarded + result.n_timed
    assert result.n_timed == 2 * TIMED_PASSES
    assert result.rounds == [40, 80]
    assert result.n_embedded == result.n_forwarded <= 2 * 80
    assert result.n_full == 400
    assert result.share_of_full <= 112 / 200
    assert len(result.candidates) == 4
    assert {(one.backbone, one.pooling) for one in result.candidates} == set(product(NETWORKS, ["avg", "max"]))
    assert sum(one.recommended for one in result.candidates) == 1
    assert result.recommended.undistinguished
    assert result.undistinguished[0].accuracy.value == max(one.accuracy.value for one in result.undistinguished)
    assert all(one.accuracy.has_interval and one.seconds > 0 for one in result.candidates)
    again = rank_backbones(data, transformer, **SEARCH, images=112)
    assert forwards.since() == again.n_timed
    assert [one.accuracy for one in again.candidates] == [one.accuracy for one in result.candidates]


def test_what_can_no_longer_be_the_best_is_not_forwarded_on_more_images(transformer, guesses, forwards):
    search = {"backbones": NETWORKS, "layers": ["features.10"], "cv": 2, "images": 192}
    guesses.update({384: 0.95, 512: 0.4})  # by the widths of the two
    result = rank_backbones(digits(300), transformer, **search)
    best, worse = result.candidates
    # One was left after the first round, so that no other was held.
    assert (best.backbone, worse.backbone) == ("squeezenet1_1", "squeezenet1_0")
    assert result.rounds == [40]
    assert result.n_embedded == 80
    assert worse.p_value < 0.05
    assert (worse.undistinguished, worse.recommended) == (False, False)
    assert (result.warnings, result.resolution) == ([], None)
    guesses.update({384: 0.9, 512: 0.89})
    result = rank_backbones(digits(300), transformer, **search)
    assert result.rounds == [40, 80, 160]
    assert result.n_embedded == 320
    assert all(one.undistinguished for one in result.candidates)
    assert result.resolution.n_images == 160
    assert 0.05 < result.resolution.difference < 0.5
    assert result.warnings == []
    guesses.update({384: 0.5, 512: 0.5})
    (warning,) = rank_backbones(digits(300), transformer, **search).warnings
    assert "always answering the largest class" in warning


def test_of_three_networks_the_one_that_is_eliminated_is_neither_forwarded_nor_judged_again(transformer, guesses):
    networks = [*NETWORKS, "mobilenet_v3_small"]
    guesses.update({384: 0.95, 512: 0.4, 96: 0.95})  # by the widths of the three
    result = rank_backbones(digits(300), transformer, backbones=networks, layers=["features.10"], cv=2, images=192)
    assert result.rounds == [40, 80, 160]
    assert result.n_embedded == 160 + 160 + 40
    assert [(one.backbone, one.n_images) for one in result.candidates][2] == ("squeezenet1_0", 40)
    assert [one.n_images for one in result.undistinguished] == [160, 160]


def test_copies_and_groups_stay_on_one_side_and_a_test_part_is_left_aside(transformer, monkeypatch, remarks):
    data = digits(90, groups=np.repeat(np.arange(30), 3), split=np.repeat(["training", "test"], [60, 30]))
    seen = []

    def predict(head, X, rows):
        seen.append(rows)
        return rows.truth[None]

    monkeypatch.setattr("featx.ranking.rank.predict_rows", predict)
    result = rank_backbones(data, transformer, cv=2)
    assert result.n_images == 60
    assert any("test part of the split" in text for text in remarks())
    for rows in seen:
        for train, test in chain.from_iterable(rows.folds):
            assert not set(rows.groups[train]) & set(rows.groups[test])
    assert "whole groups on one side" in result.protocol


def test_every_candidate_has_the_figures_of_its_embeddings(transformer, real_heads):
    (found,) = rank_backbones(digits(40), transformer, cv=2).candidates
    X = transformer.fit_transform(digits(40).images)
    assert X.shape == (found.n_images, found.width) == (40, 512)
    rows = plan_ranking(digits(40), transformer, cv=2).judged_rows(np.arange(40))
    assert rows.truth.tolist() == digits(40).labels.astype(int).tolist()
    assert found.accuracy == accuracy_of(predict_rows("logistic", X, rows), rows)
    assert found.knn_accuracy == accuracy_of(predict_rows("knn", X, rows), rows)
    assert (found.log_evidence, found.h_score) == transferability_scores(X, rows)


def test_images_that_cannot_be_read_are_left_out_or_raise(transformer, tmp_path):
    data = digits(60)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    data.images[7] = str(broken)
    with pytest.raises(ImageDecodeError):
        rank_backbones(data, transformer, cv=2)
    result = rank_backbones(data, transformer.set_params(on_error="skip"), cv=2)
    assert [(failure.index, failure.name) for failure in result.failures] == [(7, "digit 7")]
    assert result.candidates[0].n_images == 59


def test_without_a_cache_the_figures_are_the_same(transformer, forwards):
    result = rank_backbones(digits(60), transformer, cv=2)
    forwards.since()
    again = rank_backbones(digits(60), transformer.set_params(cache=None), cv=2)
    assert forwards.since() == 60 + TIMED_PASSES
    assert again.candidates[0].accuracy == result.candidates[0].accuracy


def test_what_cannot_be_ranked_is_refused_before_an_image_is_read(transformer):
    data = digits(30)
    data.images[:] = ["missing.png"] * 30
    for wrong in ({"images": 0}, {"cv": 1}, {"backbones": []}, {"backbones": "resnet18"}, {"images": 2.5}):
        with pytest.raises(ParameterError, match=f"got {next(iter(wrong))}="):
            rank_backbones(data, transformer, **wrong)
    with pytest.raises(LayerError, match="no layer"):
        rank_backbones(data, transformer, layers=["nothing"])
    with pytest.raises(DatasetError, match="100 folds need"):
        rank_backbones(data, transformer, cv=100)


def test_where_too_few_are_left_the_unreadable_ones_are_named(transformer, tmp_path):
    data = digits(40)
    lost = np.flatnonzero(data.labels == "0")[3:]
    for row in lost:
        (tmp_path / f"{row}.png").write_bytes(b"no image %d" % row)
        data.images[row] = str(tmp_path / f"{row}.png")
    with pytest.raises(DatasetError, match=r"class '0' has . images?, fewer than the 5 that 5 folds need") as caught:
        rank_backbones(data, transformer.set_params(on_error="skip"), images=30)
    step = caught.value.next_step
    assert "images that cannot be read are not counted. The first is digit " in step
    assert step.endswith("Mend or replace them, or rank on more images: images=N (--images N).")
    with pytest.raises(DatasetError, match="Add images") as caught:
        rank_backbones(data.take(np.setdiff1d(np.arange(40), lost)), transformer)
    assert "cannot be read" not in str(caught.value)
