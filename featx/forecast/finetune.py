"""Forecast what fine-tuning a network will cost, from a few epochs on a few images (`finetune --dry-run`)."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from ..datasets.dataset import ImageDataset
from ..display.quantities import count_text
from ..exceptions import DatasetError
from ..extraction.pace import PACE_IMAGES
from ..extraction.passes import Passes
from ..finetuning.classifier import CNNFineTuneClassifier
from ..finetuning.fit import FineTuning
from ..heads.head_fits import HeadFits
from ..heads.tuned_head import TunedHead
from ..workflows.finetune import plan_finetuning
from .prices import Prices
from .result import ForecastResult, Part

__all__ = ["forecast_finetuning", "training_parts"]

# The first epoch that is timed is not counted.
PROBE_EPOCHS = 4
PROBE_SECONDS = 12.0
# The cost of a training step in forward passes, if everything is trained: one forward, and two for the backward pass.
PASSES_PER_STEP = 3


def forecast_finetuning(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    on_error: str = "raise",
) -> ForecastResult:
    """Return what `finetune_model` will cost at most: early stopping may end it sooner.

    Up to 64 images are forwarded, and a few epochs are trained on up to 64. Nothing of this is kept.

    Parameters
    ----------
    dataset, classifier, test_size, test, min_images, on_error
        As for `finetune_model`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFineTuneClassifier` raises.
    """
    began, options = time.perf_counter(), locals()
    plan = plan_finetuning(**options)
    prices = Prices(plan.images, plan.data.whole.labels, readers=[classifier], began=began)
    parts = [prices.decoding()] if on_error == "skip" else []
    plan = plan.with_keys(prices.keys())
    training, split = clone(classifier).prepare(**plan.training), plan.data.split
    training.together = plan.data.dataset.take(split.train).together
    rows = plan.data.rows[np.concatenate([split.train, split.validation])]
    parts += training_parts(prices, training, rows, plan.data.rows[split.test])
    return prices.forecast(parts, at_most=bool(classifier.early_stopping))


def training_parts(prices: Prices, training: FineTuning, rows: np.ndarray, tested: np.ndarray) -> list[Part]:
    """Return the price of a training on some rows and of the prediction of others, part by part."""
    plan, options = training.plan(), training.options
    made, predicted = plan.passes(rows), plan.predict(tested)
    parts = [prices.passes(passes) for passes in made]
    if plan.for_head is not None:
        # A warm-up is taken to last as long as tuning a logistic regression: both are short beside the passes.
        parts.append(prices.fits(HeadFits(TunedHead(), training.view, [len(plan.train)], "fit the head"), made[-1]))
    settings = {**options.get_params(deep=False), "random_state": None}
    each = prices.once(str(settings), lambda: _epoch_seconds(prices, options, predicted, plan.boundary is not None))
    weights = 4 * sum(value.numel() for value in plan.trunk.state().values())
    n, name = plan.epochs * len(rows), f"train {count_text(plan.epochs, 'epoch')}"
    parts.append(Part(name, each * n, weights, n_images=plan.epochs * len(plan.train)))
    part = prices.passes(predicted)
    # A trained network is another network, and is built anew.
    return [*parts, replace(part, seconds=part.seconds + prices.pace(predicted).start)]


def _epoch_seconds(prices: Prices, classifier: CNNFineTuneClassifier, passes: Passes, cached: bool) -> float:
    """Return the seconds of an epoch for an image, validation included, from a few epochs on up to 64 images."""
    pace = prices.pace(passes)
    most = int(np.clip(PROBE_SECONDS / (PROBE_EPOCHS * PASSES_PER_STEP * pace.seconds), 16, PACE_IMAGES))
    images = [prices.images[prices.probed[place]].content for place in pace.good[:most]]
    if not images:
        raise DatasetError("none of the images that were probed can be read", "Look at some of them.")
    # Without early stopping patience has no effect, and a note would say so.
    patience = {"patience": PROBE_EPOCHS} if classifier.early_stopping else {}
    probe = clone(classifier).set_params(
        cache=None, checkpoint=None, epochs=PROBE_EPOCHS, head_init="random", augment_draws=1, class_weight=None,
        verbose=False, boundary_cache=cached, **patience,
    )  # fmt: skip
    history = probe.fit(images, np.arange(len(images)) % 2).history_
    return float(np.median(history["seconds"][1:])) / len(images)
