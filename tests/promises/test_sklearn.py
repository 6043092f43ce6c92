"""Promised: the transformer works with the whole of scikit-learn, and every image is forwarded once."""

import os
import pickle
import sys

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from PIL import Image
from sklearn import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from featx import CNNFeatureTransformer
from processes import python

# The workers of joblib cannot import this file: what it defines is sent to them whole. Until 1.5 joblib brings its own.
getattr(joblib.externals, "cloudpickle", cloudpickle).register_pickle_by_value(sys.modules[__name__])

C = [0.01, 0.1, 1.0, 10.0]
PER_CLASS = 20


@pytest.fixture(scope="module")
def patches(photos, tmp_path_factory):
    """Paths of square pieces of two photographs, and which one each is from."""
    folder = tmp_path_factory.mktemp("patches")
    rng = np.random.default_rng(0)
    paths, labels = [], []
    for name in ("china", "coffee"):
        pixels = np.asarray(Image.open(photos[name]))
        for number in range(PER_CLASS):
            top, left = rng.integers(0, pixels.shape[0] - 64), rng.integers(0, pixels.shape[1] - 64)
            paths.append(str(folder / f"{name}{number}.png"))
            Image.fromarray(pixels[top : top + 64, left : left + 64]).save(paths[-1])
            labels.append(name)
    return paths, np.array(labels)


@pytest.fixture
def pipeline(tiny):
    return Pipeline(
        [
            ("features", CNNFeatureTransformer(**tiny, precision="float32")),
            ("scale", StandardScaler(with_std=False)),  # some values are nearly the same for all images
            ("head", LogisticRegression(max_iter=1000)),
        ]
    )


def test_a_grid_search_forwards_each_image_once_and_the_next_one_none(pipeline, patches, forwards):
    X, y = patches
    search = GridSearchCV(pipeline, {"head__C": C}, cv=5).fit(X, y)
    assert forwards.since() == len(X)
    assert search.best_score_ > 0.6
    GridSearchCV(pipeline, {"head__C": C}, cv=4, scoring=["accuracy", "f1_macro", "roc_auc"], refit="accuracy").fit(
        X, y
    )
    assert forwards.since() == 0


def test_more_images_and_more_metrics_forward_no_known_image(pipeline, patches, forwards):
    X, y = patches
    some = [*range(15), *range(20, 35)]
    scores = cross_validate(pipeline, [X[i] for i in some], y[some], cv=3, scoring=["accuracy", "f1_macro", "roc_auc"])
    assert {"test_accuracy", "test_f1_macro", "test_roc_auc"} <= set(scores)
    assert forwards.since() == len(some)
    cross_validate(pipeline, X, y, cv=3)
    assert forwards.since() == len(X) - len(some)


def test_announced_layers_and_poolings_cost_one_pass(tiny, patches, forwards):
    X, y = patches
    layers, poolings = ["features.9", "features.10", "features.12"], ["avg", "avgmax"]
    views = [(layer, pooling) for layer in layers for pooling in poolings]
    pipeline = make_pipeline(CNNFeatureTransformer(**tiny, prefetch=views), StandardScaler(), LogisticRegression())
    grid = [
        {
            "cnnfeaturetransformer__layer": layers,
            "cnnfeaturetransformer__pooling": poolings,
            "logisticregression": [LogisticRegression(C=c, max_iter=1000) for c in C[:2]] + [KNeighborsClassifier()],
        }
    ]
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert len(search.cv_results_["params"]) == 18
    assert forwards.since() == len(X)


class CountingNet(nn.Module):
    """Writes a line for every batch, so that images are counted across processes."""

    def __init__(self, log):
        super().__init__()
        self.log = log
        self.conv = nn.Conv2d(3, 8, 3, stride=2)

    def forward(self, x):
        if x.device.type != "meta":
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(f"{len(x)}\n")
        return self.conv(x).relu()


def counted(log):
    return sum(map(int, log.read_text().split())) if log.exists() else 0


def test_processes_forward_each_image_once_while_cold(patches, tmp_path):
    X, y = patches
    log, batch = tmp_path / "log", 8
    transformer = CNNFeatureTransformer(
        CountingNet(str(log)), layer="output", image_size=32, batch_size=batch, cache=tmp_path / "cache"
    )
    pipeline = make_pipeline(transformer, StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"logisticregression__C": C}, cv=5, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    # Besides, in each of up to three processes: an image for the width, two for the module's answers, and six to see
    # that an embedding does not depend on the batch. If each process computed all images, there would be as many again.
    assert len(X) <= counted(log) <= len(X) + 3 * (1 + 2 + 6)
    before = counted(log)
    GridSearchCV(pipeline, {"logisticregression__C": C}, cv=5, n_jobs=2).fit(X, y)
    assert counted(log) == before


@pytest.mark.parametrize(
    "search",
    [
        lambda p: RandomizedSearchCV(p, {"head__C": C}, n_iter=3, cv=3, random_state=0),
        lambda p: HalvingGridSearchCV(p, {"head__C": C}, cv=2, min_resources=16, random_state=0),
        lambda p: GridSearchCV(p, {"head__C": C}, cv=StratifiedGroupKFold(3)),
        lambda p: CalibratedClassifierCV(p, cv=3, ensemble=False),
    ],
    ids=["randomized", "halving", "grouped", "calibrated"],
)
def test_searches_and_wrappers_forward_each_image_once(pipeline, patches, forwards, search):
    X, y = patches
    groups = {"groups": np.arange(len(X)) // 2} if "grouped" in os.environ["PYTEST_CURRENT_TEST"] else {}
    fitted = search(pipeline).fit(X, y, **groups)
    assert forwards.since() == len(X)
    assert fitted.score(X, y) > 0.6
    assert forwards.since() == 0


def test_permutation_test_and_learning_curve(pipeline, patches, forwards):
    X, y = patches
    score, _, p_value = permutation_test_score(pipeline, X, y, cv=3, n_permutations=20, random_state=0)
    assert score > 0.6
    assert p_value < 0.1
    *_, scores = learning_curve(pipeline, X, y, cv=3, train_sizes=[0.5, 1.0], shuffle=True, random_state=0)
    assert scores.shape == (2, 3)
    assert forwards.since() == len(X)


def test_stacking_and_union_of_two_backbones(tiny, patches, forwards):
    X, y = patches
    other = {**tiny, "backbone": "mnasnet0_5"}
    parts = {name: CNNFeatureTransformer(**options) for name, options in (("squeeze", tiny), ("mnas", other))}
    heads = [(name, make_pipeline(part, StandardScaler(), LogisticRegression())) for name, part in parts.items()]
    assert StackingClassifier(heads, cv=3).fit(X, y).score(X, y) > 0.6
    assert forwards.since() == 2 * len(X)
    union = FeatureUnion(list(parts.items()))
    assert union.fit_transform(X).shape == (len(X), 512 + 1280)
    assert union.get_feature_names_out()[0] == "squeeze__cnnfeaturetransformer0"
    assert forwards.since() == 0


def test_a_frozen_transformer_is_not_fitted_again(tiny, patches):
    X, y = patches
    frozen = FrozenEstimator(CNNFeatureTransformer(**tiny).fit(X))
    fitted = make_pipeline(frozen, StandardScaler(), LogisticRegression()).fit(X, y)
    assert fitted[0].estimator is frozen.estimator
    assert cross_val_score(fitted, X, y, cv=3).mean() > 0.6


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_column_of_paths_beside_a_number(tiny, patches, kind):
    X, _ = patches
    frame = pd.DataFrame({"path": X, "weight": np.linspace(0, 1, len(X))})
    columns = ColumnTransformer(
        [("image", CNNFeatureTransformer(**tiny), ["path"]), ("number", "passthrough", ["weight"])]
    ).set_output(transform=kind)
    if kind == "polars":
        frame = pytest.importorskip("polars").DataFrame({name: frame[name].tolist() for name in frame})
    out = columns.fit_transform(frame)
    assert out.shape == (len(X), 513)
    assert list(out.columns)[-1] == "number__weight"


def test_rows_of_nan_are_filled_by_an_imputer(tiny, patches, tmp_path):
    X, y = patches
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    X = [*X[:-1], str(bad)]
    transformer = CNNFeatureTransformer(**tiny, on_error="skip")
    fitted = make_pipeline(transformer, SimpleImputer(), StandardScaler(), LogisticRegression()).fit(X, y)
    assert fitted.predict(X).shape == (len(X),)
    assert [failure.index for failure in fitted[0].failures_] == [len(X) - 1]


def test_changing_the_backbone_of_a_fitted_one_uses_the_new_one(tiny, patches):
    X, _ = patches
    transformer = CNNFeatureTransformer(**tiny).fit(X)
    assert transformer.set_params(backbone="mnasnet0_5").fit_transform(X[:2]).shape == (2, 1280)
    assert clone(transformer).get_params()["backbone"] == "mnasnet0_5"


PREDICT = """
import pickle, sys, joblib, skops.io
from featx.model_files.trusted_types import trusted_types
kind, model, paths, out = sys.argv[1:]
load = {"pickle": lambda f: pickle.load(open(f, "rb")), "joblib": joblib.load,
        "skops": lambda f: skops.io.load(f, trusted=trusted_types())}[kind]
pickle.dump(load(model).predict_proba(open(paths).read().split("\\n")), open(out, "wb"))
"""


@pytest.mark.parametrize("kind", [*(pytest.param(k, marks=pytest.mark.long) for k in ("pickle", "joblib")), "skops"])
def test_fitted_pipelines_are_small_and_predict_the_same_elsewhere(pipeline, patches, tmp_path, kind, own_cache):
    X, y = patches
    pipeline.fit(X, y)
    model, paths, out = tmp_path / "model", tmp_path / "paths", tmp_path / "out"
    dump = {"pickle": lambda: model.write_bytes(pickle.dumps(pipeline)), "joblib": lambda: joblib.dump(pipeline, model)}
    dump.get(kind, lambda: model.write_bytes(skops.io.dumps(pipeline)))()
    assert model.stat().st_size < 1_000_000 + len(pickle.dumps(pipeline[1:]))
    paths.write_text("\n".join(X))
    # The short form is spared the imports of other libraries; featx comes from what the file names.
    status, said = python(PREDICT, kind, model, paths, out, folder=tmp_path, forgetting=True)
    assert status == 0, said
    np.testing.assert_array_equal(pickle.loads(out.read_bytes()), pipeline.predict_proba(X))
