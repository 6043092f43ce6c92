"""Promised: a fit reads each image once, keeps the best of all views and heads, and refuses before it reads."""

import itertools
import json

import numpy as np
import pytest

from featx import CNNFeatureTransformer, DatasetError, FitResult, ImageDataset, ParameterError, fit_model, load_model
from featx.heads import tuned_head
from featx.workflows.fit import plan_fit

SEARCH = {"poolings": ["avg", "max"], "grids": {"logistic": {"C": [0.01]}}, "cv": 3}


@pytest.fixture
def dataset():
    """Twelve images of noise in each of two classes."""
    rng = np.random.default_rng(0)
    images = [rng.integers(low, low + 128, (16, 16, 3), dtype=np.uint8) for low in (0, 128) for _ in range(12)]
    return ImageDataset(images, [f"image {n}" for n in range(24)], np.repeat(["dark", "light"], 12))


def test_all_views_are_computed_by_one_pass_and_the_best_is_kept(dataset, tiny, forwards, tmp_path):
    result = fit_model(dataset, CNNFeatureTransformer(**tiny), **SEARCH)
    assert isinstance(result, FitResult)
    assert forwards.since() == result.extraction.n_forwarded == 24
    assert result.extraction.embeddings == []
    kept = result.model[0]
    assert (kept.pooling, kept.prefetch) == (result.evaluation.pooling, ())
    assert kept.embedding_dim_ == result.model[1:].n_features_in_
    result.save(tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    assert (loaded.predict(dataset.images) == result.model.predict(dataset.images)).all()
    table = result.evaluation.predictions
    assert table.accuracy == result.evaluation.metrics["accuracy"].value
    assert (table["row"].tolist(), table["path"].tolist()) == (list(range(24)), dataset.names)
    assert sorted(set(table["part"])) == ["fold 1", "fold 2", "fold 3"]
    found = json.loads(result.to_json())
    assert "predictions" not in found["evaluation"]
    assert found["evaluation"]["pooling"] == kept.pooling
    assert found["extraction"]["n_images"] == 24


def test_unreadable_images_are_left_out_and_listed_where_they_were(dataset, tiny, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not an image")
    images = [dataset.images[0], str(bad), *dataset.images[1:]]
    labels = np.insert(dataset.labels, 1, "dark")
    data = ImageDataset(images, ["first", "bad", *dataset.names[1:]], labels)
    result = fit_model(data, CNNFeatureTransformer(**tiny, on_error="skip"), **SEARCH)
    assert [(failure.index, failure.name) for failure in result.extraction.failures] == [(1, "bad")]
    assert sum(map(sum, result.evaluation.confusion_matrix)) == 24
    table = result.evaluation.predictions
    assert table["path"].tolist() == [name for name in data.names if name != "bad"]
    assert table["row"].tolist() == [row for row in range(25) if row != 1]
    assert table["label"].tolist() == [label for row, label in enumerate(labels) if row != 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test_size": 0.2, "test": True}, "got both a test set and test_size"),
        ({"poolings": ["avg", "median"]}, "median"),
        ({"heads": ["logistic", "tree"]}, "no head 'tree'"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_any_image_is_read(dataset, tiny, options, words):
    unread = ImageDataset(["/none/a.png"] * 24, dataset.names, dataset.labels)
    if "test" in options:
        options = {**options, "test": dataset}
    with pytest.raises(ParameterError, match=words):
        fit_model(unread, CNNFeatureTransformer(**tiny), **options)


def test_copies_are_known_once_the_content_is(dataset, tiny):
    plan = plan_fit(dataset, CNNFeatureTransformer(**tiny), **SEARCH)
    assert plan.data.keys == []
    assert [pooling for _, pooling in plan.passes[0].views] == ["avg", "max"]
    assert [(fits.view[1], len(fits.sizes)) for fits in plan.head_fits] == [("avg", 3), ("max", 3)]
    keys = [bytes([number // 2]) * 32 for number in range(24)]
    again = plan.with_keys(keys)
    assert (again.data.dataset.together[::2] == again.data.dataset.together[1::2]).all()
    assert len(np.unique(again.data.dataset.together)) == 12
    for train, test in again.data.split.splits:
        assert not set(again.data.dataset.together[train]) & set(again.data.dataset.together[test])


def test_several_networks_are_searched_each_in_one_pass(dataset, tiny, forwards, tmp_path):
    transformer = CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")
    names = ["squeezenet1_1", "squeezenet1_0"]
    result = fit_model(dataset, transformer, backbones=names, **SEARCH)
    assert forwards.since() == result.extraction.n_forwarded == 2 * len(dataset)
    found = result.evaluation
    assert {(c.backbone, c.pooling) for c in found.candidates} == set(itertools.product(names, ["avg", "max"]))
    assert found.backbone == result.model[0].backbone
    assert found.pooling == result.model[0].pooling
    assert found.place in repr(result)
    kept = result.model[0].transform(dataset.images)
    assert np.allclose(kept, result.embeddings)
    result.save(tmp_path / "m.skops")
    loaded = load_model(tmp_path / "m.skops")
    assert (loaded.predict(dataset.images) == result.model.predict(dataset.images)).all()
    assert result.to_dict()["evaluation"]["backbone"] == found.backbone
    one = fit_model(dataset, transformer, backbones=["squeezenet1_1"], **SEARCH).to_dict()["evaluation"]
    assert one["metrics"] == fit_model(dataset, transformer, **SEARCH).to_dict()["evaluation"]["metrics"]
    assert "backbone" not in one
    assert "backbone" not in one["candidates"][0]


def test_an_image_that_a_network_cannot_read_is_left_out_of_all(dataset, tiny, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = [*dataset.images[:-1], str(tmp_path / "broken.png")]
    transformer = CNNFeatureTransformer(**tiny, cache=None, on_error="skip")
    data = ImageDataset(images, dataset.names, dataset.labels)
    result = fit_model(data, transformer, backbones=["squeezenet1_1", "squeezenet1_0"], **SEARCH)
    assert [failure.index for failure in result.extraction.failures] == [len(images) - 1]
    assert result.evaluation.n_images == len(images) - 1


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8, 8), dtype=np.uint8) for _ in range(48)]
    labels = np.array(24 * ["a", "b"])
    return ImageDataset(images, [str(i) for i in range(48)], labels, np.repeat(np.arange(12), 4).astype(str))


def test_groups_stay_together_beside_another_test_set(tiny, noise, monkeypatch):
    seen = []
    original = tuned_head.inner_folds
    monkeypatch.setattr(tuned_head, "inner_folds", lambda *args: seen.append(original(*args)) or seen[-1])
    test = ImageDataset(noise.images[:4], noise.names[:4], noise.labels[:4])
    fit_model(noise, CNNFeatureTransformer(**tiny), test=test, grids={"logistic": {"C": [0.01, 1.0]}})
    for train, held_out in seen[0]:
        assert not set(noise.groups[train]) & set(noise.groups[held_out])


def test_a_head_that_does_not_exist_is_refused_before_any_image_is_forwarded(tiny, noise, forwards):
    with pytest.raises(ParameterError, match="no head 'tree'"):
        fit_model(noise, CNNFeatureTransformer(**tiny), heads=["tree"])
    assert forwards.count == 0


@pytest.mark.parametrize("options", [{"cv": 40}, {"test_size": 1.5}])
def test_splits_that_cannot_be_are_refused_before_any_image_is_forwarded(tiny, noise, forwards, options):
    with pytest.raises((DatasetError, ParameterError)):
        fit_model(noise, CNNFeatureTransformer(**tiny), **options)
    assert forwards.count == 0


def test_images_that_are_not_drawn_are_not_forwarded(dataset, tiny, forwards):
    result = fit_model(dataset, CNNFeatureTransformer(**tiny), **SEARCH, per_class=4)
    assert forwards.since() == result.extraction.n_images == result.evaluation.model_fitted_on == 8
    assert "8 of 24 images drawn by per_class=4" in result.evaluation.notes
    table = result.evaluation.predictions
    assert [dataset.names[row] for row in table["row"]] == table["path"].tolist()
    more = fit_model(dataset, CNNFeatureTransformer(**tiny), **SEARCH, per_class=6)
    assert forwards.since() == more.extraction.n_forwarded == 4


def test_a_test_set_is_used_whole_whatever_is_drawn(dataset, tiny):
    options = {**SEARCH, "cv": None, "test": dataset.take(range(5, 20)), "per_class": 3}
    result = fit_model(dataset.take([*range(5), *range(20, 24)]), CNNFeatureTransformer(**tiny), **options)
    assert (result.evaluation.n_test, result.evaluation.model_fitted_on) == (15, 6)


def test_drawn_images_that_cannot_be_read_are_not_replaced(dataset, tiny, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not an image")
    data = ImageDataset([str(bad), *dataset.images[1:]], dataset.names, dataset.labels)
    options = {**SEARCH, "per_class": 11, "random_state": 0}
    result = fit_model(data, CNNFeatureTransformer(**tiny, on_error="skip"), **options)
    drawn = plan_fit(data, CNNFeatureTransformer(**tiny), **options).data.rows
    assert sum(map(sum, result.evaluation.confusion_matrix)) == 22 - (0 in drawn)
    assert [failure.index for failure in result.extraction.failures] == [0] * (0 in drawn)
    assert 0 in drawn


@pytest.mark.parametrize("wrong", [0, 2.5, "4", True])
def test_a_number_of_images_of_each_class_is_checked(dataset, tiny, wrong):
    with pytest.raises(ParameterError, match=r"per_class=.*; expected a positive integer"):
        fit_model(dataset, CNNFeatureTransformer(**tiny), **SEARCH, per_class=wrong)
