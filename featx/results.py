"""The figures of an evaluation, as the one object behind the printout and the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .estimates import Estimate
from .heads import LINEAR

__all__ = ["CandidateResult", "EvaluationResult"]


@dataclass(frozen=True)
class CandidateResult:
    """What one head reached on one layer and pooling.

    Attributes
    ----------
    head, layer, pooling : str
    width : int
        Features of the embedding.
    metrics : dict of str to Estimate
    p_value : float
        Of the difference in accuracy from the kept candidate, on the same test images; see `compare_paired`. It is
        not adjusted for the number of candidates.
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
    p_value: float
    parameters: list[dict[str, Any]]
    seconds: float

    def simpler_than(self, other: CandidateResult) -> bool:
        """Whether it has no more features and is no less linear, and not both the same."""
        mine, theirs = (self.width, self.head not in LINEAR), (other.width, other.head not in LINEAR)
        return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]


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
        Of the whole procedure: in each split the candidate is picked on the training part, as it is tuned there.
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
    simpler : CandidateResult or None
        The best of the candidates that are simpler than the kept one and not distinguishable from it (p >= 0.05).
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
    simpler: CandidateResult | None
