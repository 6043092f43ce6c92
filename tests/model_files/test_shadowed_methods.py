"""Promised: a model file in which an attribute shadows a method is refused."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, load_model, save_model
from featx.exceptions import ModelFileError
from saved_models import add, edited, literal, nodes

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8)).astype(np.float32)
Y = np.repeat([0, 1, 2], 20)
BUNCH = {"__class__": "Bunch", "__module__": "sklearn.utils._bunch", "__loader__": "TypeNode"}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("CNNFeatureTransformer", "set_params", BUNCH),
        ("CNNFeatureTransformer", "get_params", BUNCH),
        ("CNNFeatureTransformer", "extract", BUNCH),
        ("CNNFeatureTransformer", "__sklearn_clone__", BUNCH),
        ("Pipeline", "get_params", BUNCH),
        ("Pipeline", "memory_", None),
        ("LogisticRegression", "predict", BUNCH),
        ("LogisticRegression", "predict_proba", literal("text")),
        ("LogisticRegression", "_parameter_constraints", literal({})),
        ("LogisticRegression", "__class__", BUNCH),
        ("LogisticRegression", "_get_param_names", BUNCH),
    ],
)
def test_an_attribute_that_hides_a_method_is_refused(kind, key, value, tiny, path, tmp_path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, Y)), path)
    place = tmp_path / "elsewhere"

    def change(schema):
        add(next(nodes(schema, "CNNFeatureTransformer")), "cache", literal(str(place)))
        if value is not None:
            add(next(nodes(schema, kind)), key, value)

    edited(path, change)
    if value is None:  # the file is what it should be but for the attribute
        assert load_model(path)[0].cache == "auto"
        return
    with pytest.raises(ModelFileError, match="not a featx model, or it is damaged"):
        load_model(path)
    assert not place.exists()


def test_saving_names_the_attribute_that_hides_a_method(tiny, path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    head = LogisticRegression().fit(X, Y)
    head.predict = np.max
    with pytest.raises(ModelFileError, match=r"step 'logisticregression'.*attribute predict shadows that of Logistic"):
        save_model(make_pipeline(features, head), path)
