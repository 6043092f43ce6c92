"""Compare the stages of a frozen network as features, to see whether an earlier layer is better than the last.

Later layers are more specific to the data that they were trained on (Yosinski et al. 2014, arXiv:1411.1792): if an
earlier layer is better, the images differ from those data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from ..display.records import Record
from ..evaluation.estimates import Estimate
from ..evaluation.metrics import score_predictions
from ..evaluation.paired import SIGNIFICANCE, compare_paired
from ..evaluation.splits import INNER_FOLDS, Split, outer_folds
from ..evaluation.units import content_units, join_groups
from ..exceptions import DatasetError, LayerError
from ..extraction.transformer import CNNFeatureTransformer
from ..heads.held_out_predictions import predict_held_out
from ..heads.tuned_head import TunedHead
from ..images.sources import ImageSource
from ..networks.pooling import View
from ..runtime.one_thread import one_thread

__all__ = ["STAGE_GRID", "StageScores", "StageStudy", "compare_stages", "plan_stages", "predict_by_stages"]

STAGE_FOLDS = 5
# Enough to distinguish stages; with a hundred classes, more would take longer than the runs.
MOST_IMAGES = 2000
STAGE_GRID = {"logistic": {"C": [1e-3, 1e-2, 1e-1]}}


@dataclass(frozen=True, repr=False)
class StageScores(Record):
    """The accuracy of one stage as frozen features.

    Attributes
    ----------
    layer, pooling : str
    width : int
        Features of the embedding.
    accuracy : Estimate
    gain : Estimate or None
        The accuracy less that of the last stage, with its 95 % interval; None for the last stage.
    p_value : float or None
        Of that difference, times the number of earlier stages (Bonferroni); None for the last stage.
    """

    layer: str
    pooling: str
    width: int
    accuracy: Estimate
    gain: Estimate | None = None
    p_value: float | None = None


@dataclass(frozen=True, repr=False)
class StageStudy(Record):
    """Whether earlier stages are better features than the last one.

    Attributes
    ----------
    backbone : str
    n_images : int
        Training images of the first repeat, about 2,000 at most, with no test image among them.
    protocol : str
        In words.
    stages : list of StageScores
        In the order of the network.
    best : str
        The stage of the highest accuracy; of equal stages the latest.
    margin : float
        The difference in accuracy that does not matter.
    domain : {"similar", "different", "undecided"}
        "different" if an earlier stage is better than the last with p < 0.05; "similar" if the intervals exclude that
        any earlier stage is better by the margin.
    """

    backbone: str
    n_images: int
    protocol: str
    stages: list[StageScores]
    best: str
    margin: float
    domain: str


def predict_by_stages(
    transformer: CNNFeatureTransformer,
    images: Sequence[ImageSource],
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> tuple[np.ndarray, dict[View, int]]:
    """Predict training images from stages of a frozen network by cross-validated logistic regression.

    The stages are those at a quarter, half and three quarters of the depth of the transformer's own layer, and that
    layer; one pass of the images computes all four.

    Parameters
    ----------
    transformer : CNNFeatureTransformer
    images : sequence of ImageSource
        Of the training set.
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,), default=None
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content.
    random_state : int, default=0

    Returns
    -------
    predicted : ndarray of int, shape (n, stages)
        Class numbers.
    widths : dict of View to int
        The stages in the order of the network, with the features of each.

    Raises
    ------
    DatasetError
        If a class has too few images, or is in too few groups, for cross-validation.
    LayerError
        If the network has no named stages.
    """
    one_pass, folds = plan_stages(transformer, y, groups=groups, together=together, random_state=random_state)
    views = stage_views(transformer)
    matrices = dict(zip(views, one_pass.extract(images).embeddings, strict=True))
    head = TunedHead("logistic", grid=STAGE_GRID["logistic"], random_state=random_state)
    predicted = []
    # BLAS threads that wait for each other slow the searches down.
    with one_thread():
        for matrix in matrices.values():
            predictions, _ = predict_held_out(head, matrix, y, folds, groups=groups, together=together)
            predicted.append(predictions.probabilities.argmax(axis=1))
    return np.column_stack(predicted), {view: matrices[view].shape[1] for view in views}


def plan_stages(
    transformer: CNNFeatureTransformer,
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> tuple[CNNFeatureTransformer, list[Split]]:
    """Return the transformer that computes all stages in one pass, and the folds; parameters and errors as above."""
    classes, truth = np.unique(y, return_inverse=True)
    folds = outer_folds(truth, classes, _folds(y, groups, together), groups, random_state, together)
    (layer, pooling), *others = stage_views(transformer)
    return clone(transformer).set_params(layer=layer, pooling=pooling, prefetch=tuple(others)), folds


def compare_stages(
    backbone: str,
    predicted: np.ndarray,
    widths: dict[View, int],
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    margin: float = 0.01,
) -> StageStudy:
    """Compare the predictions from earlier stages with those from the last.

    Parameters
    ----------
    backbone : str
        Its name.
    predicted, widths
        As `predict_by_stages` returns them.
    y : ndarray of shape (n,)
    groups, together
        As for `predict_by_stages`.
    margin : float, default=0.01
    """
    classes, truth = np.unique(y, return_inverse=True)
    folds = _folds(y, groups, together)
    right = predicted == truth[:, None]
    stages = []
    for place, ((layer, pooling), width) in enumerate(widths.items()):
        one_hot = np.eye(len(classes))[predicted[:, place]]
        accuracy = score_predictions(truth, one_hot, groups=groups)["accuracy"]
        gain, p_value = None, None
        if place < len(widths) - 1:
            test = compare_paired(right[:, place], right[:, -1], groups=groups, folds=folds)
            gain, p_value = test.difference, min(1.0, test.p_value * (len(widths) - 1))
        stages.append(StageScores(layer, pooling, width, accuracy, gain, p_value))
    earlier = [(stage.gain, stage.p_value) for stage in stages if stage.gain is not None and stage.p_value is not None]
    if any(gain.low > 0 and p_value < SIGNIFICANCE for gain, p_value in earlier):
        domain = "different"
    else:
        domain = "similar" if earlier and all(gain.high < margin for gain, _ in earlier) else "undecided"
    grouped = ", whole groups on one side" if groups is not None else ""
    return StageStudy(
        backbone=backbone,
        n_images=len(y),
        protocol=(
            f"logistic regression on frozen features; nested cross-validation: {folds} stratified folds{grouped}, "
            f"tuned inside each by {INNER_FOLDS} folds"
        ),
        stages=stages,
        best=max(reversed(stages), key=lambda stage: stage.accuracy.value).layer,
        margin=margin,
        domain=domain,
    )


def stage_views(transformer: CNNFeatureTransformer) -> list[View]:
    """Return the views of `predict_by_stages`; the last is the transformer's own.

    Raises
    ------
    LayerError
        If its layer is not a named stage of the network.
    """
    source = transformer.source()
    last, pooling = transformer.view(source)
    names = list(source.architecture.stage_names)
    if last not in names:
        raise LayerError(f"{last!r} is not a named stage of {source.name}, so there are no earlier ones")
    depth = names.index(last)
    # The flattened feature map of an early stage has hundreds of thousands of values.
    pooling = "avg" if pooling == "flatten" else pooling
    places = dict.fromkeys(round(depth * share) for share in (0.25, 0.5, 0.75, 1))
    return [View(names[place], pooling) for place in places]


def _folds(y: np.ndarray, groups: np.ndarray | None, together: np.ndarray | None) -> int:
    """Return the number of folds: five, or fewer if the rarest class has fewer images or groups."""
    classes, truth = np.unique(y, return_inverse=True)
    most = int(np.bincount(content_units(truth, together).labels, minlength=len(classes)).min())
    if groups is not None:
        joined = join_groups(groups, together)
        most = min(len(np.unique(joined[y == name])) for name in classes)
    if most < 3:
        raise DatasetError(f"a class has {most} training images or groups, too few to cross-validate stages on")
    return min(STAGE_FOLDS, most)
