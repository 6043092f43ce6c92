"""Forecast what writing the embeddings of a data set to a file will cost (`extract --dry-run`)."""

from __future__ import annotations

from sklearn.base import clone

from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..extraction.estimator import open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..workflows.extract import ROWS_AT_A_TIME
from .passes import CountedPasses
from .probe import ForwardOptions
from .result import ForecastResult, Part

__all__ = ["forecast_extraction"]

# Of a path, with what HDF5 adds to it.
NAME_BYTES = 100


def forecast_extraction(dataset: ImageDataset, transformer: CNNFeatureTransformer) -> ForecastResult:
    """Return what `write_embeddings` will cost, after a probe of up to 64 images of which nothing is kept.

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
    check_values(locals())
    images = transformer.sources(dataset.images, dataset.names)
    source = transformer.source()
    view = source.view(transformer.layer, transformer.pooling)
    # Raises whatever the transformer would refuse.
    width = clone(transformer).set_params(value_range=None).fit(dataset.images[:1]).embedding_dim_
    counted = CountedPasses(images, cache=open_cache(transformer.cache), verbose=transformer.verbose)
    forward = counted.passes(source, [view], forwarding=ForwardOptions.of(transformer, source))
    size = 4 * width
    output = len(images) * (size + NAME_BYTES)
    written = Part("the file of embeddings", output / 2e8, output, min(ROWS_AT_A_TIME, len(images)) * 2 * size)
    return counted.forecast([counted.digesting(), counted.starts(), forward, written])
