"""Training images and a frozen network go in; how its stages do, and which of the four cases that is, come out.

A small or large data set, similar to the one that the network was trained on or different from it: the four cases of
the notes on transfer learning of Stanford's CS231n (cs231n.github.io/transfer-learning), whose rules these are, except
that for large and similar sets they fine-tune the whole network and not its top alone. Late layers are the more
specific to the data that they were trained on (Yosinski et al. 2014, arXiv:1411.1792): where an earlier one serves
better, the images are different.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from .backbones import View
from .estimates import Estimate
from .evaluation import LEVEL, evaluate_heads
from .exceptions import DatasetError, LayerError
from .images import ImageSource
from .transformer import CNNFeatureTransformer

__all__ = ["LARGE", "StageFigures", "StageStudy", "TransferCase", "stage_views", "study_stages", "transfer_case"]

# Images of a class from which on a data set is called large. The notes name no number: this one is a convention.
LARGE = 100
CV = 5
# Enough to tell stages apart; with a hundred classes, more would take longer than the runs.
MOST_IMAGES = 2000
GRID = {"logistic": {"C": [1e-3, 1e-2, 1e-1]}}


@dataclass(frozen=True)
class StageFigures:
    """What one stage reached as frozen features.

    Attributes
    ----------
    layer, pooling : str
    width : int
        Features of the embedding.
    accuracy : Estimate
    """

    layer: str
    pooling: str
    width: int
    accuracy: Estimate


@dataclass(frozen=True)
class StageStudy:
    """Whether earlier stages serve better than the last one.

    Attributes
    ----------
    backbone : str
    n_images : int
        Training images of the first repeat, at most some 2,000 of them; no test image is among them.
    protocol : str
        In words.
    stages : list of StageFigures
        In the order of the network.
    best : str
    p_value : float
        Of the difference between the best and the last stage, adjusted for the number of earlier stages that the best
        was picked from (Holm); 1 if the last is the best.
    domain : {"similar", "different"}
        "different" if an earlier stage is better than the last with p < 0.05.
    """

    backbone: str
    n_images: int
    protocol: str
    stages: list[StageFigures]
    best: str
    p_value: float
    domain: str


@dataclass(frozen=True)
class TransferCase:
    """Which of the four cases a training size is, and whether the comparison agrees with its rule.

    Attributes
    ----------
    n_train : int
    per_class : float
        Images of a class, on average.
    size : {"small", "large"}
    domain : {"similar", "different"}
    advice : str
        What the rule says.
    following : list of str
        The strategies of the comparison that follow it.
    agrees : bool or None
        Whether one of these is the strategy to use by the comparison, or not distinguishable from the best; None if
        there is none.
    text : str
        All of that in words.
    """

    n_train: int
    per_class: float
    size: str
    domain: str
    advice: str
    following: list[str]
    agrees: bool | None
    text: str


def study_stages(
    transformer: CNNFeatureTransformer,
    images: Sequence[ImageSource],
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    random_state: int = 0,
) -> StageStudy:
    """Compare stages of a frozen network under logistic regression, tuned and cross-validated.

    The stages lie at a quarter, half and three quarters of the way to the transformer's own layer, and at that layer;
    one pass of the images gives all four.

    Parameters
    ----------
    transformer : CNNFeatureTransformer
    images : sequence of ImageSource
        Of the training set.
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,), default=None
    random_state : int, default=0

    Raises
    ------
    DatasetError
        If a class has too few images, or lies in too few groups, to cross-validate.
    LayerError
        If the network has no named stages.
    """
    classes, counts = np.unique(y, return_counts=True)
    most = int(counts.min())
    if groups is not None:
        most = min(len(np.unique(groups[y == name])) for name in classes)
    if most < 3:
        raise DatasetError(f"a class has {most} training images or groups, too few to cross-validate stages on")
    views = stage_views(transformer)
    (layer, pooling), *others = views
    one_pass = clone(transformer).set_params(layer=layer, pooling=pooling, prefetch=tuple(others))
    matrices = dict(zip(views, one_pass.extract(images).embeddings, strict=True))
    evaluation, _ = evaluate_heads(
        matrices, y, grids=GRID, cv=min(CV, most), groups=groups, reference=views[-1], random_state=random_state
    )
    found = {(c.layer, c.pooling): c for c in evaluation.candidates}
    best, last = evaluation.candidates[0], found[views[-1]]
    ahead = best.metrics["accuracy"].value > last.metrics["accuracy"].value
    p_value = best.p_value if ahead and best.p_value is not None else 1.0
    return StageStudy(
        backbone=transformer.source().name,
        n_images=len(y),
        protocol=f"logistic regression on frozen features; {evaluation.protocol}",
        stages=[StageFigures(*view, found[view].width, found[view].metrics["accuracy"]) for view in views],
        best=best.layer if ahead else last.layer,
        p_value=p_value,
        domain="different" if p_value < LEVEL else "similar",
    )


def stage_views(transformer: CNNFeatureTransformer) -> list[View]:
    """Return the views that `study_stages` compares, the transformer's own the last.

    Raises
    ------
    LayerError
        If its layer is none of the network's named stages.
    """
    source = transformer.source()
    last, pooling = source.view(transformer.layer, transformer.pooling)
    names = list(source.plan.stage_names)
    if last not in names:
        raise LayerError(f"{last!r} is none of the named stages of {source.name}, so there are no earlier ones")
    depth = names.index(last)
    # The flattened feature map of an early stage has hundreds of thousands of values.
    pooling = "avg" if pooling == "flatten" else pooling
    return [(names[place], pooling) for place in dict.fromkeys(round(depth * share) for share in (0.25, 0.5, 0.75, 1))]


def transfer_case(
    study: StageStudy,
    *,
    n_train: int,
    n_classes: int,
    strategies: Mapping[str, tuple[str, str | None]],
    favoured: Collection[str],
) -> TransferCase:
    """Return which case a training size is.

    Parameters
    ----------
    study : StageStudy
    n_train, n_classes : int
    strategies : mapping of str to (kind, layer)
        Those of the comparison; the layer of frozen ones.
    favoured : collection of str
        The strategy to use at this size and those not distinguishable from the best.
    """
    per_class = n_train / n_classes
    size = "large" if per_class >= LARGE else "small"
    case = size, study.domain
    advice, kinds = {
        ("small", "similar"): ("frozen features of the last stage", ["frozen"]),
        ("small", "different"): (f"frozen features of an earlier stage (frozen@{study.best})", ["frozen"]),
        ("large", "similar"): ("fine-tuning the top of the network", ["finetuned"]),
        ("large", "different"): ("fine-tuning more stages, or training from scratch", ["finetuned", "scratch"]),
    }[case]
    last = study.stages[-1].layer
    following = [
        name
        for name, (kind, layer) in strategies.items()
        if kind in kinds and (case != ("small", "different") or layer != last)
    ]
    agrees = bool(set(following) & set(favoured)) if following else None
    words = {
        True: "the comparison agrees",
        False: "the comparison says otherwise",
        None: "no strategy that was compared follows it",
    }[agrees]
    text = f"{n_train:,} images, {per_class:,.0f} a class: {size} and {study.domain}; the rule is {advice}; {words}"
    return TransferCase(n_train, per_class, size, study.domain, advice, following, agrees, text)
