"""What a model is taken apart into, and which models are refused."""

import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from featx import CNNFineTuneClassifier, make_head
from featx.exceptions import ModelFileError, ParameterError
from featx.onnx_export.model_steps import ModelSteps
from onnx_files import fitted
from trainings import classifier, coloured


def test_searches_and_nested_pipelines_are_opened():
    model = fitted(make_head("ridge", grid={"alpha": [1.0]}))
    search = GridSearchCV(model, {"head__random_state": [0]})
    search.best_estimator_ = make_pipeline(model[:1], model[-1])
    steps = ModelSteps.of(search)
    assert [type(step).__name__ for _, step in steps.model.steps] == ["CNNFeatureTransformer", "TunedHead"]
    assert steps.classes == ["class 0", "class 1", "class 2"]
    assert steps.view == ("block5", "avg")


def test_other_models_are_refused():
    for model in (VotingClassifier([]), LogisticRegression(), CNNFineTuneClassifier()):
        with pytest.raises(ModelFileError, match="not a fitted classifier"):
            ModelSteps.of(model)
    with pytest.raises(ModelFileError, match="LogisticRegression cannot be written"):
        ModelSteps.of(LogisticRegression().fit([[0], [1]], [0, 1]))
    with pytest.raises(ParameterError, match="got a model of type int"):
        ModelSteps.of(3)


def test_predictions_from_augmented_copies_are_refused():
    X, y = coloured()
    model = classifier(augmentation="flips", test_draws=3, epochs=1).fit(X, y)
    with pytest.raises(ModelFileError, match="averages over 3 augmented copies") as caught:
        ModelSteps.of(model)
    assert "test_draws=1" in caught.value.next_step
    assert ModelSteps.of(model.set_params(test_draws=1)).classes == ["0", "1", "2"]
