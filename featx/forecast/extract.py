"""Forecast what writing the embeddings of a data set to a file will cost (`extract --dry-run`)."""

from __future__ import annotations

import time

from ..datasets.dataset import ImageDataset
from ..extraction.transformer import CNNFeatureTransformer
from ..workflows.extract import ROWS_AT_A_TIME, plan_extraction
from .prices import WRITE_BYTES_PER_SECOND, Prices
from .result import ForecastResult, Part

__all__ = ["forecast_extraction"]


def forecast_extraction(dataset: ImageDataset, transformer: CNNFeatureTransformer) -> ForecastResult:
    """Return what `write_embeddings` will cost, after up to 64 images were forwarded, of which nothing is kept.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer

    Returns
    -------
    ForecastResult

    Raises
    ------
    ParameterError, BackboneError, WeightsError, LayerError, CacheError
    """
    began = time.perf_counter()
    plan = plan_extraction(dataset, transformer)
    prices = Prices(plan.images, None, readers=[transformer], began=began)
    n, size = len(plan.images), 4 * plan.width
    output = n * (size + 100)  # a path, with what HDF5 adds to it
    seconds, memory = output / WRITE_BYTES_PER_SECOND, min(ROWS_AT_A_TIME, n) * 2 * size
    return prices.forecast([prices.price(plan.passes), Part("the file of embeddings", seconds, output, memory)])
