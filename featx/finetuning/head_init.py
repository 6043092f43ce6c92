"""Embeddings and labels go in, a head comes out that knows the classes before the network is touched.

Fine-tuning from a random head distorts pretrained features before the head has learnt to use them; starting from the
probe does not (LP-FT: Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from torch import nn

from ..evaluation.units import content_units, join_groups
from ..heads.heads import head_spec
from ..heads.search import Candidate, Tuner
from .head import DenseHead
from .optimization import TrainingPlan

__all__ = ["fit_probe", "warm_up"]

# The middle of the default grid: for classes of one image, which leave nothing to tune on.
UNTUNED_C = 1e-2
# A head on standardised features that begins at random learns at Adam's usual rate.
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
    """Return a logistic regression on standardised embeddings, its strength tuned where every class has two images.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,), default=None
        Kept on one side of the folds of the tuning.
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which are too.
    class_weight : "balanced", mapping or None, default=None
    random_state : int, default=0
    """
    head = head_spec("logistic", class_weight=class_weight, random_state=random_state)
    view = ("embedding", "")
    tuner = Tuner({view: features}, y, groups, "accuracy", random_state, None, together)
    candidate = Candidate(view, head, np.zeros((0, 0)))
    rows = np.arange(len(y))
    with threadpool_limits(1):
        classes, truth = np.unique(y, return_inverse=True)
        counts = np.bincount(content_units(truth, together).labels, minlength=len(classes))
        joined = None if groups is None else join_groups(groups, together)
        few = counts.min() < 2 or (joined is not None and len(np.unique(joined)) < 2)
        parameters = {"C": UNTUNED_C} if few else tuner.tune(candidate, rows)[1]
        return clone(head.estimator).set_params(classify__C=parameters["C"]).fit(features, y)


def warm_up(head: DenseHead, features: np.ndarray, targets: np.ndarray, plan: TrainingPlan, epochs: int) -> None:
    """Train the head alone on embeddings (n, width), in place, at `head_learning_rate` or, if that is lower, 1e-3."""
    values, wanted = torch.from_numpy(features).to(plan.device), torch.from_numpy(targets).to(plan.device)
    weights = plan.weights_tensor()
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=max(plan.head_learning_rate, WARM_UP_RATE), weight_decay=plan.weight_decay
    )
    rng = np.random.default_rng(plan.seed)
    head.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        for _ in range(epochs):
            for rows in np.array_split(rng.permutation(len(values)), math.ceil(len(values) / plan.batch_size)):
                places = torch.from_numpy(rows).to(plan.device)
                loss = nn.functional.cross_entropy(head(values[places]), wanted[places], weight=weights)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
    head.eval()
