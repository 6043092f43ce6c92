"""Promised: models with their networks anywhere predict classes of any kind, and other models are refused at once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, VotingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC, OneClassSVM

from featx import CNNFineTuneClassifier, load_model, save_model
from featx.datasets.load import collect_images
from featx.exceptions import ModelFileError
from featx.model_files.model_parts import class_names
from featx.workflows.predict import predict_images
from pipelines import TINY, TWO, Y, behind, features, linear, saved_predictions

WHOLE = {
    "search over a pipeline": lambda: GridSearchCV(behind(linear()), {"logisticregression__C": [0.1, 1.0]}, cv=2),
    "search over a head": lambda: behind(GridSearchCV(linear(), {"C": [0.1, 1.0]}, cv=2)),
    "nested pipelines": lambda: make_pipeline(make_pipeline(features(), PCA(3)), linear()),
    "union": lambda: make_pipeline(FeatureUnion([("a", features()), ("b", features(pooling="max"))]), linear()),
    "voting": lambda: VotingClassifier(
        [("a", behind(linear())), ("b", make_pipeline(features(pooling="max"), linear()))], voting="soft"
    ),
    "calibrated": lambda: CalibratedClassifierCV(behind(LinearSVC(random_state=0, max_iter=100_000)), cv=2),
    "voting with a network": lambda: VotingClassifier(
        [
            ("a", behind(linear())),
            ("b", CNNFineTuneClassifier(**TINY, epochs=1, augmentation="none", early_stopping=False)),
        ],
        voting="soft",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_models_with_their_networks_anywhere_are_asked(name, paths, path, tmp_path):
    model = WHOLE[name]()
    found = saved_predictions(model, Y, paths, path)
    expected = load_model(path).predict_proba(paths)
    assert [top[0] for top in found] == [(model.classes_[row.argmax()], row.max()) for row in expected]
    assert [top[0][0] for top in found] == model.predict(paths).tolist()
    # A bad image is skipped and told of, wherever the network is.
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    some = [paths[0], str(bad), paths[-1]]
    predictions, extraction = predict_images(path, collect_images(some), on_error="skip")
    assert [(p.name, p.top[0][0]) for p in predictions] == [(paths[0], found[0][0][0]), (paths[-1], found[-1][0][0])]
    assert [failure.index for failure in extraction.failures] == [1]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (np.arange(30) // 10, "012"),
        (np.arange(30) >= 10, ["False", "True"]),
        ((np.arange(30) // 10).astype(float), ["0.0", "1.0", "2.0"]),
    ],
    ids=["int", "bool", "float"],
)
def test_classes_of_any_kind_are_named(labels, named, paths, path):
    found = saved_predictions(behind(linear()), labels, paths, path)
    assert {top[0][0] for top in found} == set(named)
    assert class_names(np.array([b"cat", b"\xff"])) == ["cat", "\\xff"]


NAMELESS = {
    "numbers": (Ridge(), np.arange(30.0), "ends in Ridge, which predicts numbers"),
    "outliers": (OneClassSVM(), Y, "ends in OneClassSVM, which predicts outliers"),
    "a forest of outliers": (IsolationForest(n_estimators=2), Y, "ends in IsolationForest, which predicts outliers"),
    "clusters": (KMeans(2), Y, "ends in KMeans, which predicts clusters"),
    "nothing": (PCA(2), Y, "ends in PCA, which is not a fitted classifier"),
    "several labels": (MultiOutputClassifier(linear()), TWO, "predicts 2 labels for an image"),
    "several labels of neighbours": (KNeighborsClassifier(), TWO, "predicts 2 labels for an image"),
    "several labels against the rest": (OneVsRestClassifier(linear()), TWO, "predicts 2 labels for an image"),
    "no search that was refitted": (GridSearchCV(linear(), {"C": [1.0]}, cv=2, refit=False), Y, "ends in GridSearchCV"),
}


@pytest.mark.parametrize("name", NAMELESS)
def test_what_names_no_class_is_refused_before_an_image_is_read(name, paths, path, forwards):
    head, labels, message = NAMELESS[name]
    model = behind(head).fit(paths, labels)
    save_model(model, path)
    forwards.since()
    with pytest.raises(ModelFileError, match=message) as caught:
        predict_images(path, collect_images(paths))
    assert "load_model(path)" in caught.value.next_step
    assert forwards.since() == 0
    if hasattr(model, "predict") and "search" not in name:
        np.testing.assert_array_equal(load_model(path).predict(paths), model.predict(paths))


def test_a_model_of_a_table_says_which_columns_it_needs(paths, path):
    frame = pd.DataFrame({"path": paths, "weight": np.arange(30.0)})
    columns = ColumnTransformer([("image", features(), ["path"])], remainder="passthrough")
    save_model(make_pipeline(columns, linear()).fit(frame, Y), path)
    with pytest.raises(ModelFileError, match="takes a table with the columns path, weight, and not images alone"):
        predict_images(path, collect_images(paths))
