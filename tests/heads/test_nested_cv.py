"""Promised: the figures reported are not the tuned ones, no test image is fitted on, and groups stay together."""

import contextlib
import dataclasses
import itertools
import re

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

from featx import HEADS, DatasetError, ParameterError, TunedHead, evaluate_heads
from featx.evaluation.splits import held_out_split, outer_folds

VIEW = ("last", "avg")
QUICK = {"logistic": {"C": [0.01, 1.0]}}


def blobs(n=90, n_classes=3, *, distance=2.0, width=6, seed=0):
    """Features around a centre for each class, the row's number in the last column, and labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = distance * rng.normal(size=(n_classes, width))[y] + rng.normal(size=(n, width))
    return np.column_stack([X, np.arange(n)]).astype(np.float32), np.array([f"class {i}" for i in y])


def evaluate(X, y, **options):
    matrices = X if isinstance(X, dict) else {VIEW: X}
    return evaluate_heads(matrices, y, **{"cv": 3, "grids": QUICK if "heads" not in options else None, **options})


@pytest.fixture
def fitted_rows(monkeypatch):
    """The last feature of the rows in every search, and in every fit, which begins with the scaler's."""
    seen = []
    tune, fit = TunedHead.fit_rows, StandardScaler.partial_fit

    def search(self, X, y, rows, *groups, **options):
        seen.append(("search", X[slice(None) if rows is None else rows, -1].astype(int).tolist()))
        return tune(self, X, y, rows, *groups, **options)

    def scale(self, X, *args, **params):
        seen.append(("fit", X[:, -1].astype(int).tolist()))
        return fit(self, X, *args, **params)

    monkeypatch.setattr(TunedHead, "fit_rows", search)
    monkeypatch.setattr(StandardScaler, "partial_fit", scale)
    # Grids are tried on made-up rows, which are none of these.
    monkeypatch.setattr("featx.heads.tuned_head.try_head", lambda head, n_classes: None)
    return seen


def test_random_labels_give_chance_however_large_the_search():
    rng = np.random.default_rng(0)
    X = {(f"layer{i}", "avg"): rng.normal(size=(120, 40)) for i in range(3)}
    y = rng.permutation(np.arange(120) % 2)
    grids = {"logistic": {"C": [1e-3, 1e-1]}, "knn": {"n_neighbors": [1, 3, 9]}}
    result, _ = evaluate(X, y, heads=["logistic", "knn"], grids=grids, cv=3)
    assert abs(result.metrics["accuracy"].value - 0.5) < 0.13
    assert result.metrics["accuracy"].low < 0.5 < result.metrics["accuracy"].high
    assert max(c.metrics["accuracy"].value for c in result.candidates) >= result.metrics["accuracy"].value


def test_no_row_is_fitted_on_before_it_is_predicted(fitted_rows):
    X, y = blobs()
    evaluate(X, y, cv=3)
    searches = [rows for kind, rows in fitted_rows if kind == "search"]
    assert [len(rows) for rows in searches] == [60, 60, 60, 90]
    held_out = [row for rows in searches[:3] for row in set(range(90)) - set(rows)]
    assert sorted(held_out) == list(range(90))
    outer = [number for number, (kind, _) in enumerate(fitted_rows) if kind == "search"]
    for start, end in itertools.pairwise(outer):
        inside = fitted_rows[start + 1 : end]
        assert [len(rows) for _, rows in inside] == 3 * [40] + [60]
        assert all(set(rows) <= set(fitted_rows[start][1]) for _, rows in inside)


def test_a_held_out_test_set_is_never_fitted_on(fitted_rows):
    X, y = blobs()
    train, test = held_out_split(y, 0.3)
    result, _ = evaluate(X, y, split=(train, test))
    assert not {row for _, rows in fitted_rows for row in rows} & set(test.tolist())
    assert (result.n_images, result.n_test, result.model_fitted_on) == (90, 27, 63)
    assert "held-out test set of 27" in result.protocol
    assert np.sum(result.confusion_matrix) == 27


def test_the_kept_head_is_fitted_on_all_images_after_cross_validation(fitted_rows):
    X, y = blobs()
    result, head = evaluate(X, y)
    assert fitted_rows[-1] == ("fit", list(range(90)))
    assert result.model_fitted_on == result.n_test == 90
    assert head.score(X, y) > 0.9


def test_folds_are_stratified(fitted_rows):
    X, y = blobs(120)
    y = np.where(np.arange(120) % 10 == 0, "rare", "common")
    evaluate(X, y, cv=3)
    for _, rows in fitted_rows:
        assert np.mean(y[rows] == "rare") == pytest.approx(0.1, abs=0.02)


def grouped(n_groups=40, size=4):
    """Copies of images that say nothing of their class."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(n_groups), size)
    X = rng.normal(size=(n_groups, 8))[groups] + 0.01 * rng.normal(size=(len(groups), 8))
    return np.column_stack([X, groups]).astype(np.float32), np.where(groups % 2, "b", "a"), groups.astype(str)


def test_copies_across_folds_flatter_and_groups_put_it_right():
    X, y, groups = grouped()
    X[:, -1] = 0
    options = {"heads": ["knn"], "grids": {"knn": {"n_neighbors": [1, 5]}}}
    assert evaluate(X, y, **options)[0].metrics["accuracy"].value > 0.95
    honest, _ = evaluate(X, y, groups=groups, **options)
    assert honest.metrics["accuracy"].value < 0.75
    assert "whole groups on one side" in honest.protocol


@pytest.mark.parametrize("held_out", [False, True])
def test_groups_never_straddle_a_split(fitted_rows, held_out):
    X, y, groups = grouped(24)
    split = held_out_split(y, 0.25, groups=groups) if held_out else None
    evaluate(X, y, groups=groups, split=split)
    assert len(fitted_rows) >= 5
    for _, numbers in fitted_rows:
        assert set(np.unique(numbers, return_counts=True)[1]) == {4}


@pytest.mark.parametrize(("counts", "cv"), [((10, 4), 5), ((10, 2), 3), ((9, 1), 3), ((9, 3), 2)])
def test_a_class_with_too_few_images_is_named(counts, cv):
    y = np.repeat(["plenty", "scarce"], counts)
    with pytest.raises(DatasetError, match=f"class 'scarce' has {counts[1]} image") as caught:
        evaluate(np.zeros((len(y), 3), np.float32), y, cv=cv)
    # What is advised works, and nothing else is.
    advised = re.findall(r"--cv (\d+)", caught.value.next_step)
    works = [folds for folds in (3, 4) if folds <= counts[1]]
    assert advised == [str(folds) for folds in works[-1:]]
    for folds in works:
        outer_folds((y == "scarce").astype(int), np.unique(y), folds, None, 0)


def test_one_class_is_refused():
    with pytest.raises(DatasetError, match="only one class, 'cat'"):
        evaluate(np.zeros((9, 2)), np.array(9 * ["cat"]))


@pytest.mark.parametrize("head", sorted(set(HEADS) - {"lda"}))
@pytest.mark.parametrize("n", [9, pytest.param(24, marks=pytest.mark.long)])
def test_every_head_works_on_the_fewest_images_that_folds_allow(head, n):
    X, y = blobs(n, distance=4.0)
    grids = {"mlp": {"alpha": [1.0]}} if head == "mlp" else None
    result, fitted = evaluate_heads({VIEW: X[:, :-1]}, y, heads=[head], grids=grids, cv=3)
    assert result.n_test == n
    assert fitted.predict_proba(X[:, :-1]).shape == (n, 3)


@pytest.mark.parametrize(("n_groups", "cv"), [(2, 2), (3, 2), (3, 3), (4, 2), (4, 3), (6, 3)])
@pytest.mark.parametrize("pure", [False, True], ids=["mixed", "one-class"])
def test_few_groups_work_or_are_refused_with_a_reason(n_groups, cv, pure):
    X, y = blobs(48, 2)
    groups = np.arange(48) // 2 % n_groups
    if pure:
        groups += n_groups * (np.arange(48) % 2)
    # Two groups of a class must be left in the training part of every fold, to tune on.
    too_few = n_groups <= 3 and cv == 2
    with pytest.raises(DatasetError, match="group") if too_few else contextlib.nullcontext():
        assert evaluate(X, y, groups=groups.astype(str), cv=cv)[0].n_test == 48


def test_a_class_in_fewer_groups_than_folds_is_named():
    X, y, groups = grouped(12)
    groups[y == "b"] = "g"
    with pytest.raises(DatasetError, match="class 'b' has 1 group, fewer than the 3 that 3 folds need"):
        evaluate(X, y, groups=groups)


@pytest.mark.parametrize("cv", [0, 1, -3, 2.5, True, "5"])
def test_folds_that_cannot_be_are_refused(cv):
    with pytest.raises(ParameterError, match="got cv="):
        evaluate(*blobs(), cv=cv)


@pytest.mark.parametrize("use_groups", [False, True])
def test_the_good_value_of_a_grid_is_chosen(use_groups):
    X, y = blobs()
    groups = np.arange(90).astype(str) if use_groups else None
    result, head = evaluate(
        X[:, :-1], y, groups=groups, heads=["svm"], grids={"svm": {"C": [1.0], "gamma": [1e3, 0.1]}}
    )
    assert result.parameters == {"C": 1.0, "gamma": 0.1}
    assert result.candidates[0].parameters == 3 * [{"C": 1.0, "gamma": 0.1}]
    assert result.metrics["accuracy"].value > 0.9
    assert head.classes_.tolist() == result.classes


def test_the_first_value_and_the_first_head_win_ties():
    X, y = blobs(distance=40.0)
    heads = {"svm": {"C": [0.5, 1.0]}, "knn": {"n_neighbors": [3, 1]}}
    for names in (["svm", "knn"], ["knn", "svm"]):
        result, _ = evaluate(X[:, :-1], y, heads=names, grids=heads)
        assert [c.metrics["accuracy"].value for c in result.candidates] == [1.0, 1.0]
        assert result.head == names[0]
        assert result.parameters == {"svm": {"C": 0.5}, "knn": {"n_neighbors": 3}}[names[0]]


@pytest.mark.parametrize("held_out", [False, True])
def test_the_best_head_on_the_best_view_is_kept(held_out):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    ring = rng.normal(size=(120, 2))
    ring *= ((1 + 3 * y) / np.linalg.norm(ring, axis=1))[:, None]
    views = {("noise", "avg"): rng.normal(size=(120, 2)), ("ring", "max"): ring}
    split = held_out_split(y, 0.3) if held_out else None
    result, head = evaluate(views, y, heads=["logistic", "svm"], split=split)
    assert (result.head, result.layer, result.pooling) == ("svm", "ring", "max")
    assert len(result.candidates) == 4
    best = result.candidates[0]
    assert (best.head, best.layer, best.pooling) == ("svm", "ring", "max")
    assert head.score(ring, y) > 0.95
    assert result.metrics["accuracy"].value > 0.9


@pytest.mark.parametrize(
    ("name", "n_classes"),
    [
        pytest.param(name, n, marks=[pytest.mark.long] if (name, n) == ("mlp", 4) else [])
        for name in HEADS
        for n in (2, 4)
    ],
)
def test_probabilities_sum_to_one_and_leave_the_decision_as_it_is(name, n_classes):
    X, y = make_classification(
        240, 8, n_informative=6, n_redundant=0, n_classes=n_classes, class_sep=0.5, flip_y=0.2, random_state=0
    )
    _, head = evaluate(X, y, heads=[name])
    probabilities = head.predict_proba(X)
    assert probabilities.shape == (240, n_classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.array_equal(head.classes_[probabilities.argmax(axis=1)], head.predict(X))
    bare = head.calibrated_classifiers_[0].estimator if hasattr(head, "calibrated_classifiers_") else head
    assert np.array_equal(bare.predict(X), head.predict(X))


def test_class_weights_raise_the_recall_of_the_rare_class():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(300) % 10 == 0, "rare", "common")
    X = rng.normal(size=(300, 3)) + (y == "rare")[:, None]
    recalls = []
    for weight in (None, "balanced", {"rare": 9, "common": 1}):
        result, _ = evaluate(X, y, class_weight=weight)
        recalls.append({row["class"]: row["recall"] for row in result.per_class}["rare"])
    assert min(recalls[1:]) > recalls[0] + 0.2


@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "f1_macro"])
def test_the_tuning_maximises_the_scoring(scoring):
    rng = np.random.default_rng(0)
    y = np.where(np.arange(200) % 10 == 0, "rare", "common")
    X = rng.normal(size=(200, 3)) + 1.5 * (y == "rare")[:, None]
    grids = {"logistic": {"class_weight": [None, {"common": 1, "rare": 15}], "C": [1.0]}}
    result, _ = evaluate(X, y, scoring=scoring, grids=grids)
    weighted = result.parameters["class_weight"] is not None
    assert weighted is (scoring == "balanced_accuracy")
    assert result.scoring == scoring


def test_the_report_agrees_with_the_confusion_matrix():
    X, y = blobs(distance=1.0)
    result, _ = evaluate(X[:, :-1], y)
    matrix = np.array(result.confusion_matrix)
    assert result.metrics["accuracy"].value == pytest.approx(np.trace(matrix) / 90)
    assert [row["support"] for row in result.per_class] == matrix.sum(axis=1).tolist() == [30, 30, 30]
    assert result.metrics["balanced_accuracy"].value == pytest.approx(np.mean([r["recall"] for r in result.per_class]))
    assert [row["class"] for row in result.per_class] == result.classes == ["class 0", "class 1", "class 2"]
    assert result.candidates[0].seconds > 0


def rings(n=120, seed=0):
    """Two classes that a linear head cannot tell apart and an SVM can."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    ring = rng.normal(size=(n, 2))
    return ring * ((1 + 3 * y) / np.linalg.norm(ring, axis=1))[:, None], y


@pytest.mark.parametrize("heads", [["svm", "logistic", "ridge"], ["svm", "ridge", "logistic"]])
def test_candidates_are_compared_with_the_simplest_which_is_fixed_beforehand(heads):
    ring, y = rings()
    wide = np.column_stack([ring, np.zeros((len(y), 3))])
    result, _ = evaluate({("wide", "avg"): wide, ("narrow", "avg"): ring}, y, heads=heads)
    (reference,) = [c for c in result.candidates if c.reference]
    assert (reference.head, reference.layer) == (heads[1], "narrow")
    assert (reference.p_value, reference.difference) == (None, None)
    (picked,) = [c for c in result.candidates if c.picked]
    assert picked is result.candidates[0]
    assert (picked.head, picked.layer) == (result.head, result.layer)
    for other in result.candidates:
        if other is not reference:
            gap = other.metrics["accuracy"].value - reference.metrics["accuracy"].value
            assert other.difference.value == pytest.approx(gap)
            assert (other.p_value < 0.001) is (other.head == "svm")
    assert result.test == "McNemar's exact test, corrected for 3 folds"
    assert result.simpler is None


def test_a_picked_candidate_that_is_no_better_than_the_simplest_says_so():
    X, y = blobs(distance=1.0)
    result, _ = evaluate(X[:, :-1], y, heads=["knn", "svm", "ridge"])
    (reference,) = [c for c in result.candidates if c.reference]
    assert reference.head == "ridge"
    (picked,) = [c for c in result.candidates if c.picked]
    assert (result.simpler is reference) is (picked is not reference and picked.p_value >= 0.05)
    alone, _ = evaluate(X[:, :-1], y, heads=["knn"])
    assert alone.candidates[0].reference
    assert alone.candidates[0].picked
    assert alone.simpler is None


def test_the_p_values_of_candidates_are_adjusted_for_their_number():
    ring, y = rings(60)
    noise = np.random.default_rng(1).normal(size=(3, 60, 2))
    few = evaluate({("a", "avg"): noise[0], ("ring", "avg"): ring}, y, heads=["svm"])[0]
    many = evaluate({("a", "avg"): noise[0], ("ring", "avg"): ring, ("b", "avg"): noise[1], ("c", "avg"): noise[2]},
                    y, heads=["svm"])[0]  # fmt: skip
    alone, among = (next(c for c in result.candidates if c.layer == "ring").p_value for result in (few, many))
    assert among == pytest.approx(3 * alone)


def test_another_view_may_be_the_reference():
    X, y = blobs()
    views = {("narrow", "avg"): X[:, :3], ("last", "avg"): X[:, :-1]}
    result, _ = evaluate(views, y, reference=("last", "avg"))
    assert [c.layer for c in result.candidates if c.reference] == ["last"]


@pytest.mark.parametrize("held_out", [False, True])
def test_the_baseline_answers_the_largest_class(held_out):
    rng = np.random.default_rng(0)
    y = np.where(np.arange(100) % 10 < 7, "many", "few")
    split = held_out_split(y, 0.3) if held_out else None
    noise, _ = evaluate(rng.normal(size=(100, 4)), y, split=split)
    assert noise.baseline.accuracy == pytest.approx(0.7)
    assert noise.baseline.answer == "many"
    assert noise.baseline.beaten is False
    clear, _ = evaluate(rng.normal(size=(100, 4)) + 4 * (y == "many")[:, None], y, split=split)
    assert (clear.baseline.verdict, clear.baseline.metric) == ("better", "accuracy")
    fair, _ = evaluate(rng.normal(size=(100, 4)), y, split=split, scoring="balanced_accuracy")
    assert (fair.baseline.metric, fair.baseline.value) == ("balanced_accuracy", 0.5)


def test_a_seed_gives_the_same_result():
    X, y = blobs(distance=1.0)
    results = []
    for seed in (0, 0, 1):
        result = dataclasses.asdict(evaluate(X, y, random_state=seed, heads=["mlp"], grids={"mlp": {"alpha": [1]}})[0])
        result["candidates"][0].pop("seconds")
        result["predictions"] = result["predictions"]["probabilities"].tolist()
        results.append(result)
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grids": {"svm": {"C": [1]}}}, "got a grid for svm"),
        ({"scoring": "recall"}, "got scoring='recall'; expected one of accuracy"),
        ({"heads": ["tree"]}, "no head 'tree'"),
        ({"heads": []}, "heads"),
        ({"class_weight": {"class 7": 1.0}}, "got class_weight for 'class 7', which is not a class"),
        ({"class_weight": {"class 0": -1.0}}, "got -1.0 in class_weight"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        evaluate(*blobs(), **options)


def test_networks_are_candidates_like_layers_and_the_figures_stay_nested():
    X, y = blobs()
    noise = np.random.default_rng(1).normal(size=X.shape).astype(np.float32)
    matrices = {("net", *VIEW): noise, ("other", *VIEW): X}
    result, _ = evaluate(matrices, y)
    assert [(c.backbone, c.layer) for c in result.candidates] == [("other", "last"), ("net", "last")]
    assert (result.backbone, result.layer, result.place) == ("other", "last", "other, last, avg")
    named, _ = evaluate({("last", "avg"): noise, ("first", "avg"): X}, y)
    assert named.metrics == result.metrics
    assert (named.backbone, named.place) == (None, "first, avg")
    referred, _ = evaluate(matrices, y, reference=("other", *VIEW))
    assert next(c for c in referred.candidates if c.reference).backbone == "other"
    for wrong in ({(1, "last", "avg"): X}, {("a", "b", "last", "avg"): X}):
        with pytest.raises(ParameterError, match="expected"):
            evaluate(wrong, y)
