"""Promised: the class that a model answers comes first, and no probability is made up."""

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifierCV
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OutputCodeClassifier
from sklearn.neighbors import RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from featx import save_model
from featx.datasets.load import collect_images
from featx.exceptions import ModelFileError
from featx.workflows.class_scores import class_scores
from featx.workflows.predict import predict_images
from pipelines import Y, behind, linear, saved_predictions

X = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
NUMBERS = np.repeat([0, 1, 2], 20)
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


class Raises(LogisticRegression):
    def predict(self, X):
        raise self.C


class Answers(LogisticRegression):
    def predict_proba(self, X):
        return np.ones(self.C)


ERRORS = [AttributeError("none"), IndexError(), TypeError("no"), ZeroDivisionError(), ValueError("x")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_head_that_cannot_predict_is_named(error):
    head = Raises(C=1.0).fit(X, NUMBERS).set_params(C=error)
    with pytest.raises(ModelFileError, match=f"the model's Raises fails: {str(error) or type(error).__name__}"):
        class_scores(head, X)


@pytest.mark.parametrize("shape", [(60,), (60, 2), (3, 60), (59, 3), ()])
def test_answers_of_another_shape_are_refused(shape):
    head = Answers(C=1.0).fit(X, NUMBERS).set_params(C=shape)
    with pytest.raises(ModelFileError, match="do not match its classes"):
        class_scores(head, X)
