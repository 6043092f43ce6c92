"""Results of evaluated heads: what `evaluate_heads` returns and `featx fit` prints and writes as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..display.json_values import IF_SET
from ..display.summary_mixin import SummaryMixin
from ..evaluation.estimates import Estimate
from ..evaluation.held_out_result import HeldOutResult

__all__ = ["CandidateResult", "EvaluationResult"]


@dataclass(frozen=True, repr=False)
class CandidateResult(SummaryMixin):
    """How good one head is on one layer and pooling of a network.

    Attributes
    ----------
    head, layer, pooling : str
        The head as it was named; an estimator that was passed, as scikit-learn prints it.
    width : int
        Number of features of the embedding.
    metrics : dict of str to Estimate
        NaN for those that need probabilities if it gives none.
    picked : bool
        Whether it is the candidate that is kept. After cross-validation it was picked because its metrics are the best,
        so they are optimistic; with a held-out test set it was picked on the training part.
    reference : bool
        Whether it is the candidate that the others are compared with: the simplest, which is fixed before anything is
        evaluated. It is linear if any is; of these it has the fewest features; of these it is the first.
    difference : Estimate or None
        Its accuracy minus that of the reference, on the same test images; None for the reference.
    p_value : float or None
        Of this difference, whatever the scoring is, adjusted for the number of candidates (Holm 1979); see
        `compare_paired`. None for the reference.
    parameters : list of dict
        What the tuning chose, for each split.
    seconds : float
        Tuning, fitting and predicting, over all splits.
    label : str
        The short name of the head, which tables show: of a class without its module. JSON does not have it.
    backbone : str or None
        The network, where several are searched.
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
    label: str = field(default="", metadata={"json": False})
    backbone: str | None = field(default=None, metadata=IF_SET)

    @property
    def place(self) -> str:
        """The layer and pooling, and the network where several are searched, in words."""
        return view_text(self)


@dataclass(repr=False)
class EvaluationResult(HeldOutResult):
    """Metrics of tuned heads on rows that the tuning has not seen, and the head that was kept.

    Attributes
    ----------
    classes, n_test, metrics, per_class, confusion_matrix, baseline, notes, predictions
        As in `HeldOutResult`, of the whole procedure: in each split the candidate is picked on the training part, where
        it is also tuned.
    n_images : int
        The number of all images.
    protocol : str
        How the heads were evaluated, in words.
    scoring : str
        What the tuning maximises.
    candidates : list of CandidateResult
        In decreasing order of that score.
    head, layer, pooling : str
        Those of the kept model.
    parameters : dict
        The tuned parameters of the kept head.
    model_fitted_on : int
        The number of images that the kept model was fitted on.
    test : str
        The name of the paired test between candidates.
    simpler : CandidateResult or None
        The reference, if the kept candidate is another one and does not differ from it in accuracy with p < 0.05.
    label : str
        The short name of the head; JSON does not have it.
    backbone : str or None
        The network of the kept model, where several were searched.
    positive, operating_point
        As in `HeldOutResult`.
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
    label: str = field(default="", metadata={"json": False})
    backbone: str | None = field(default=None, metadata=IF_SET)

    @property
    def place(self) -> str:
        """The layer and pooling of the kept model, and the network where several were searched, in words."""
        return view_text(self)


def view_text(result: CandidateResult | EvaluationResult) -> str:
    """Return layer and pooling, after the network where several are searched."""
    return ", ".join(filter(None, (result.backbone, result.layer, result.pooling)))
