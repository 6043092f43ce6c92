"""Promised: CNNFeatureTransformer is a scikit-learn transformer like any other, for every way to hand over images."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from featx import CNNFeatureTransformer, read_image
from featx.exceptions import BackboneError, ImageDecodeError, LayerError, ParameterError, WeightsError

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}
RNG = np.random.default_rng(0)


def embedder(**options):
    return CNNFeatureTransformer(**{**TINY, **options})


# Without a cache, a convolution's last bits depend on the batch; the suite compares subsets to 1e-4 of every value.
@parametrize_with_checks([embedder(value_range="minmax"), embedder(value_range="minmax", cache=None, batch_size=1)])
def test_scikit_learns_own_suite(estimator, check):
    check(estimator)


@pytest.fixture
def paths(photos):
    return [photos[name] for name in ("china", "chelsea", "coffee", "rocket")]


@pytest.fixture
def expected(paths):
    return embedder(cache=None).fit_transform(paths)


def as_object_array(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        tuple,
        np.array,
        as_object_array,
        pd.Series,
        pl.Series,
        # NumPy 1 has no such type.
        lambda paths: np.array(paths, dtype=getattr(np.dtypes, "StringDType", lambda: object)()),
        lambda paths: np.array(paths)[:, None],
        lambda paths: [Path(path) for path in paths],
        lambda paths: [f"file://{path}" for path in paths],
        lambda paths: pd.DataFrame({"path": paths}),
        lambda paths: pl.DataFrame({"path": paths}),
        lambda paths: pd.Series([Path(path) for path in paths], index=list("abcd")),
        lambda paths: [Image.open(path).convert("RGB") for path in paths],
        lambda paths: [read_image(path) for path in paths],
        lambda paths: as_object_array([read_image(path) for path in paths]),
        lambda paths: [torch.from_numpy(read_image(path)) for path in paths],
        lambda paths: [read_image(path) / 255 for path in paths],
    ],
    ids=[
        "list",
        "tuple",
        "array",
        "objects",
        "pandas-series",
        "polars-series",
        "strings",
        "column",
        "Path",
        "URL",
        "pandas",
        "polars",
        "indexed",
        "PIL",
        "arrays",
        "object-arrays",
        "tensors",
        "floats",
    ],
)
def test_images_come_in_every_form(wrap, paths, expected):
    X = wrap(paths)
    got = embedder(cache=None).fit(X).transform(X)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("shape", [(5, 9, 11), (5, 9, 11, 1), (5, 9, 11, 3), (5, 9, 11, 4)])
def test_arrays_of_images_equal_their_list(shape):
    X = RNG.integers(0, 256, shape, dtype=np.uint8)
    for form in (X, X.tolist()):
        fitted = embedder(value_range=(0, 255)).fit(form)
        assert np.array_equal(fitted.transform(form), embedder(value_range=(0, 255)).fit_transform(list(X)))
    assert not hasattr(fitted, "n_features_in_")


def test_rows_of_digits_equal_their_images():
    digits = load_digits()
    rows = embedder(value_range=(0, 16)).fit(digits.data[:40])
    assert rows.n_features_in_ == 64
    images = embedder(value_range=(0, 16)).fit_transform(digits.images[:40])
    assert np.array_equal(rows.transform(digits.data[:40]), images)
    assert len(np.unique(images, axis=0)) == 40


@pytest.mark.parametrize(
    ("n_values", "image_shape", "shape"),
    [
        (4096, None, (64, 64)),
        (3 * 81, None, (9, 9, 3)),
        (3 * 64, None, (8, 8, 3)),
        (70, None, (1, 70)),
        (70, (7, 10), (7, 10)),
        (120, (5, 8, 3), (5, 8, 3)),
        (64, [4, 16], (4, 16)),
    ],
)
def test_rows_are_reshaped_by_rule_or_by_image_shape(n_values, image_shape, shape):
    X = RNG.random((3, n_values), dtype=np.float32)
    rows = embedder(image_shape=image_shape).fit_transform(X)
    assert np.array_equal(rows, embedder().fit_transform(X.reshape(3, *shape)))
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(n_values)])
    assert np.array_equal(embedder(image_shape=image_shape).fit_transform(frame), rows)


@pytest.mark.parametrize("image_shape", [(7, 9), (70,), (7, -10), (7.0, 10), "7x10", 70])
def test_image_shapes_that_do_not_fit_are_refused(image_shape):
    with pytest.raises(ParameterError, match="got image_shape="):
        embedder(image_shape=image_shape).fit(np.zeros((2, 70)))


IMAGE = np.zeros((6, 6, 3), np.uint8)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(5), "Expected 2D array, got 1D array"),
        ([1, 2, 3], r"got a 1D array of 3 numbers \(int\).*np.reshape\(X, \(1, -1\)\)"),
        ([], "0 sample.*pass images"),
        (np.zeros((0, 64)), "0 sample"),
        (np.zeros((0, 8, 8)), "0 sample"),
        (pd.DataFrame({"path": []}), "0 sample|at least one"),
        ("photo.jpg", "single image.*list of images"),
        (Path("photo.jpg"), "single image.*list of images"),
        (["a.png", 5.0], "type float in row 1 of X; expected a path"),
        (["a.png", None], "got no image in 1 of 2 rows of X .*: row 1. Leave"),
        ([[0.1, 0.2], [0.3]], "ragged"),
        (np.full((2, 64), np.nan), "NaN"),
        (np.full((2, 8, 8), np.nan), "NaN"),
        (np.full((2, 64), np.inf), "infinity"),
        (np.zeros((2, 3, 8, 8)), r"channels come first.*transpose\(0, 2, 3, 1\)"),
        (None, "got X of type NoneType"),
    ],
)
def test_x_that_is_no_collection_of_images_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        embedder().fit(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((2, 8, 8), 7.5), r"image 0: values from 7.5 to 7.5 lie outside 0 to 1.*value_range=\(low, high\)"),
        (np.full((2, 64), -0.5), r"lie outside 0 to 1.*value_range"),
        ([IMAGE, np.full((4, 4), np.nan)], "image 1: contains NaN"),
        (np.zeros((2, 8, 8, 5)), r"array of shape \(8, 8, 5\) is not an image"),
        ([np.zeros((3, 8, 8))], r"channels first.*transpose\(1, 2, 0\)"),
    ],
)
def test_arrays_that_are_no_images_are_refused_with_the_next_step(X, message):
    with pytest.raises(ImageDecodeError, match=message):
        embedder().fit_transform(X)


def test_x_and_y_of_different_length_are_refused(paths):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[4, 3\]"):
        embedder().fit(paths, [0, 1, 0])


def test_rows_of_another_length_are_refused():
    fitted = embedder().fit(np.zeros((2, 64)))
    with pytest.raises(ValueError, match="has 81 features, but CNNFeatureTransformer is expecting 64"):
        fitted.transform(np.zeros((2, 81)))


def test_fitting_again_forgets_the_rows_before(paths):
    fitted = embedder().fit(pd.DataFrame(np.zeros((2, 64)), columns=[f"pixel{i}" for i in range(64)]))
    fitted.fit(paths)
    assert not hasattr(fitted, "n_features_in_")
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.transform(np.zeros((2, 81))).shape == (2, 512)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"backbone": "squeezenet"}, BackboneError),
        ({"backbone": 5}, ParameterError),
        ({"weights": "IMAGENET1K_V7"}, WeightsError),
        ({"layer": "features.99"}, LayerError),
        ({"pooling": "mean"}, ParameterError),
        ({"pooling": "cls"}, LayerError),
        ({"prefetch": [("features.99", "avg")]}, LayerError),
        ({"prefetch": "stem"}, ParameterError),
        ({"prefetch": None}, ParameterError),
        ({"prefetch": [(-1, "avg")]}, ParameterError),
        ({"layer": -1}, ParameterError),
        ({"layer": ["stem"]}, ParameterError),
        ({"layer": True}, ParameterError),
        ({"device": None}, ParameterError),
        ({"random_state": None}, ParameterError),
        ({"random_state": 1.5}, ParameterError),
        ({"random_state": 2**64}, ParameterError),
        ({"prefetch": [("stem", "mean")]}, ParameterError),
        ({"image_size": -3}, ParameterError),
        ({"resize": "pad"}, ParameterError),
        ({"value_range": (1, 0)}, ParameterError),
        ({"precision": "double"}, ParameterError),
        ({"device": "tpu9"}, ParameterError),
        ({"batch_size": -10}, ParameterError),
        ({"n_jobs": 0}, ParameterError),
        ({"on_error": "nan"}, ParameterError),
        ({"cache": 5}, ParameterError),
    ],
    ids=str,
)
def test_fit_refuses_bad_parameters(options, error, paths):
    with pytest.raises(error):
        embedder(**options).fit(paths)


def test_a_column_of_paths_goes_through_a_column_transformer(paths, expected):
    frame = pd.DataFrame({"path": paths, "area": [1.0, 2.0, 3.0, 4.0]})
    steps = [("image", embedder(), ["path"]), ("rest", StandardScaler(), ["area"])]
    assert np.allclose(ColumnTransformer(steps).fit_transform(frame)[:, :-1], expected, atol=1e-5)
    steps[0] = ("image", embedder(), "path")
    assert np.allclose(ColumnTransformer(steps).fit_transform(frame)[:, :-1], expected, atol=1e-5)
    assert np.allclose(ColumnTransformer(steps).fit_transform(pl.from_pandas(frame))[:, :-1], expected, atol=1e-5)


def test_output_can_be_a_frame(paths, expected):
    names = [f"cnnfeaturetransformer{i}" for i in range(512)]
    fitted = embedder().fit(paths)
    assert fitted.get_feature_names_out().tolist() == names
    frame = fitted.set_output(transform="pandas").transform(paths)
    assert list(frame.columns) == names
    assert np.allclose(frame, expected, atol=1e-5)
    assert fitted.transform(pd.DataFrame({"path": paths}, index=list("abcd"))).index.tolist() == list("abcd")
    frame = fitted.set_output(transform="polars").transform(paths)
    assert frame.columns == names
    assert isinstance(frame, pl.DataFrame)


def test_it_must_be_fitted_first(paths):
    with pytest.raises(NotFittedError):
        embedder().transform(paths)


@pytest.mark.parametrize("pooling", ["auto", "avg", "max", "avgmax", "gem", "flatten"])
@pytest.mark.parametrize("layer", [None, "stem", "features.7", "features.9.squeeze", "output"])
def test_the_announced_dimension_is_the_width_and_fit_forwards_nothing(layer, pooling, paths, forwards):
    for cache in ("auto", None):
        fitted = embedder(layer=layer, pooling=pooling, cache=cache).fit(paths[:1])
        assert forwards.since() == 0
        assert fitted.transform(paths[:1]).shape == (1, fitted.embedding_dim_)
        assert forwards.since() == 1
    again = clone(fitted).set_params(cache="auto").fit(paths[:1])
    assert again.embedding_dim_ == fitted.embedding_dim_


def test_prefetched_views_cost_no_pass_of_their_own(paths, forwards):
    prefetch = [("features.7", "max"), (None, "gem"), ("stem", "auto")]
    embedder(prefetch=prefetch).fit_transform(paths)
    assert forwards.since() == 4
    for layer, pooling in prefetch:
        embedder(layer=layer, pooling=pooling).fit_transform(paths)
    assert forwards.since() == 0


def test_unreadable_images_become_nan_on_request(paths, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    images = [*paths[:2], str(bad), *paths[2:]]
    with pytest.raises(ImageDecodeError, match=r"bad\.png"):
        embedder().fit(images).transform(images)
    fitted = embedder(on_error="skip").fit(images)
    assert np.isnan(fitted.transform(images)).all(axis=1).tolist() == [False, False, True, False, False]
    assert [(failure.index, failure.name) for failure in fitted.failures_] == [(2, str(bad))]
    fitted.transform(paths)
    assert fitted.failures_ == []
