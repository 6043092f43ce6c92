"""Promised: a threshold decides the predicted class, chosen on inner folds alone, and changes no probability."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier

import featx
from featx import ParameterError, ThresholdClassifier, TunedHead, evaluate_heads, make_head
from featx.evaluation.data_split import DataSplit
from featx.evaluation.operating_point import parse_operating_point
from featx.evaluation.splits import inner_folds
from featx.evaluation.thresholds import choose_threshold
from featx.heads import tuned_head
from featx.heads.calibrated_head import held_out_probabilities

X, Y = make_classification(400, 8, n_informative=3, flip_y=0.2, weights=[0.7], random_state=0)
LABELS = np.array(["ok", "bad"])[Y]


def test_of_two_classes_it_is_scikit_learns():
    for threshold in (0.1, 0.5, 0.9):
        own = ThresholdClassifier(LogisticRegression(), positive="bad", threshold=threshold).fit(X, LABELS)
        other = FixedThresholdClassifier(LogisticRegression(), pos_label="bad", threshold=threshold).fit(X, LABELS)
        assert np.array_equal(own.predict(X), other.predict(X))
        assert own.predict_proba(X) == pytest.approx(other.predict_proba(X))


def test_of_more_classes_the_likeliest_other_is_predicted_below_the_threshold():
    rows, y = load_iris(return_X_y=True)
    plain = LogisticRegression(max_iter=1000).fit(rows, y)
    found = ThresholdClassifier(LogisticRegression(max_iter=1000), positive=2, threshold=0.9).fit(rows, y)
    p = plain.predict_proba(rows)
    expected = np.where(p[:, 2] >= 0.9, 2, p[:, :2].argmax(axis=1))
    assert np.array_equal(found.predict(rows), expected)
    assert (found.predict(rows) != plain.predict(rows)).any()


def test_it_is_cloned_pickled_and_asked_before_it_is_fitted():
    model = ThresholdClassifier(LogisticRegression(), positive=1, threshold=0.2)
    assert not hasattr(clone(model), "classes_")
    fitted = pickle.loads(pickle.dumps(model.fit(X, Y)))
    assert np.array_equal(fitted.predict(X), model.predict(X))
    assert featx.ThresholdClassifier.__module__ == "featx"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"threshold": -0.1}, "got threshold=-0.1"),
        ({"threshold": float("nan")}, "got threshold=nan"),
        ({"threshold": "0.5"}, "got threshold='0.5'"),
        ({"positive": 7}, "got positive=7, which is not a class"),
        ({"estimator": RidgeClassifier()}, "has no probabilities"),
    ],
)
def test_what_it_cannot_do_is_refused(parameters, words):
    with pytest.raises(ParameterError, match=words):
        ThresholdClassifier(**{"estimator": LogisticRegression(), "positive": 1, **parameters}).fit(X, Y)


@pytest.mark.parametrize("head", ["logistic", "ridge", "knn"])
def test_a_tuned_head_chooses_its_threshold_on_inner_folds(head):
    plain = TunedHead(head).fit(X, LABELS)
    found = make_head(head, positive="bad", operating_point="sensitivity=0.9").fit(X, LABELS)
    assert found.best_params_ == plain.best_params_
    assert np.array_equal(found.predict_proba(X), plain.predict_proba(X))
    spec = replace(found.spec(), estimator=found.spec().with_parameters(found.best_params_))
    p = held_out_probabilities(spec, X, LABELS, inner_folds(LABELS, None, 0))[:, 0]
    expected = choose_threshold(LABELS == "bad", p, parse_operating_point("sensitivity=0.9"), name="bad")
    assert found.threshold_ == expected
    assert np.array_equal(found.predict(X) == "bad", found.predict_proba(X)[:, 0] >= expected.threshold)
    assert np.array_equal(found.predict(X), found.head_.predict(X))


def test_outer_folds_never_choose_a_threshold(monkeypatch):
    """Rows that are tested have labels that nothing may read before they are predicted."""
    chosen = []

    def recorded(own, *more, **names):
        chosen.append(own)
        return choose_threshold(own, *more, **names)

    monkeypatch.setattr(tuned_head, "choose_threshold", recorded)
    split = DataSplit.cross_validation(LABELS, 4)
    options = {"positive": "bad", "operating_point": "sensitivity=0.9", "cv": 4, "grids": {"logistic": {"C": [0.1]}}}
    result, head = evaluate_heads({("head", "avg"): X.astype(np.float32)}, LABELS, **options)
    assert [len(own) for own in chosen] == [*(len(train) for train, _ in split.folds), len(Y)]
    for own, (train, _) in zip(chosen, split.folds, strict=False):
        assert np.array_equal(own, LABELS[train] == "bad")
    point = result.operating_point
    assert len(point.thresholds) == 4
    assert point.threshold == head.threshold
    table = result.predictions
    for number, (_, test) in enumerate(split.folds):
        flagged = table["probabilities"][test, 0] >= point.thresholds[number]
        assert np.array_equal(table["predicted"][test] == "bad", flagged)
    found = (table["predicted"] == "bad")[LABELS == "bad"].mean()
    assert point.reached["sensitivity"].value == pytest.approx(found)
    assert result.metrics["balanced_accuracy"].value == pytest.approx((found + point.reached["specificity"].value) / 2)
    assert (result.positive, result.baseline.metric, result.baseline.value) == ("bad", "balanced_accuracy", 0.5)
    assert "roc_auc" in result.candidates[0].metrics


def test_without_an_operating_point_nothing_changes():
    quick = {"cv": 3, "grids": {"logistic": {"C": [0.1]}}}
    plain, head = evaluate_heads({("head", "avg"): X.astype(np.float32)}, LABELS, **quick)
    named, other = evaluate_heads({("head", "avg"): X.astype(np.float32)}, LABELS, **quick, positive="bad")
    assert type(head) is type(other) is not ThresholdClassifier
    assert plain.operating_point is None
    assert plain.baseline.metric == named.baseline.metric == "accuracy"
    assert plain.positive == "ok"
    for name in ("accuracy", "macro_f1", "log_loss"):
        assert plain.metrics[name] == named.metrics[name]
    assert plain.metrics["roc_auc"].value == pytest.approx(named.metrics["roc_auc"].value)


def test_groups_and_copies_stay_together_when_a_threshold_is_chosen():
    groups = np.arange(400) // 8
    options = {"positive": "bad", "operating_point": "sensitivity=0.95"}
    found = TunedHead("logistic", **options).fit(X, LABELS, groups=groups)
    spec = replace(found.spec(), estimator=found.spec().with_parameters(found.best_params_))
    p = held_out_probabilities(spec, X, LABELS, inner_folds(LABELS, groups, 0), groups=groups)[:, 0]
    assert found.threshold_.threshold == pytest.approx(
        choose_threshold(LABELS == "bad", p, parse_operating_point("sensitivity=0.95"), name="").threshold
    )
    assert "groups of 'bad' cannot promise" in found.threshold_.notes[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"operating_point": "sensitivity=0.9"}, "without the class that it is of"),
        ({"positive": "crack", "operating_point": "sensitivity=0.9"}, "got positive='crack', which is not a class"),
        ({"positive": "bad", "operating_point": "sensitivity=2"}, "expected a share above 0 and at most 1"),
    ],
)
def test_wrong_values_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        TunedHead(**options).fit(X, LABELS)
    with pytest.raises(ParameterError, match=words):
        evaluate_heads({("head", "avg"): X.astype(np.float32)}, LABELS, **options)
