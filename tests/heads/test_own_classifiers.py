"""Promised: a head may be any classifier that can be imported; what is none is refused with the reason."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

import own_heads
from featx import ParameterError
from featx.heads.own_classifiers import describe_head, failure_text, named_failures, own_classifier


def refusal(head):
    with pytest.raises(ParameterError) as caught:
        own_classifier(head)
    assert caught.value.next_step or "cannot import" in str(caught.value)
    return str(caught.value)


def test_a_class_is_named_or_an_estimator_passed_and_neither_is_changed():
    assert type(own_classifier("sklearn.ensemble:RandomForestClassifier")) is RandomForestClassifier
    assert type(own_classifier("own_heads:Nearest")) is own_heads.Nearest
    found = own_classifier("own_heads:components")
    assert isinstance(found, Pipeline)
    assert found is not own_heads.components
    given = LogisticRegression(C=3)
    assert own_classifier(given).get_params() == given.get_params()
    assert own_classifier(given) is not given


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("own_heads:Nearst", "own_heads has no Nearst. Did you mean Nearest or"),
        ("own_heads:make", "which is a function"),
        ("own_heads:number", "which is 3"),
        ("own_heads:Unmarked", "Unmarked is no classifier of scikit-learn: it is not marked as one. Derive the class"),
        ("sklearn.linear_model:LinearRegression", "it is a regressor"),
        ("sklearn.cluster:KMeans", "it is a clusterer"),
        ("sklearn.preprocessing:StandardScaler", "it has no predict"),
        ("builtins:dict", "it has no fit"),
        ("sklearn.ensemble:VotingClassifier", "cannot be made without arguments: TypeError"),
        ("nowhere_at_all:Head", "there is no module nowhere_at_all. Install it, or put PYTHONPATH=FOLDER before"),
        ("sklearn.nowhere:Head", "there is no module sklearn.nowhere"),
        (":Head", "expected package.module:Class"),
        ("own_heads:", "expected package.module:Class"),
        ("a b:Head", "expected package.module:Class"),
    ],
)
def test_what_is_no_classifier_is_refused_with_the_reason(head, words):
    assert words in refusal(head)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1 / 0", "ZeroDivisionError: division by zero (broken_head.py, line 1)"),
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("def (", "SyntaxError: invalid syntax (broken_head.py, line 1)"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_fails_is_named_with_its_error(code, words, tmp_path, monkeypatch):
    (tmp_path / "broken_head.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert f"cannot import the head broken_head:Head: {words}" in refusal("broken_head:Head")


def test_a_module_beside_is_not_imported_and_how_to_is_said(tmp_path, monkeypatch):
    (tmp_path / "beside_here.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert "in this folder, where Python does not look: put PYTHONPATH=. before the command" in refusal("beside_here:A")


def test_what_a_classifier_raises_names_the_head_and_the_line():
    with pytest.raises(ParameterError, match=r"the head Failing fails: ZeroDivisionError: a bug \(own_heads.py, line"):
        with named_failures("Failing"):
            own_heads.Failing().fit(np.zeros((2, 1)), [0, 1])
    with pytest.raises(MemoryError), named_failures("Failing"):
        raise MemoryError
    assert failure_text(ValueError("a\n b. ")) == "ValueError: a b"


def test_a_head_is_described_by_its_class_parameters_and_code(tmp_path, monkeypatch):
    assert describe_head("logistic") == []
    forest, code = describe_head("sklearn.ensemble:RandomForestClassifier")
    assert forest == "head=RandomForestClassifier()"
    assert code.startswith("code=sklearn.ensemble._forest.RandomForestClassifier ")
    assert len(describe_head("own_heads:components")) == 4  # the pipeline and its steps
    monkeypatch.setattr(own_heads.Nearest, "__module__", "nowhere")
    assert describe_head(own_heads.Nearest(power=1))[0] == "head=Nearest(power=1)"
