"""Promised: the class that a model answers comes first, and no probability is made up."""

import numpy as np
import pytest
from pipelines import Y, behind, linear, saved_predictions
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import Perceptron, RidgeClassifierCV
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OutputCodeClassifier
from sklearn.neighbors import RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from featx import save_model
from featx.datasets.load import collect_images
from featx.exceptions import ModelFileError
from featx.workflows.predict import predict_images

DECIDING = {
    "linear SVM": LinearSVC(random_state=0, max_iter=100_000),
    "ridge": RidgeClassifierCV(),
    "perceptron": Perceptron(),
    "scaled": make_pipeline(StandardScaler(), LinearSVC(random_state=0, max_iter=100_000)),
}


@pytest.mark.parametrize("name", DECIDING)
def test_a_head_without_probabilities_prints_none_and_ranks_by_its_decision_values(name, paths, path):
    model = behind(DECIDING[name])
    found = saved_predictions(model, Y, paths, path)
    assert {probability for top in found for _, probability in top} == {None}
    order = np.argsort(-model.decision_function(paths), axis=1)
    assert [[label for label, _ in top] for top in found] == model.classes_[order].tolist()


def test_two_classes_are_ranked_by_one_decision_value(paths, path):
    model = behind(LinearSVC(random_state=0, max_iter=100_000))
    found = saved_predictions(model, Y == "a", paths, path)
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
    assert saved_predictions(model, Y, paths, path) == [((label, None),) for label in model.predict(paths)]


def test_a_tuned_threshold_decides(paths, path):
    """The most probable class is not the answer: the threshold has it that nearly everything is "a"."""
    model = behind(FixedThresholdClassifier(linear(), threshold=1e-6, pos_label=True))
    found = saved_predictions(model, Y == "a", paths, path)
    answers = model.predict(paths)
    assert answers.sum() > 10
    assert [top[0][0] for top in found] == [str(answer) for answer in answers]
    probabilities = model.predict_proba(paths)
    assert [top[0][1] for top in found] == probabilities[np.arange(30), answers.astype(int)].tolist()


def test_a_head_that_fails_is_named(paths, path):
    save_model(behind(RadiusNeighborsClassifier(1e-9)).fit(paths[:20], Y[:20]), path)
    with pytest.raises(ModelFileError, match="the model's RadiusNeighborsClassifier fails: No neighbors found"):
        predict_images(path, collect_images(paths))
