"""Promised: only types that are known to be harmless, or that are trusted by name, are loaded."""

import re

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from featx import load_model, save_model
from featx.exceptions import ModelFileError, ParameterError
from featx.model_files.trusted_types import trusted_types
from saved_models import TRAPS, refusal

X = np.abs(np.random.default_rng(0).normal(size=(60, 8))).astype(np.float32)
Y = np.repeat(["a", "b", "c"], 20)


@pytest.mark.parametrize("name", TRAPS)
def test_types_that_are_not_trusted_are_refused(name, pipeline, path):
    trap, named = TRAPS[name]
    save_model(pipeline, path)
    content = skops.io.load(path, trusted=trusted_types())
    content["model"].steps.insert(1, ("trap", trap))
    path.write_bytes(skops.io.dumps(content))
    message = refusal(path)
    assert "does not trust" in message
    assert re.search(named, message)


def double(values):
    return 2 * values


def test_a_type_of_ones_own_is_loaded_where_it_is_trusted(embedder, path):
    model = make_pipeline(embedder, FunctionTransformer(double).fit(X), LogisticRegression().fit(X, Y))
    names = [f"{double.__module__}.double"]
    save_model(model, path, trusted=names)
    with pytest.raises(ModelFileError, match=r"does not trust.*double.*load_model\(path, trusted="):
        load_model(path)
    for trusted in (names, names[0]):
        np.testing.assert_array_equal(load_model(path, trusted=trusted)[1:].predict(X), model[1:].predict(X))


@pytest.mark.parametrize(
    "trusted", [True, None, 3, [3], [None], b"mine.double", {"mine.double": 1}, [["a.b"]], ["a.b", 1]]
)
def test_trusted_of_another_kind_is_refused_by_name(trusted, embedder, path):
    model = make_pipeline(embedder, LogisticRegression().fit(X, Y))
    with pytest.raises(ParameterError, match="got trusted="):
        save_model(model, path, trusted=trusted)
    assert not path.exists()
    save_model(model, path)
    with pytest.raises(ParameterError, match="got trusted="):
        load_model(path, trusted=trusted)


@pytest.mark.parametrize("name", ["nowhere.double", "os.nothing", "double", "numpy", "", "a b", "os."])
def test_a_trusted_name_that_cannot_be_imported_is_refused_at_saving(name, embedder, path):
    with pytest.raises(ParameterError, match="got trusted=") as caught:
        save_model(make_pipeline(embedder, LogisticRegression().fit(X, Y)), path, trusted=[name])
    assert repr(name) in str(caught.value)
    assert not path.exists()


def test_a_function_and_a_set_of_types_are_trusted_as_their_names(embedder, path):
    model = make_pipeline(embedder, FunctionTransformer(double).fit(X), LogisticRegression().fit(X, Y))
    for trusted in (double, {double}, (double, LogisticRegression)):
        save_model(model, path, trusted=trusted)
        np.testing.assert_array_equal(load_model(path, trusted=trusted)[1:].predict(X), model[1:].predict(X))


def test_no_trusted_name_runs_code_or_opens_files():
    """Types of other libraries, and functions, are there one by one; all else belongs to scikit-learn and featx."""
    others = {name for name in trusted_types() if not name.startswith(("sklearn.", "featx."))}
    assert others == {
        *("numpy.dtype", "numpy.max", "numpy.mean", "numpy.median", "numpy.min"),
        *("scipy.sparse._csr.csr_array", "scipy.sparse._csr.csr_matrix"),
    }
    for word in ("PyFunc", "joblib", "Memory", "datasets", "externals", "testing", "partial", "memmap", "load", "save"):
        assert not [name for name in trusted_types() if word in name]


@pytest.mark.parametrize("name", ["sklearn.datasets._base.load_files", "sklearn.utils._mocking.CheckingClassifier"])
def test_other_names_of_scikit_learn_are_refused(name, embedder, path):
    save_model(make_pipeline(embedder, LogisticRegression().fit(X, Y)), path)
    content = skops.io.load(path, trusted=trusted_types())
    module, _, attribute = name.rpartition(".")
    content["model"].extra = getattr(__import__(module, fromlist=[attribute]), attribute)
    path.write_bytes(skops.io.dumps(content))
    with pytest.raises(ModelFileError, match="does not trust"):
        load_model(path)
