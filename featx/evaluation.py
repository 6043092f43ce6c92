"""Embeddings and labels go in; honest figures for tuned heads, and the head to keep, come out.

Every head is tuned by cross-validation inside the training part of each split, so that no reported figure is one
that the tuning has seen. Which layer, pooling and head to keep is chosen there too, and the headline is the figure of
the whole procedure: nested cross-validation, or a held-out test set (Varma and Simon 2006).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from .backbones import View
from .exceptions import DatasetError, ParameterError
from .heads import Head, make_head
from .metrics import Estimate, confusion_matrix, per_class, score_predictions

__all__ = ["CandidateResult", "EvaluationResult", "evaluate_heads", "held_out_split"]

INNER_FOLDS = 3
SCORINGS = ("accuracy", "balanced_accuracy", "f1_macro")

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class CandidateResult:
    """What one head reached on one layer and pooling.

    Attributes
    ----------
    head, layer, pooling : str
    metrics : dict of str to Estimate
    parameters : list of dict
        What the tuning chose, for each split.
    seconds : float
        Tuning, fitting and predicting, over all splits.
    """

    head: str
    layer: str
    pooling: str
    metrics: dict[str, Estimate]
    parameters: list[dict[str, Any]]
    seconds: float


@dataclass
class EvaluationResult:
    """The one object behind the printout and the JSON.

    Attributes
    ----------
    classes : list of str
    n_images, n_test : int
        Images in all, and those that figures are computed on.
    protocol : str
        In words.
    scoring : str
        What the tuning maximises.
    candidates : list of CandidateResult
        The best by that score first.
    metrics : dict of str to Estimate
        Of the whole procedure, the choice among the candidates included.
    per_class : list of dict
        Class, precision, recall, f1 and support, of the same predictions.
    confusion_matrix : list of list of int
        True classes in rows.
    head, layer, pooling : str
        What the kept model uses.
    parameters : dict
        The kept head's tuned ones.
    model_fitted_on : int
        Images that the kept model was fitted on.
    """

    classes: list[str]
    n_images: int
    n_test: int
    protocol: str
    scoring: str
    candidates: list[CandidateResult]
    metrics: dict[str, Estimate]
    per_class: list[dict[str, Any]]
    confusion_matrix: list[list[int]]
    head: str
    layer: str
    pooling: str
    parameters: dict[str, Any]
    model_fitted_on: int


@dataclass
class _Candidate:
    """A head on a view, with what it predicted so far."""

    view: View
    head: Head
    probabilities: np.ndarray
    parameters: list[dict[str, Any]] = field(default_factory=list)
    inner_scores: list[float] = field(default_factory=list)
    seconds: float = 0.0


def evaluate_heads(
    matrices: Mapping[View, np.ndarray],
    y: np.ndarray,
    *,
    heads: Sequence[str] = ("logistic",),
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    cv: int = 5,
    split: Split | None = None,
    groups: np.ndarray | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    scoring: str = "accuracy",
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> tuple[EvaluationResult, BaseEstimator]:
    """Tune heads on embeddings, report honest figures, and fit the best one.

    Parameters
    ----------
    matrices : mapping of (layer, pooling) to ndarray of float32, shape (n, d)
        The same images in each.
    y : ndarray of shape (n,)
        Labels.
    heads : sequence of str, default=("logistic",)
    grids : mapping of head to (mapping of parameter to values), default=None
        Values in place of the default grids'.
    cv : int, default=5
        Folds of the outer cross-validation, stratified by class, and grouped when there are groups.
    split : (train rows, test rows), default=None
        One held-out test set in place of the cross-validation.
    groups : ndarray of shape (n,), default=None
    class_weight : "balanced", mapping or None, default=None
    scoring : {"accuracy", "balanced_accuracy", "f1_macro"}, default="accuracy"
        What the tuning maximises.
    random_state : int, default=0
    n_jobs : int, default=None
        Processes for the grid searches, as in scikit-learn.
    verbose : bool, default=False
        Show a progress bar when it takes longer than a second and stderr is a terminal.

    Returns
    -------
    result : EvaluationResult
    head : estimator
        The kept head, fitted: on all rows after cross-validation, on the training rows with a held-out test set.
        It has ``predict_proba``; heads without probabilities of their own are calibrated by temperature scaling,
        which leaves their decisions as they are.

    Raises
    ------
    DatasetError
        If there are fewer than two classes, or too few images of one for the folds.
    ParameterError
    """
    if scoring not in SCORINGS:
        raise ParameterError(f"got scoring={scoring!r}; expected one of {', '.join(SCORINGS)}")
    if grids and (unused := sorted(set(grids) - set(heads))):
        raise ParameterError(f"got a grid for {', '.join(unused)}, which is not among the heads", "Name that head too.")
    classes, truth = np.unique(y, return_inverse=True)
    splits = [split] if split is not None else _folds(truth, classes, cv, groups, random_state)
    if split is not None:
        _check_counts(truth[split[0]], classes, 2, "training images for tuning")
    candidates = [
        _Candidate(
            view,
            make_head(head, grid=(grids or {}).get(head), class_weight=class_weight, random_state=random_state),
            np.zeros((len(y), len(classes))),
        )
        for view in matrices
        for head in dict.fromkeys(heads)
    ]
    tuner = _Tuner(matrices, y, groups, scoring, random_state, n_jobs)
    chosen_probabilities = np.zeros((len(y), len(classes)))
    total = len(candidates) * (len(splits) + 1)
    bar = tqdm(total=total, unit="fit", delay=1, leave=False, disable=None if verbose else True)
    # L-BFGS makes thousands of tiny BLAS calls, which threads slow down, many times over on a busy machine.
    with bar, threadpool_limits(1):
        for train, test in splits:
            for candidate in candidates:
                tuner.run(candidate, train, test, classes)
                bar.update()
            best = max(candidates, key=lambda c: c.inner_scores[-1])
            chosen_probabilities[test] = best.probabilities[test]
        tested = np.concatenate([test for _, test in splits])
        fitted_on = splits[0][0] if split is not None else np.arange(len(y))
        if split is not None:
            kept, parameters = best, best.parameters[-1]
        else:
            searches = []
            for candidate in candidates:
                searches.append(tuner.tune(candidate, fitted_on))
                bar.update()
            number = max(range(len(searches)), key=lambda i: searches[i][0])
            kept, parameters = candidates[number], searches[number][1]
        head = tuner.fit(kept, parameters, fitted_on)

    tested_groups = None if groups is None else groups[tested]

    def figures(probabilities: np.ndarray) -> dict[str, Estimate]:
        return score_predictions(truth[tested], probabilities[tested], groups=tested_groups, random_state=random_state)

    results = [
        CandidateResult(c.head.name, *c.view, figures(c.probabilities), c.parameters, c.seconds) for c in candidates
    ]
    main = {"f1_macro": "macro_f1"}.get(scoring, scoring)
    matrix = confusion_matrix(truth[tested], chosen_probabilities[tested].argmax(axis=1), len(classes))
    names = [str(name) for name in classes]
    result = EvaluationResult(
        classes=names,
        n_images=len(y),
        n_test=len(tested),
        protocol=_protocol(split, cv, groups, len(tested)),
        scoring=scoring,
        candidates=sorted(results, key=lambda r: -r.metrics[main].value),
        metrics=figures(chosen_probabilities),
        per_class=_report(names, matrix),
        confusion_matrix=matrix.tolist(),
        head=kept.head.name,
        layer=kept.view[0],
        pooling=kept.view[1],
        parameters=parameters,
        model_fitted_on=len(fitted_on),
    )
    return result, head


def held_out_split(
    y: np.ndarray, test_size: float, *, groups: np.ndarray | None = None, random_state: int = 0
) -> Split:
    """Return stratified training and test rows, whole groups on one side.

    Parameters
    ----------
    y : ndarray of shape (n,)
    test_size : float
        Fraction of the images; with groups it is met roughly.
    groups : ndarray of shape (n,), default=None
    random_state : int, default=0

    Raises
    ------
    ParameterError
    """
    from sklearn.model_selection import train_test_split

    if not 0 < test_size < 1:
        raise ParameterError(f"got test_size={test_size}; expected a fraction between 0 and 1")
    classes, truth = np.unique(y, return_inverse=True)
    _check_counts(truth, classes, 2, "images for a training and a test part")
    if groups is None:
        try:
            train, test = train_test_split(
                np.arange(len(y)), test_size=test_size, stratify=truth, random_state=random_state
            )
        except ValueError as error:
            raise ParameterError(f"got test_size={test_size}: {error}", "Choose another fraction.") from error
        return np.sort(train), np.sort(test)
    # Folds of the wanted size, of which one is the test part: the splitter that keeps classes and groups together.
    folds = max(2, round(1 / min(test_size, 1 - test_size)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
    large, small = next(splitter.split(truth, truth, groups))
    return (large, small) if test_size <= 0.5 else (small, large)


class _Tuner:
    """Grid searches inside training rows."""

    def __init__(
        self,
        matrices: Mapping[View, np.ndarray],
        y: np.ndarray,
        groups: np.ndarray | None,
        scoring: str,
        random_state: int,
        n_jobs: int | None,
    ) -> None:
        self.matrices = matrices
        self.y = y
        self.groups = groups
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs

    def run(self, candidate: _Candidate, train: np.ndarray, test: np.ndarray, classes: np.ndarray) -> None:
        """Tune and fit on the training rows, predict the test rows, and note it all in the candidate."""
        start = time.perf_counter()
        score, parameters = self.tune(candidate, train)
        head = self.fit(candidate, parameters, train)
        columns = np.searchsorted(classes, head.classes_)
        candidate.probabilities[np.ix_(test, columns)] = head.predict_proba(self.matrices[candidate.view][test])
        candidate.parameters.append(parameters)
        candidate.inner_scores.append(score)
        candidate.seconds += time.perf_counter() - start

    def tune(self, candidate: _Candidate, rows: np.ndarray) -> tuple[float, dict[str, Any]]:
        """Return the best inner score and the parameters that gave it."""
        search = GridSearchCV(
            candidate.head.estimator,
            candidate.head.grid,
            cv=self._inner(rows),
            scoring=self.scoring,
            refit=False,
            n_jobs=self.n_jobs,
            error_score="raise",
        )
        with warnings.catch_warnings():
            # A grid's ends may stop before they converge; the scores tell whether that matters.
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            search.fit(self.matrices[candidate.view][rows], self.y[rows])
        step = len("classify__")
        return float(search.best_score_), {name[step:]: value for name, value in search.best_params_.items()}

    def fit(self, candidate: _Candidate, parameters: dict[str, Any], rows: np.ndarray) -> BaseEstimator:
        """Return the head fitted with these parameters, with probabilities."""
        head = clone(candidate.head.estimator)
        head.set_params(**{f"classify__{name}": value for name, value in parameters.items()})
        if not hasattr(head, "predict_proba"):
            head = CalibratedClassifierCV(head, method="temperature", ensemble=False, cv=self._inner(rows))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            head.fit(self.matrices[candidate.view][rows], self.y[rows])
        if isinstance(head, CalibratedClassifierCV):
            head.cv = INNER_FOLDS  # the row numbers of the folds have no place in a saved model
        return head

    def _inner(self, rows: np.ndarray) -> list[Split]:
        y = self.y[rows]
        groups = None if self.groups is None else self.groups[rows]
        smallest = np.unique(y, return_counts=True)[1].min()
        folds = int(min(INNER_FOLDS, smallest)) if groups is None else INNER_FOLDS
        return list(_splitter(folds, groups, self.random_state).split(y, y, groups))


def _splitter(folds: int, groups: np.ndarray | None, random_state: int) -> Any:
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return kind(folds, shuffle=True, random_state=random_state)


def _folds(
    truth: np.ndarray, classes: np.ndarray, cv: int, groups: np.ndarray | None, random_state: int
) -> list[Split]:
    if isinstance(cv, bool) or not isinstance(cv, int | np.integer) or cv < 2:
        raise ParameterError(f"got cv={cv!r}; expected an integer of at least 2")
    # The training part of a fold needs two images of a class, to tune on.
    _check_counts(truth, classes, max(cv, 4 if cv == 2 else 3), f"images, the fewest that {cv} folds can do with")
    if groups is not None:
        per_class_groups = [len(np.unique(groups[truth == number])) for number in range(len(classes))]
        if min(per_class_groups) < cv:
            name = classes[int(np.argmin(per_class_groups))]
            raise DatasetError(
                f"class {str(name)!r} lies in {min(per_class_groups)} groups, fewer than the {cv} folds",
                f"Use at most {min(per_class_groups)} folds, or other groups.",
            )
    return list(_splitter(cv, groups, random_state).split(truth, truth, groups))


def _check_counts(truth: np.ndarray, classes: np.ndarray, least: int, what: str) -> None:
    if len(classes) < 2:
        raise DatasetError(f"there is only one class, {str(classes[0])!r}", "A classifier needs at least two.")
    counts = np.bincount(truth, minlength=len(classes))
    if counts.min() < least:
        name = str(classes[int(np.argmin(counts))])
        raise DatasetError(
            f"class {name!r} has {counts.min()} of {least} {what}",
            "Add images, leave the class out, or use fewer folds (cv=3).",
        )


def _protocol(split: Split | None, cv: int, groups: np.ndarray | None, n_test: int) -> str:
    grouped = ", whole groups on one side" if groups is not None else ""
    if split is not None:
        return (
            f"held-out test set of {n_test} images{grouped}; tuned on the others by {INNER_FOLDS}-fold cross-validation"
        )
    return f"nested cross-validation: {cv} stratified folds{grouped}, tuned inside each by {INNER_FOLDS} folds"


def _report(names: list[str], matrix: np.ndarray) -> list[dict[str, Any]]:
    precision, recall, f1 = per_class(matrix)
    return [
        {
            "class": name,
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(matrix[i].sum()),
        }
        for i, name in enumerate(names)
    ]
