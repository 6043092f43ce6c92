"""Notes on strategies whose heads choose their parameters on a part of many training images."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.base import BaseEstimator

from ..heads.tuned_head import TunedHead
from .strategies import kind_of

__all__ = ["tuning_notes_of"]


def tuning_notes_of(strategies: Mapping[str, BaseEstimator], n_train: Mapping[str, int]) -> list[str]:
    """Return a note for each strategy whose parameters are chosen on fewer images than it trains on.

    Parameters
    ----------
    strategies : mapping of str to estimator
    n_train : mapping of str to int
        The most images that each trains on.
    """
    notes = []
    for name, estimator in strategies.items():
        head = estimator[-1] if kind_of(estimator) == "frozen" else None
        most = head.tuning_images if isinstance(head, TunedHead) else None
        if most is not None and most < n_train[name]:
            notes.append(
                f"the parameters of {name} were chosen on about {most:,} of up to {n_train[name]:,} training images, "
                f"and the head fitted on all; to choose on all: tuning_images=None (--set {name}.tuning_images=None)"
            )
    return notes
