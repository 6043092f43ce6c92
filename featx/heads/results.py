"""The figures of an evaluation, as the one object behind the printout and the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..display.summary_mixin import SummaryMixin
from ..evaluation.estimates import Estimate
from ..evaluation.held_out_result import HeldOutResult

__all__ = ["CandidateResult", "EvaluationResult"]


@dataclass(frozen=True, repr=False)
class CandidateResult(SummaryMixin):
    """What one head reached on one layer and pooling.

    Attributes
    ----------
    head, layer, pooling : str
    width : int
        Features of the embedding.
    metrics : dict of str to Estimate
    picked : bool
        Whether it is the one that is kept. After cross-validation it was picked for the best of these figures, which
        are optimistic for that; with a held-out test set it was picked on the training part.
    reference : bool
        Whether it is the one that the others are compared with: the simplest, which is fixed before there are any
        figures. It is linear if any is, then has the fewest features, then comes first.
    difference : Estimate or None
        Its accuracy minus that of the reference, on the same test images; None for the reference.
    p_value : float or None
        Of this difference, whatever the scoring, adjusted for the number of candidates after Holm (1979); see
        `compare_paired`. None for the reference.
    parameters : list of dict
        What the tuning chose, for each split.
    seconds : float
        Tuning, fitting and predicting, over all splits.
    """

    head: str
    layer: str
    pooling: str
    width: int
    metrics: dict[str, Estimate]
    picked: bool
    reference: bool
    difference: Estimate | None
    p_value: float | None
    parameters: list[dict[str, Any]]
    seconds: float


@dataclass(repr=False)
class EvaluationResult(HeldOutResult):
    """The one object behind the printout and the JSON.

    Attributes
    ----------
    classes, n_test, metrics, per_class, confusion_matrix, baseline, notes
        As `HeldOutResult` has them, of the whole procedure: in each split the candidate is picked on the training part,
        as it is tuned there.
    n_images : int
        Images in all.
    protocol : str
        In words.
    scoring : str
        What the tuning maximises.
    candidates : list of CandidateResult
        The best by that score first.
    head, layer, pooling : str
        What the kept model uses.
    parameters : dict
        The kept head's tuned ones.
    model_fitted_on : int
        Images that the kept model was fitted on.
    test : str
        The name of the paired test between candidates.
    simpler : CandidateResult or None
        The reference, where the kept candidate is another and does not differ from it in accuracy with p < 0.05.
    """

    n_images: int
    protocol: str
    scoring: str
    candidates: list[CandidateResult]
    head: str
    layer: str
    pooling: str
    parameters: dict[str, Any]
    model_fitted_on: int
    test: str
    simpler: CandidateResult | None
