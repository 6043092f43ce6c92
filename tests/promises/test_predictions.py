"""Promised: `featx predict` names the class that the model answers, and says no more than the model knows."""

import csv
import io
import json

import networks
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from featx.cli import main
from PIL import Image
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, VotingClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, RidgeClassifierCV
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, OneClassSVM

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, load_model, save_model
from featx.datasets.load import collect_images
from featx.exceptions import ModelFileError
from featx.model_files.model_parts import class_names
from featx.workflows.predict import predict_images

Y = np.repeat(["a", "b", "c"], 10)
TWO = np.stack([Y == "a", Y == "b"], 1).astype(int)
TINY = {**networks.TINY, "precision": "float32"}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = [str(folder / f"{number:02}.png") for number in range(30)]
    for number, path in enumerate(paths):
        low = 80 * (number // 10)
        Image.fromarray(rng.integers(low, low + 90, (8, 8, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def features(**options):
    return CNNFeatureTransformer(**TINY, **options)


def behind(*steps):
    return make_pipeline(features(), *steps)


def linear():
    return LogisticRegression(max_iter=500)


def told(model, labels, paths, path, top=3, **options):
    save_model(model.fit(paths, labels), path)
    found, _ = predict_images(path, collect_images(paths), top=top, **options)
    assert [prediction.name for prediction in found] == paths
    return [prediction.top for prediction in found]


DECIDING = {
    "linear SVM": LinearSVC(random_state=0, max_iter=100_000),
    "ridge": RidgeClassifierCV(),
    "perceptron": Perceptron(),
    "scaled": make_pipeline(StandardScaler(), LinearSVC(random_state=0, max_iter=100_000)),
}


@pytest.mark.parametrize("name", DECIDING)
def test_a_head_without_probabilities_prints_none_and_ranks_by_its_decision_values(name, paths, path):
    model = behind(DECIDING[name])
    found = told(model, Y, paths, path)
    assert {probability for top in found for _, probability in top} == {None}
    order = np.argsort(-model.decision_function(paths), axis=1)
    assert [[label for label, _ in top] for top in found] == model.classes_[order].tolist()


def test_two_classes_are_ranked_by_one_decision_value(paths, path):
    model = behind(LinearSVC(random_state=0, max_iter=100_000))
    found = told(model, Y == "a", paths, path)
    assert [[label for label, _ in top] for top in found] == [
        [str(answer), str(not answer)] for answer in model.predict(paths)
    ]


@pytest.mark.parametrize(
    "head",
    [
        OutputCodeClassifier(LinearSVC(random_state=0, max_iter=100_000), random_state=0),
        VotingClassifier([("one", linear()), ("two", LinearSVC(random_state=0, max_iter=100_000))]),
        SVC(decision_function_shape="ovo"),  # three pairs of three classes look like three classes
    ],
)
def test_a_head_without_an_order_of_classes_names_its_answer_alone(head, paths, path):
    model = behind(head)
    assert told(model, Y, paths, path) == [((label, None),) for label in model.predict(paths)]


def test_a_tuned_threshold_decides(paths, path):
    """The most probable class is not the answer: the threshold has it that nearly everything is "a"."""
    model = behind(FixedThresholdClassifier(linear(), threshold=1e-6, pos_label=True))
    found = told(model, Y == "a", paths, path)
    answers = model.predict(paths)
    assert answers.sum() > 10
    assert [top[0][0] for top in found] == [str(answer) for answer in answers]
    probabilities = model.predict_proba(paths)
    assert [top[0][1] for top in found] == probabilities[np.arange(30), answers.astype(int)].tolist()


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
    found = told(model, Y, paths, path)
    expected = load_model(path).predict_proba(paths)
    assert [top[0] for top in found] == [(model.classes_[row.argmax()], row.max()) for row in expected]
    assert [top[0][0] for top in found] == model.predict(paths).tolist()
    # A bad image is skipped and told of, wherever the network is.
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    some = [paths[0], str(bad), paths[-1]]
    predictions, extraction = predict_images(path, collect_images(some), on_error="nan")
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
    found = told(behind(linear()), labels, paths, path)
    assert {top[0][0] for top in found} == set(named)
    assert class_names(np.array([b"cat", b"\xff"])) == ["cat", "\\xff"]


NAMELESS = {
    "numbers": (Ridge(), np.arange(30.0), "ends in Ridge, which predicts numbers"),
    "outliers": (OneClassSVM(), Y, "ends in OneClassSVM, which predicts outliers"),
    "a forest of outliers": (IsolationForest(n_estimators=2), Y, "ends in IsolationForest, which predicts outliers"),
    "clusters": (KMeans(2), Y, "ends in KMeans, which predicts clusters"),
    "nothing": (PCA(2), Y, "ends in PCA, which is no fitted classifier"),
    "several labels": (MultiOutputClassifier(linear()), TWO, "names 2 labels for an image"),
    "several labels of neighbours": (KNeighborsClassifier(), TWO, "names 2 labels for an image"),
    "several labels against the rest": (OneVsRestClassifier(linear()), TWO, "names 2 labels for an image"),
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


def test_a_head_that_fails_is_named(paths, path):
    save_model(behind(RadiusNeighborsClassifier(1e-9)).fit(paths[:20], Y[:20]), path)
    with pytest.raises(ModelFileError, match="the model's RadiusNeighborsClassifier fails: No neighbors found"):
        predict_images(path, collect_images(paths))


def test_the_command_leaves_a_probability_out_that_there_is_not(paths, path):
    save_model(behind(LinearSVC(random_state=0, max_iter=100_000)).fit(paths, Y), path)

    def shown(form):
        run = CliRunner().invoke(main, ["predict", str(path), paths[0], "--top", "2", "--format", form, "-q"])
        assert run.exit_code == 0, run.output
        return run.stdout

    assert list(csv.reader(io.StringIO(shown("csv")))) == [
        ["path", "label", "probability", "label_2", "probability_2"],
        [paths[0], "a", "", "b", ""],
    ]
    assert json.loads(shown("json"))[0]["top"] == [
        {"label": "a", "probability": None},
        {"label": "b", "probability": None},
    ]
    assert "1.000" not in shown("table")
