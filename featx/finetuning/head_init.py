"""Initialise the head before the network is trained, as a tuned logistic regression (LP-FT).

Fine-tuning from a random head distorts pretrained features before the head has learnt to use them; starting from a
linear probe does not (LP-FT: Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ..evaluation.units import content_units, join_groups
from ..heads.tuned_head import TunedHead
from ..runtime.one_thread import one_thread

__all__ = ["fit_probe"]

# The middle of the default grid: for classes of one image, which leave nothing to tune on.
UNTUNED_C = 1e-2


def fit_probe(
    features: np.ndarray,
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    random_state: int = 0,
) -> Pipeline:
    """Return a logistic regression on standardised embeddings, with C tuned where every class has two images.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,), default=None
        Images of one group are on one side of each fold of the grid search.
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which are on one side too.
    class_weight : "balanced", mapping or None, default=None
    random_state : int, default=0
    """
    head = TunedHead("logistic", class_weight=class_weight, random_state=random_state)
    classes, truth = np.unique(y, return_inverse=True)
    counts = np.bincount(content_units(truth, together).labels, minlength=len(classes))
    joined = None if groups is None else join_groups(groups, together)
    if counts.min() < 2 or (joined is not None and len(np.unique(joined)) < 2):
        with one_thread():
            return head.spec().with_parameters({"C": UNTUNED_C}).fit(features, y)
    return head.fit(features, y, groups=groups, together=together).head_
