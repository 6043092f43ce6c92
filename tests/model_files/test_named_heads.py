"""Promised: a model file cannot have a module imported by naming a class in it."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from featx import TunedHead, load_model, save_model
from featx.exceptions import ModelFileError
from featx.model_files.named_heads import check_named_heads
from featx.model_files.trusted_types import UntrustedTypesError

ROWS, LABELS = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12) % 2


@pytest.mark.parametrize(
    "model",
    [
        TunedHead("evil:Head"),
        make_pipeline(TunedHead("evil:Head")),
        GridSearchCV(TunedHead(), {"head": ["knn", "evil:Head"]}),
        GridSearchCV(make_pipeline(TunedHead()), {"tunedhead__head": ["evil:Head"]}),
    ],
    ids=["head", "step", "grid", "grid of a step"],
)
def test_a_class_that_is_named_is_refused_wherever_it_stands(model):
    with pytest.raises(UntrustedTypesError, match=r"m\.skops holds types.*: evil\.Head\..*--trust evil\.Head"):
        check_named_heads("m.skops", {"model": model})
    check_named_heads("m.skops", model, ["evil.Head"])


def test_named_heads_and_scikit_learns_classes_are_trusted():
    check_named_heads("m.skops", [TunedHead("knn"), TunedHead("sklearn.svm:SVC"), TunedHead(LogisticRegression())])


def test_a_model_is_saved_and_loaded_where_its_class_is_trusted(embedder, path):
    model = make_pipeline(embedder, TunedHead("own_heads:Nearest").fit(ROWS, LABELS))
    with pytest.raises(ModelFileError, match=r"could not be loaded again: featx does not trust own_heads\.Nearest"):
        save_model(model, path)
    save_model(model, path, trusted="own_heads.Nearest")
    with pytest.raises(ModelFileError, match=r"trusted=\['own_heads.Nearest'\]"):
        load_model(path)
    found = load_model(path, trusted=["own_heads.Nearest"])
    assert np.array_equal(found[1:].predict(ROWS), model[1:].predict(ROWS))
