"""Make the classifier of images that the name of a strategy stands for: frozen, fine-tuned or from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from ..choices import StrategyKind
from ..constraints import GRID, NONE, RANDOM_STATE, TEXT, check_values
from ..exceptions import ParameterError, nearest
from ..extraction.transformer import CNNFeatureTransformer
from ..heads.tuned_head import TunedHead
from .strategy_names import TRAINED_STRATEGIES, parse_strategy

__all__ = ["kind_of", "make_strategy", "trains_head_only"]


def make_strategy(
    name: str, transformer: CNNFeatureTransformer, *, parameters: Mapping[str, Any] | None = None
) -> BaseEstimator:
    """Return the classifier of images that the name of a strategy stands for.

    Parameters
    ----------
    name : {"frozen", "frozen:HEAD", "finetuned", "scratch"}, perhaps with "@LAYER"
        ``frozen:HEAD`` is a pipeline of the transformer and a `TunedHead`; ``frozen`` is short for logistic regression;
        ``frozen:svm@stage6`` uses another layer than the transformer's. ``finetuned`` is a `CNNFineTuneClassifier` on
        the same network, images and device; ``scratch`` is one with random weights, also of a module of your own, all
        of whose stages are trained by AdamW at 0.001, the head too, with a one-cycle schedule of 30 epochs.
    transformer : CNNFeatureTransformer
        The network, and how images are read; not changed.
    parameters : mapping, default=None
        Parameters of the classifier that replace these. For a frozen strategy: parameters of the `TunedHead` or of the
        transformer, or values of the head's own grid, such as ``{"C": [0.1, 1]}``.

    Raises
    ------
    ParameterError
        If there is no such strategy or parameter.
    """
    check_values(locals(), name=TEXT, parameters=GRID | NONE)
    strategy = parse_strategy(name)
    chosen = {**({"layer": strategy.layer} if strategy.layer else {}), **(parameters or {})}
    if strategy.method == "frozen":
        return _frozen(strategy.head, clone(transformer), chosen)
    from ..finetuning.classifier import CNNFineTuneClassifier

    alike = CNNFineTuneClassifier.parameters_of("embedding", "machine", "running")
    own = transformer.parameters_of("embedding", "machine", "running")
    # What a training prints is not asked for by the bars of an extraction.
    shared = {name: getattr(transformer, name) for name in own if name in alike and name != "verbose"}
    chosen = {**shared, **TRAINED_STRATEGIES[strategy.method], **chosen}
    network = CNNFineTuneClassifier(transformer.backbone)
    known = list(network.get_params(deep=False))
    if unknown := [key for key in chosen if key not in known]:
        hint = nearest(unknown[0], known) or f"It has {', '.join(known)}."
        raise ParameterError(f"the strategy {name} has no parameter {unknown[0]!r}", hint)
    return network.set_params(**chosen)


def _frozen(head: str, transformer: CNNFeatureTransformer, chosen: dict[str, Any]) -> Pipeline:
    classifier = TunedHead(head, random_state=transformer.random_state, n_jobs=transformer.n_jobs)
    for part in (classifier, transformer):
        own = [key for key in chosen if key in part.get_params(deep=False)]
        part.set_params(**{key: chosen.pop(key) for key in own})
    check_values(classifier.get_params(deep=False), random_state=RANDOM_STATE)
    values = {k: v if isinstance(v, list | tuple | np.ndarray) else [v] for k, v in chosen.items()}
    classifier.set_params(grid={**(classifier.grid or {}), **values} or None)
    classifier.spec(2)
    return Pipeline([("features", transformer), ("head", classifier)])


def kind_of(estimator: BaseEstimator) -> StrategyKind:
    """Return what a classifier of images does with the pretrained network.

    Returns
    -------
    {"frozen", "finetuned", "scratch", "other"}
        "finetuned" and "scratch" are networks with and without weights to begin with; "other" has no network.
    """
    if isinstance(estimator, Pipeline) and isinstance(estimator[0], CNNFeatureTransformer):
        return "frozen"
    parameters = estimator.get_params(deep=False)
    if "backbone" not in parameters:
        return "other"
    return "scratch" if parameters.get("weights", "DEFAULT") is None else "finetuned"


def trains_head_only(estimator: BaseEstimator) -> bool:
    """Tell whether a classifier that could train a network leaves it as it is, and trains the head on its features."""
    parameters = estimator.get_params(deep=False)
    return not parameters.get("trainable_layers") and parameters.get("trainable_stages") in (0, (), [])
