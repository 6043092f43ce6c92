"""Initialise the head before the network is trained: a tuned logistic regression (LP-FT), or a warm-up.

Fine-tuning from a random head distorts pretrained features before the head has learnt to use them; starting from a
linear probe does not (LP-FT: Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from torch import nn

from ..evaluation.units import content_units, join_groups
from ..heads.tuned_head import TunedHead
from .head import DenseHead
from .settings import ResolvedSettings

__all__ = ["fit_probe", "warm_up"]

# The middle of the default grid: for classes of one image, which leave nothing to tune on.
UNTUNED_C = 1e-2
# The usual rate of Adam, for a head on standardised features with random weights.
WARM_UP_RATE = 1e-3


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
        with threadpool_limits(1):
            return head.spec().with_parameters({"C": UNTUNED_C}).fit(features, y)
    return head.fit(features, y, groups=groups, together=together).head_


def warm_up(
    head: DenseHead, features: np.ndarray, targets: np.ndarray, settings: ResolvedSettings, weights: torch.Tensor | None
) -> None:
    """Train the head alone on embeddings (n, width), in place, at `head_learning_rate` or, if that is lower, 1e-3."""
    values, wanted = torch.from_numpy(features).to(settings.device), torch.from_numpy(targets).to(settings.device)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=max(settings.head_learning_rate, WARM_UP_RATE), weight_decay=settings.weight_decay
    )
    rng = np.random.default_rng(settings.random_state)
    head.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.random_state)
        for _ in range(settings.warmup_epochs):
            for rows in np.array_split(rng.permutation(len(values)), math.ceil(len(values) / settings.batch_size)):
                places = torch.from_numpy(rows).to(settings.device)
                loss = nn.functional.cross_entropy(head(values[places]), wanted[places], weight=weights)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
    head.eval()
