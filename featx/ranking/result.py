"""RankingResult: the candidates with their figures and costs, and which of them may be the best."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ..display.json_values import as_json
from ..display.records import Record
from ..display.summary_mixin import SummaryMixin
from ..evaluation.estimates import Estimate
from ..images.failures import Failure
from .resolution import Resolution

__all__ = ["MARGIN", "RankedCandidate", "RankingResult"]

# The difference in accuracy that is not worth a more expensive network.
MARGIN = 0.01


@dataclass(frozen=True, repr=False)
class RankedCandidate(Record):
    """A network with a layer and a pooling, and what it reaches and costs.

    Attributes
    ----------
    backbone, layer, pooling : str
    width : int
        Features of an embedding.
    n_images : int
        The images that the figures are from: those of the last round in which it took part.
    accuracy : Estimate
        Of logistic regression, tuned inside each fold of a cross-validation. The interval is about other test images,
        for models trained on as many.
    knn_accuracy : Estimate
        The same of nearest neighbours.
    log_evidence : Estimate
        LogME; see `featx.ranking.logme`. Its interval and that of the H-score hold the mean over other draws of as many
        images. Both depend on their number, and are comparable between candidates of equal `n_images` only.
    h_score : Estimate
        With shrinkage; see `featx.ranking.h_score`.
    p_value : float
        How likely its deficit against any other candidate is if none is better, in its last round; adjusted for the
        number of candidates and of rounds. Below 0.05 it was eliminated.
    undistinguished : bool
        Whether it may be the best: no other was distinguishably more accurate in any round.
    on_front : bool
        Whether no other candidate that costs no more is more accurate on the same images.
    recommended : bool
    seconds : float
        For 1,000 images up to the layer, on the processor that the result names.
    parameters : int
        Of the network up to the layer.
    weight_bytes : int
        The memory of these, without that of a batch.
    """

    backbone: str
    layer: str
    pooling: str
    width: int
    n_images: int
    accuracy: Estimate
    knn_accuracy: Estimate
    log_evidence: Estimate
    h_score: Estimate
    p_value: float
    undistinguished: bool
    on_front: bool
    recommended: bool
    seconds: float
    parameters: int
    weight_bytes: int


@dataclass(repr=False)
class RankingResult(SummaryMixin):
    """What `rank_backbones` returns.

    Attributes
    ----------
    candidates : list of RankedCandidate
        Those that took part longest first, and of these the most accurate.
    n_images : int
        Of the data set, without a test part that it came with.
    classes : list of str
    rounds : list of int
        The images of each round that was held.
    majority : float
        The accuracy of always answering the largest class, on the images of the last round.
    protocol : str
        How the figures were made, in words.
    processor : str
        Where the seconds were measured.
    n_embedded : int
        The images that networks were needed for, over all networks, timing apart.
    n_forwarded : int
        How many of them were not in the cache.
    n_timed : int
        Images that were forwarded to measure the speed.
    n_full : int
        The passes of all images through all networks.
    resolution : Resolution or None
        How small a difference between candidates is told on the images of the last round, and on more. None where one
        candidate is left, or it is not known.
    warnings : list of str
        That no candidate is shown to beat always answering the largest class.
    failures : list of Failure
        Images that could not be read.
    notes : list of str
    seconds : dict of str to float
        Time by part.
    """

    candidates: list[RankedCandidate]
    n_images: int
    classes: list[str]
    rounds: list[int]
    majority: float
    protocol: str
    processor: str
    n_embedded: int
    n_forwarded: int
    n_timed: int
    n_full: int
    resolution: Resolution | None = None
    warnings: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def undistinguished(self) -> list[RankedCandidate]:
        """The candidates that cannot be told from the best, the most accurate first."""
        return [one for one in self.candidates if one.undistinguished]

    @property
    def within_a_point(self) -> list[RankedCandidate]:
        """Those of them that are at most a point less accurate than the most accurate one."""
        least = self.undistinguished[0].accuracy.value - MARGIN - 1e-9
        return [one for one in self.undistinguished if one.accuracy.value >= least]

    @property
    def recommended(self) -> RankedCandidate:
        """The candidate to use."""
        return next(one for one in self.candidates if one.recommended)

    @property
    def images_for_a_point(self) -> int | None:
        """How many images tell a difference of a point four times in five; None where `resolution` is."""
        return None if self.resolution is None else self.resolution.images_for(MARGIN)

    @property
    def share_of_full(self) -> float:
        """The passes that this took, timing included, as a part of those of all images through all networks."""
        return (self.n_embedded + self.n_timed) / self.n_full

    def to_dict(self) -> dict[str, Any]:
        """Return everything as types that JSON can hold."""
        computed = {"share_of_full": self.share_of_full, "images_for_a_point": self.images_for_a_point}
        return dict(as_json({**vars(self), **computed}))

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, default=str, allow_nan=False)
