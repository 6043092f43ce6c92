"""Promised: a head that cannot predict, or answers in another shape, is named."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from featx.exceptions import ModelFileError
from featx.workflows.class_scores import class_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8)).astype(np.float32)
Y = np.repeat([0, 1, 2], 20)


class Raises(LogisticRegression):
    def predict(self, X):
        raise self.C


class Answers(LogisticRegression):
    def predict_proba(self, X):
        return np.ones(self.C)


ERRORS = [AttributeError("none"), IndexError(), TypeError("no"), ZeroDivisionError(), ValueError("x")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_head_that_cannot_predict_is_named(error):
    head = Raises(C=1.0).fit(X, Y).set_params(C=error)
    with pytest.raises(ModelFileError, match=f"the model's Raises fails: {str(error) or type(error).__name__}"):
        class_scores(head, X)


@pytest.mark.parametrize("shape", [(60,), (60, 2), (3, 60), (59, 3), ()])
def test_answers_of_another_shape_are_refused(shape):
    head = Answers(C=1.0).fit(X, Y).set_params(C=shape)
    with pytest.raises(ModelFileError, match="do not fit its classes"):
        class_scores(head, X)
