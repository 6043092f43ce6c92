"""Promised: what could not be loaded again is refused at saving, with the name of the step."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.svm import SVC

from featx import load_model, save_model
from featx.exceptions import ModelFileError
from processes import python
from saved_models import TRAPS

X = np.abs(np.random.default_rng(0).normal(size=(60, 8))).astype(np.float32)
Y = np.repeat(["a", "b", "c"], 20)
LINEAR = LogisticRegression(max_iter=500)


def test_a_step_that_cannot_be_copied_is_named(pipeline, path):
    step = FunctionTransformer()
    step.numbers = (number for number in "123")
    pipeline.steps.insert(1, ("mine", step))
    with pytest.raises(ModelFileError, match="the step 'mine', FunctionTransformer, cannot be copied: cannot pickle"):
        save_model(pipeline, path)


@pytest.mark.parametrize("name", TRAPS)
def test_what_could_not_be_loaded_is_refused_at_saving_with_the_name_of_the_step(name, pipeline, path):
    trap, named = TRAPS[name]
    save_model(pipeline, path)
    before = path.read_bytes()
    pipeline.steps.insert(1, ("trap", trap))
    with pytest.raises(ModelFileError, match=named) as caught:
        save_model(pipeline, path)
    step = "the step 'trap', " if isinstance(trap, BaseEstimator) else "the model, Pipeline, "
    assert caught.value.message.startswith(step)
    assert "trusted=[" in caught.value.next_step
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.glob("*model.skops*")] == ["model.skops"]


def back(steps, embedder, path):
    """Return the steps behind the transformer as they come back from a file."""
    model = Pipeline([("features", embedder), *([("rest", steps)] if not isinstance(steps, list) else steps)])
    save_model(model, path)
    return load_model(path)[1:]


def double(values):
    return 2 * values


REFUSED = {
    "an unsupported type": (Birch(), "Birch.*skops cannot write it", "Choose another step"),
    "a compiled function": (SplineTransformer(), "BSpline", "trusted="),
    "a function": (FunctionTransformer(double), r"\.double", "trusted="),
    "a lambda": (FunctionTransformer(lambda values: values), "<lambda>", "in a module that can be imported"),
    "a metric": (KNeighborsClassifier(metric=lambda a, b: abs(a - b).sum()), "PyFuncDistance", "in a module"),
    "a kernel": (SVC(kernel=lambda a, b: a @ b.T), "<lambda>", "in a module"),
    "categories": (HistGradientBoostingClassifier(categorical_features=[3]), "functools.partial", "another step"),
    "keys that JSON changes": (LogisticRegression(class_weight={True: 1, False: 2}), "class_weight.*changed", "value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_loaded_is_refused_at_saving(name, embedder, path):
    step, message, advice = REFUSED[name]
    path.write_bytes(b"the old model")
    steps = [("mine", step.fit(np.round(X), Y == "a"))]
    if hasattr(step, "transform"):
        steps.append(("head", LogisticRegression().fit(X, Y)))
    with pytest.raises(ModelFileError, match=message) as caught:
        back(steps, embedder, path)
    assert caught.value.message.startswith(f"the step 'mine', {type(step).__name__}, could not be loaded again")
    assert advice in caught.value.next_step
    assert path.read_bytes() == b"the old model"


def test_the_innermost_step_is_named_and_a_search_is_told_to_save_its_best(embedder, path):
    inner = make_pipeline(StandardScaler(), FunctionTransformer(double), LINEAR)
    with pytest.raises(ModelFileError, match="step 'outer__functiontransformer', FunctionTransformer"):
        back([("outer", inner.fit(X, Y))], embedder, path)
    pipeline = Pipeline([("features", embedder), ("head", LINEAR)])
    search = RandomizedSearchCV(pipeline, {"head__C": loguniform(0.1, 1.0)})
    search.best_estimator_ = Pipeline([("features", embedder), ("head", LogisticRegression().fit(X, Y))])
    with pytest.raises(ModelFileError, match=r"the model, RandomizedSearchCV.*rv_continuous_frozen") as caught:
        save_model(search, path)
    assert "best_estimator_" in caught.value.next_step


SCRIPT = """
import numpy as np
from featx import CNNFeatureTransformer, save_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
def double(values):
    return 2 * values
features = CNNFeatureTransformer(image_size=32).fit(np.zeros((2, 8, 8)))
save_model(make_pipeline(features, FunctionTransformer(double).fit([[1.0]])), "model.skops"{})
"""


def test_a_function_of_a_script_is_told_to_move_into_a_module(tmp_path):
    def run(trusted):
        return python(SCRIPT.format(trusted), folder=tmp_path)

    status, told = run("")
    assert status == 1
    assert "featx does not trust __main__.double" in told
    assert "in a module that can be imported" in told
    assert "trusted=" not in told.splitlines()[-1]
    status, told = run(', trusted=["__main__.double"]')
    assert status == 0, told
    with pytest.raises(ModelFileError, match=r"__main__\.double.*in a module that can be imported"):
        load_model(tmp_path / "model.skops")
