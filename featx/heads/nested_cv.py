"""Nested cross-validation of tuned heads: unbiased metrics of every head, and the head to keep.

Every head is tuned by cross-validation inside the training part of each split, so that no reported metric is one that
the tuning has seen: nested cross-validation, or a held-out test set (Varma and Simon 2006). After cross-validation the
candidate with the best metric is kept; since it was picked for that, the headline is the metric of a procedure that
also picks the candidate inside each training part. With a held-out test set, the candidate is picked on the training
part alone. For the same reason, candidates are not compared with the picked one but with the simplest, which is fixed
beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..choices import Scoring
from ..constraints import check_values, plain, shown
from ..display.progress import progress_bar
from ..evaluation.answers import joined_answers
from ..evaluation.class_sizes import check_counts
from ..evaluation.data_split import DataSplit
from ..evaluation.held_out_result import score_held_out
from ..evaluation.metric_names import RANKING_METRICS
from ..evaluation.metrics import score_answers
from ..evaluation.operating_point import class_number, parse_operating_point
from ..evaluation.paired import SIGNIFICANCE, adjust_p_values, compare_paired, name_test
from ..evaluation.reached_point import judge_point
from ..evaluation.splits import INNER_FOLDS, Split
from ..evaluation.units import judged_units, nontrivial_groups
from ..exceptions import ParameterError
from ..images.labels import check_labels, plain_column
from ..networks.pooling import View
from ..runtime.one_thread import one_thread
from ..runtime.seeds import drawn_seed
from .checked_input import checked_matrices, checked_split
from .class_weights import class_weights
from .head_labels import head_labels, head_name
from .head_names import LINEAR_HEADS, check_heads, head_grids
from .held_out_predictions import HeldOutPredictions, predict_held_out
from .results import CandidateResult, EvaluationResult
from .scoring import baseline_metric, tuning_score
from .svm_cost import announce_svm
from .tuned_head import TunedHead
from .tuning_rows import TUNING_IMAGES, tuning_notes

__all__ = ["evaluate_heads"]


def evaluate_heads(
    matrices: Mapping[Any, np.ndarray],
    y: np.ndarray,
    *,
    heads: Sequence[str | BaseEstimator] = ("logistic",),
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    cv: int = 5,
    split: Split | DataSplit | None = None,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    reference: tuple[str, ...] | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    scoring: Scoring = "accuracy",
    positive: Any = None,
    operating_point: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    tuning_images: int | None = TUNING_IMAGES,
    verbose: bool = False,
) -> tuple[EvaluationResult, BaseEstimator]:
    """Tune heads on embeddings, evaluate them on rows that the tuning has not seen, and fit the best one.

    Parameters
    ----------
    matrices : mapping of (layer, pooling) to ndarray of float32, shape (n, d)
        The same images in each. Where several networks are searched, of (backbone, layer, pooling).
    y : ndarray of shape (n,)
        Labels.
    heads : sequence of str or classifier, default=("logistic",)
        As for `make_head`.
    grids : mapping of head to (mapping of parameter to values), default=None
        Values in place of those of the default grids. A classifier of your own is named in full, or by its class alone.
    cv : int, default=5
        Folds of the outer cross-validation, stratified by class, and grouped when there are groups.
    split : (train rows, test rows) or DataSplit, default=None
        One held-out test set in place of the cross-validation, or what `split_dataset` returns.
    groups : ndarray of shape (n,), default=None
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which stay on one side of every split that is drawn. The metrics still
        count every image.
    reference : (layer, pooling), default=None
        The view, a key of `matrices`, of the candidate that the others are compared with; if None, that of the simplest
        candidate of all.
    class_weight : "balanced", mapping or None, default=None
    scoring, positive, operating_point
        As for `TunedHead`. The threshold of an operating point is chosen on the inner folds, as the parameters are.
    random_state : int, RandomState or None, default=0
        Seed of the folds and the heads. With None or a RandomState, a seed is drawn once.
    n_jobs : int, default=None
        Processes for the grid searches, as in scikit-learn.
    tuning_images : int or None, default=20000
        As for `TunedHead`; with a note where it is fewer images than a head is fitted on.
    verbose : bool, default=False
        Show a progress bar, on a terminal or in a notebook, when it takes longer than a second.

    Returns
    -------
    result : EvaluationResult
    head : estimator
        The kept head, fitted on all rows after cross-validation, or on the training rows with a held-out test set.
        Heads without probabilities of their own are calibrated by temperature scaling, which does not change their
        decisions. All but some classifiers of your own have ``predict_proba`` then.

    Raises
    ------
    DatasetError
        If there are fewer than two classes, or a class has too few images for the folds.
    ParameterError
        If a parameter holds a value that it does not accept.
    """
    random_state = drawn_seed(random_state)
    check_values(locals())
    if reference is not None and not (isinstance(reference, tuple) and reference in matrices):
        raise ParameterError(f"got reference={shown(reference)}; expected one of {shown(list(matrices))} or None")
    check_heads(heads, grids or ())
    first = checked_matrices(matrices)
    embedded = {_named(view): matrix for view, matrix in matrices.items()}
    wanted = None if reference is None else _named(reference)
    classes, truth = check_labels(first, plain_column(y, len(first), name="y"))
    y = classes[truth]
    groups, together = (plain_column(column, len(y), name=name) for name, column in
                        (("groups", groups), ("together", together)))  # fmt: skip
    if split is None:
        split = DataSplit.cross_validation(y, cv, groups=groups, together=together, random_state=random_state)
    elif not isinstance(split, DataSplit):
        split = DataSplit.held_out(*checked_split(split, len(y)), groups=groups)
    splits = split.splits
    if split.folds is None:
        check_counts(truth[split.fitted], classes, 2, "tuning needs")
    tuned_heads = [
        TunedHead(
            plain(head),
            grid=grid,
            class_weight=class_weight,
            scoring=scoring,
            positive=positive,
            operating_point=operating_point,
            random_state=random_state,
            n_jobs=n_jobs,
            tuning_images=tuning_images,
        )
        for head, grid in dict(zip(heads, head_grids(heads, grids), strict=True)).items()
    ]
    sizes = [len(train) for train, _ in splits] + ([] if split.folds is None else [len(y)])
    # Of several views, that of the most features.
    width, costs = max(X.shape[1] for X in embedded.values()), []
    for tuned in tuned_heads:
        costs += announce_svm(tuned.spec(len(classes)), sizes * len(embedded), width, tuning_images)
    class_weights(class_weight, classes, truth)
    number = None if positive is None else class_number(positive, classes)
    total = len(embedded) * len(tuned_heads) * len(splits) + 1
    candidates: list[_Candidate] = []
    best_fit: list[TunedHead] = []
    # Predictions are on one thread of BLAS, as tuning is.
    with progress_bar(total, name="tuning heads", unit="fit", shown=verbose) as bar, one_thread():
        for (backbone, view), X in embedded.items():
            for tuned in tuned_heads:
                predictions, last = predict_held_out(
                    tuned, X, y, splits, groups=groups, together=together, after_each=bar.update
                )
                candidates.append(_Candidate(view, X, tuned, predictions, backbone))
                # Of one split, the head that is kept; the others are let go, since some hold all their rows.
                best_fit = [max([*best_fit, last], key=lambda fit: fit.best_score_)]
        picks = [max(candidates, key=lambda c: c.predictions.inner_scores[place]) for place in range(len(splits))]
        answers = [pick.predictions.answers for pick in picks]
        # Of one candidate, no copy: with many images and classes they are as large as the embeddings.
        chosen = answers[0]
        if len({*picks}) > 1:
            chosen = joined_answers(
                [(test, each[test]) for each, (_, test) in zip(answers, splits, strict=True)], len(y)
            )
        decided, thresholds = np.zeros(len(y), dtype=int), []
        for place, (pick, (_, test)) in enumerate(zip(picks, splits, strict=True)):
            decided[test] = pick.predictions.decided[test]
            thresholds += pick.predictions.thresholds[place : place + 1]
        tested = np.concatenate([test for _, test in splits])
        parts = ["test"] if split.folds is None else [f"fold {number}" for number in range(1, len(splits) + 1)]
        design: dict[str, Any] = {
            "groups": nontrivial_groups(None if groups is None else groups[tested]),
            "folds": len(splits),
        }
        units = judged_units(groups, together)
        ranking: dict[str, Any] = {
            "positive": number,
            "ranked": scoring in RANKING_METRICS,
            "units": nontrivial_groups(None if units is None else units[tested]),
        }
        metrics = {
            c: score_answers(
                truth[tested],
                c.predictions.answers[tested],
                n_classes=len(classes),
                groups=design["groups"],
                random_state=random_state,
                decided=c.predictions.decided[tested],
                **ranking,
            )
            for c in candidates
        }
        reached = {
            c: tuning_score(truth[tested], c.predictions.answers[tested], scoring, number, n_classes=len(classes))
            for c in candidates
        }
        kept, rows, (fitted,) = picks[-1], split.fitted, best_fit
        if split.folds is not None:
            kept, rows = max(candidates, key=lambda c: reached[c]), np.arange(len(y))
            fitted = clone(kept.tuned).fit(kept.X, y, groups=groups, together=together)
        bar.update()

    simplest = min(
        (c for c in candidates if wanted in (None, (c.backbone, c.view))),
        key=lambda c: (c.tuned.head not in LINEAR_HEADS, c.X.shape[1]),
    )
    right = {c: c.predictions.decided[tested] == truth[tested] for c in candidates}
    tests = {c: compare_paired(right[c], right[simplest], **design) for c in candidates if c is not simplest}
    p_values = dict(zip(tests, adjust_p_values([test.p_value for test in tests.values()]), strict=True))
    labels = head_labels(heads)
    results = {
        c: CandidateResult(
            head=head_name(c.tuned.head),
            layer=c.view.layer,
            pooling=c.view.pooling,
            width=c.X.shape[1],
            metrics=metrics[c],
            picked=c is kept,
            reference=c is simplest,
            difference=tests[c].difference if c in tests else None,
            p_value=p_values.get(c),
            parameters=c.predictions.parameters,
            seconds=c.predictions.seconds,
            label=labels[head_name(c.tuned.head)],
            backbone=c.backbone,
        )
        for c in candidates
    }
    held_out = score_held_out(
        truth[tested],
        chosen[tested],
        classes=classes,
        trained=truth[split.fitted],
        **design,
        metric=baseline_metric(scoring, len(classes), number, at_point=operating_point is not None),
        random_state=random_state,
        decided=decided[tested],
        **ranking,
        others=metrics.values(),
        rows=tested,
        parts=np.repeat(np.array(parts, dtype=object), [len(test) for _, test in splits]),
    )
    if number is not None and operating_point is not None:
        held_out.operating_point = judge_point(
            truth[tested] == number,
            decided[tested] == number,
            parse_operating_point(operating_point),
            fitted.threshold_,
            positive=str(classes[number]),
            thresholds=thresholds,
            units=ranking["units"],
        )
    tuned_on = tuning_notes(fitted.n_tuned_on_, len(rows))
    result = EvaluationResult(
        **{
            **vars(held_out),
            "notes": [*split.notes, *held_out.notes, *tuning_notes(fitted.n_tuned_on_, len(rows)), *costs],
        },
        n_images=len(y),
        protocol=_protocol(split),
        scoring=scoring,
        candidates=[results[c] for c in sorted(candidates, key=lambda c: -reached[c])],
        head=head_name(kept.tuned.head),
        layer=kept.view.layer,
        pooling=kept.view.pooling,
        parameters=fitted.best_params_,
        model_fitted_on=len(rows),
        test=name_test(**design),
        backbone=kept.backbone,
        simpler=None if (results[kept].p_value or 0.0) < SIGNIFICANCE else results[simplest],
        label=labels[head_name(kept.tuned.head)],
    )
    return result, fitted.head_


@dataclass(eq=False)
class _Candidate:
    """A head on the embeddings of one view, and what it predicted."""

    view: View
    X: np.ndarray
    tuned: TunedHead
    predictions: HeldOutPredictions
    backbone: str | None


def _named(key: tuple[str, ...]) -> tuple[str | None, View]:
    """Return the network of a key, if it has one, and the view."""
    *backbone, layer, pooling = key
    return (backbone[0] if backbone else None), View(layer, pooling)


def _protocol(split: DataSplit) -> str:
    if split.folds is not None:
        return f"{split.protocol}, tuned inside each by {INNER_FOLDS} folds"
    parts = "the training and validation parts" if len(split.validation) else "the others"
    return f"{split.protocol}; tuned on {parts} by {INNER_FOLDS}-fold cross-validation"
