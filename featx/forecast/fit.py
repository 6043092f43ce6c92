"""Forecast what evaluating heads and fitting the best will cost (`fit --dry-run`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from ..datasets.dataset import ImageDataset
from ..extraction.estimator import open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..workflows.fit import prepare_fit
from .head_times import Features, evaluation_seconds
from .passes import CountedPasses
from .probe import ForwardOptions
from .result import ForecastResult, Part

__all__ = ["forecast_fit"]

# Copies that a head makes of a matrix: standardised, of a fold, and in float64.
COPIES = 4


def forecast_fit(dataset: ImageDataset, transformer: CNNFeatureTransformer, **options: Any) -> ForecastResult:
    """Return what `fit_model` will cost.

    Up to 64 images are forwarded, and each head is timed on some of the cached embeddings, or on rows that are drawn to
    resemble those of the probe. Nothing of this is kept.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer
    **options
        As for `fit_model`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.
    """
    inputs = prepare_fit(dataset, transformer, **options)
    clone(inputs.transformer).set_params(value_range=None).fit(dataset.images[:1])
    source = transformer.source()
    forwarding = ForwardOptions.of(transformer, source)
    counted = CountedPasses(inputs.images, cache=open_cache(transformer.cache), verbose=transformer.verbose)
    features, labels = {}, np.asarray(inputs.dataset.labels)
    inputs = inputs.with_keys(counted.keys())
    forward = counted.passes(source, inputs.views, inputs.rows, forwarding=forwarding)
    for view in inputs.views:
        rows, embeddings = counted.embeddings(source, view, forwarding)
        kept = np.isin(rows, inputs.rows)
        kept |= not kept.any()
        features[view] = Features(embeddings[kept], labels[rows[kept]], np.asarray(inputs.dataset.labels))
    n = len(inputs.images)
    searched = {name: options[name] for name in ("grids", "cv", "class_weight", "scoring", "random_state", "n_jobs")
                if options.get(name) is not None}  # fmt: skip
    held_out = None if inputs.split.folds is not None else len(inputs.split.test) / n
    heads = options.get("heads", ("logistic",))
    seconds = evaluation_seconds(features, n, heads, held_out=held_out, verbose=transformer.verbose, **searched)
    last = seconds.pop("")
    widths = [drawn.rows.shape[1] for drawn in features.values()]
    held = 4 * n * sum(widths)
    several = f" on {len(widths)} views" if len(widths) > 1 else ""
    return counted.forecast(
        [
            counted.digesting(),
            counted.starts(),
            forward,
            *(Part(f"tune {head}{several}", spent, 0, held + COPIES * 4 * n * max(widths))
              for head, spent in seconds.items()),
            Part("figures and the last fit", last, 0, held),
        ]
    )  # fmt: skip
