"""Promised: CNNFineTuneClassifier is a scikit-learn classifier, for labels of every type and images in every form."""

import io
import pickle

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from featx import Augmentation
from featx.exceptions import (
    DatasetError,
    ImageDecodeError,
)
from trainings import COUNT, classifier, coloured


def _suite():
    """Yield scikit-learn's checks; in the quick form each once, and not again with arrays in read-only memory."""
    # The accuracy that the suite wants comes from strips of two pixels, so that their range has to be told.
    own = classifier(value_range=(-120, 120), head_init="logistic", epochs=1)
    for estimator, check in estimator_checks_generator(own, mark="xfail"):
        name, settings = check.func.__name__, check.keywords
        ids = ",".join([name, *(f"{key}={value}" for key, value in settings.items())])
        marks = [pytest.mark.long] if settings.get("readonly_memmap") else []
        yield pytest.param(estimator, check, id=ids, marks=marks)


@pytest.mark.parametrize(("estimator", "check"), list(_suite()))
def test_scikit_learns_own_suite(estimator, check):
    check(estimator)


def test_cross_validation_and_a_grid_over_rate_and_stages(data, forwards):
    X, y = data
    assert cross_val_score(classifier(), X, y, cv=2).mean() > 0.9
    forwards.since()
    cross_val_score(classifier(head_init="random", epochs=1), X, y, cv=2)
    assert forwards.since() == COUNT  # by the tuned network of each fold; below the boundary everything is known
    grid = {"learning_rate": [1e-5, 1e-4], "trainable_stages": [0, np.int64(2)]}
    search = GridSearchCV(classifier(epochs=1), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.9
    assert search.predict(X).shape == (COUNT,)


@pytest.mark.parametrize("how", [pickle, joblib], ids=["pickle", "joblib"])
def test_a_fitted_one_survives_a_round_trip(data, how):
    X, y = data
    fitted = classifier(cache=None).fit(X, y)
    file = io.BytesIO()
    how.dump(fitted, file)
    assert len(file.getvalue()) < 1.1 * sum(v.nbytes for v in fitted.state_.values()) + 100_000
    file.seek(0)
    assert np.array_equal(how.load(file).predict_proba(X), fitted.predict_proba(X))


def test_cloning_keeps_every_parameter(data):
    augmentation = Augmentation(rotation=3.0)
    model = classifier(augmentation=augmentation, class_weight={0: 2.0}, trainable_stages=["features.12"])
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(clone(model.fit(*data)), "state_")


@pytest.mark.parametrize(
    "names",
    [np.array(["cat", "dog", "owl"]), np.array(["cat", "dog", "owl"], dtype=object), np.array([7, -1, 3])],
    ids=["str", "object", "int"],
)
def test_labels_of_every_type_come_back_as_they_were(data, names):
    X, y = data
    fitted = classifier(epochs=1).fit(X, names[y])
    assert fitted.classes_.tolist() == sorted(names)
    assert fitted.predict(X).tolist() == names[y].tolist()


def test_labels_may_be_true_and_false():
    X, y = coloured(2)
    fitted = classifier(epochs=1).fit(X, y == 1)
    assert fitted.predict(X).tolist() == (y == 1).tolist()
    assert fitted.classes_.dtype == bool


def test_images_come_in_every_form(data, tmp_path):
    X, y = data
    paths = [str(tmp_path / f"{i}.png") for i in range(COUNT)]
    for path, pixels in zip(paths, X, strict=True):
        Image.fromarray(pixels).save(path)
    expected = classifier(epochs=1, cache=None).fit(X, y)
    for form in (paths, [Image.open(path) for path in paths]):
        fitted = classifier(epochs=1, cache=None).fit(form, y)
        np.testing.assert_allclose(fitted.predict_proba(form), expected.predict_proba(X), atol=1e-6)
        assert not hasattr(fitted, "n_features_in_")
    rows = X.reshape(COUNT, -1)
    fitted = classifier(epochs=1, cache=None, value_range=(0, 255)).fit(rows, y)
    assert fitted.n_features_in_ == rows.shape[1]
    assert fitted.score(rows, y) == expected.score(X, y)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.zeros(COUNT, int), DatasetError, "only one class, '0'"),
        (None, ValueError, "pass the labels"),
        (np.arange(5), ValueError, "inconsistent"),
        (np.linspace(0, 1, COUNT), ValueError, "continuous"),
        (np.array([None] * 4 + ["a", "b"] * 10, dtype=object), (ValueError, TypeError), "None|not supported|type"),
        (np.array([np.nan] * 4 + [0.0, 1.0] * 10), ValueError, "NaN"),
    ],
    ids=["one class", "none", "short", "continuous", "some unlabelled", "NaN"],
)
def test_labels_that_teach_nothing_are_refused(data, labels, error, message, forwards):
    with pytest.raises(error, match=message):
        classifier().fit(data[0], labels)
    assert forwards.since() == 0


def test_an_unreadable_image_stops_the_training_by_name(data, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(COUNT)]
    for path, pixels in zip(paths, data[0], strict=True):
        Image.fromarray(pixels).save(path)
    with open(paths[7], "wb") as file:
        file.write(b"no image")
    for options in ({}, {"boundary_cache_bytes": 0, "head_init": "random"}):
        with pytest.raises(ImageDecodeError, match=r"7\.png"):
            classifier(**options).fit(paths, data[1])


def test_labels_that_training_has_not_seen_count_as_errors(data):
    X, y = data
    names = np.array(["a", "b", "c"])
    assert classifier().fit(X, names[y]).score(X, np.full(COUNT, "new")) == 0.0
