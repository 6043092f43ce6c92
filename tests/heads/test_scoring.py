"""Promised: the grid search maximises scikit-learn's scores, each on images that it can be computed of."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, get_scorer, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV

from featx import DatasetError, ParameterError, TunedHead
from featx.evaluation.splits import inner_folds
from featx.heads.calibrated_head import folds_inside
from featx.heads.head_probabilities import with_probabilities
from featx.heads.heads import head_spec
from featx.heads.scoring import baseline_metric, score_values, scored_folds, tuning_score

TWO = make_classification(120, 8, n_informative=3, flip_y=0.2, weights=[0.7], random_state=0)
THREE = make_classification(150, 8, n_informative=4, n_classes=3, flip_y=0.2, random_state=0)
VALUES = {"logistic": [{"C": 1e-3}, {"C": 1.0}], "ridge": [{"alpha": 1e3}, {"alpha": 10.0}],
          "svm": [{"C": 0.1}, {"C": 10.0}], "knn": [{"n_neighbors": 10}, {"n_neighbors": 3}]}  # fmt: skip


@pytest.mark.parametrize("head", sorted(VALUES))
@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision"])
def test_scores_of_two_classes_are_those_of_a_grid_search(head, scoring):
    X, y = TWO
    (fold, *_) = inner_folds(y, None, 0)
    found = score_values(head_spec(head), VALUES[head], X, y, fold, scoring)
    for value, score in zip(VALUES[head], found, strict=True):
        pipeline = clone(head_spec(head).estimator)
        pipeline[-1].set_params(**value)
        fitted = pipeline.fit(X[fold[0]], y[fold[0]])
        assert score == pytest.approx(get_scorer(scoring)(fitted, X[fold[1]], y[fold[1]]), abs=1e-6)


def test_of_more_classes_it_is_the_mean_or_the_positive_one_against_the_rest():
    X, y = THREE
    train, test = fold = inner_folds(y, None, 0)[0]
    pipeline = head_spec("logistic").with_parameters({"C": 1.0})
    p = pipeline.fit(X[train], y[train]).predict_proba(X[test])

    def score(scoring, positive=None):
        return score_values(head_spec("logistic"), [{"C": 1.0}], X, y, fold, scoring, positive)[0]

    assert score("roc_auc") == pytest.approx(roc_auc_score(y[test], p, multi_class="ovr"), abs=1e-3)
    assert score("roc_auc", 2) == pytest.approx(roc_auc_score(y[test] == 2, p[:, 2]), abs=2e-3)
    assert score("average_precision", 0) == pytest.approx(average_precision_score(y[test] == 0, p[:, 0]), abs=2e-3)
    assert score("neg_log_loss") == pytest.approx(-log_loss(y[test], p), abs=1e-3)


@pytest.mark.parametrize("head", ["ridge", "svm"])
def test_log_loss_of_heads_without_probabilities_is_that_of_their_calibration(head):
    X, y = TWO
    train, test = fold = inner_folds(y, None, 0)[0]
    inside = folds_inside(train, y)
    (found,) = score_values(head_spec(head), VALUES[head][:1], X, y, fold, "neg_log_loss", None, inside)
    spec = replace(head_spec(head), estimator=head_spec(head).with_parameters(VALUES[head][0]))
    fitted = with_probabilities(spec, X[train], y[train], inside)
    assert found == pytest.approx(-log_loss(y[test], fitted.predict_proba(X[test])))


def test_a_search_chooses_what_scikit_learns_chooses():
    X, y = TWO
    spec = head_spec("logistic")
    for scoring in ("roc_auc", "average_precision", "neg_log_loss"):
        grid = {"classify__C": [1e-3, 1.0]}
        reference = GridSearchCV(spec.estimator, grid, scoring=scoring, cv=inner_folds(y, None, 0)).fit(X, y)
        head = TunedHead("logistic", scoring=scoring, grid={"C": [1e-3, 1.0]}).fit(X, y)
        assert head.best_params_["C"] == reference.best_params_["classify__C"], scoring
        assert head.best_score_ == pytest.approx(reference.best_score_, abs=1e-4)


def test_the_positive_class_decides_what_is_maximised():
    X, y = THREE
    scores = [TunedHead("knn", scoring="roc_auc", positive=number).fit(X, y).best_score_ for number in (0, 1, 2, None)]
    assert len(set(np.round(scores, 6))) == 4
    assert min(scores[:3]) < scores[3] < max(scores[:3])


def test_folds_without_the_class_are_left_out():
    y = np.array([0, 0, 1, 1, 0, 0, 0, 0])
    whole, lacking = (np.arange(4, 8), np.arange(4)), (np.arange(4), np.arange(4, 8))
    assert scored_folds([whole, lacking], y, np.arange(2), "roc_auc", 1) == [whole]
    assert scored_folds([whole, lacking], y, np.arange(2), "accuracy", 1) == [whole, lacking]
    with pytest.raises(DatasetError, match="no inner fold has images to compute roc_auc on"):
        scored_folds([lacking], y, np.arange(2), "roc_auc", None)


def test_groups_that_keep_a_class_out_of_a_fold_do_not_spoil_the_search():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 10)
    y = np.where(groups < 2, rng.integers(0, 2, 60), 0)
    X = rng.normal(size=(60, 3)) + 2 * y[:, None]
    head = TunedHead("logistic", scoring="roc_auc").fit(X, y, groups=groups)
    assert 0.8 < head.best_score_ <= 1


def test_candidates_are_picked_by_the_score_of_held_out_probabilities():
    truth, p = np.array([0, 1, 1, 0]), np.array([[0.8, 0.2], [0.4, 0.6], [0.6, 0.4], [0.7, 0.3]])
    assert tuning_score(truth, p, "accuracy", n_classes=2) == 0.75
    assert tuning_score(truth, p, "roc_auc", n_classes=2) == 1
    assert tuning_score(truth, p, "neg_log_loss", n_classes=2) == pytest.approx(-log_loss(truth, p))
    # Without probabilities there is no ranking; labels are judged as ever.
    assert tuning_score(truth, p.argmax(axis=1), "roc_auc", n_classes=2) == -np.inf
    assert tuning_score(truth, p.argmax(axis=1), "accuracy", n_classes=2) == 0.75


def test_a_baseline_is_judged_by_a_figure_that_it_has():
    assert baseline_metric("f1_macro", 2, None, at_point=False) == "macro_f1"
    assert (
        baseline_metric("roc_auc", 2, None, at_point=True)
        == baseline_metric("roc_auc", 3, 1, at_point=False)
        == "roc_auc"
    )
    for scoring, n_classes, positive in [("roc_auc", 3, None), ("neg_log_loss", 2, 1), ("accuracy", 2, 1)]:
        assert baseline_metric(scoring, n_classes, positive, at_point=False) == "accuracy"
        assert baseline_metric(scoring, n_classes, positive, at_point=True) == "balanced_accuracy"


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss"])
def test_a_named_head_of_classes_alone_is_refused_for_scores_that_need_more(scoring, tmp_path, monkeypatch):
    (tmp_path / "of_classes_alone.py").write_text(
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "from sklearn.dummy import DummyClassifier\n"
        "class Alone(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        self.inner_ = DummyClassifier().fit(X, y)\n"
        "        self.classes_ = self.inner_.classes_\n"
        "        return self\n"
        "    def predict(self, X):\n"
        "        return self.inner_.predict(X)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ParameterError, match=f"Alone has neither probabilities nor decision values, .*'{scoring}'"):
        TunedHead("of_classes_alone:Alone", scoring=scoring).fit(*TWO)
