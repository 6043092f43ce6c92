"""Promised: planned passes are those that are made."""

import numpy as np

from featx import CNNFeatureTransformer
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources


def test_planned_passes_are_made_by_their_options(tiny, forwards):
    images = as_sources(list(np.random.default_rng(0).integers(0, 256, (6, 12, 12, 3), dtype=np.uint8)))
    transformer = CNNFeatureTransformer(**tiny, cache=None, prefetch=[(None, "max")], batch_size=4, n_jobs=1)
    passes = transformer.plan(np.arange(2, 6))
    assert forwards.since() == 0
    assert [pooling for _, pooling in passes.views] == ["avg", "max"]
    assert (passes.batch_size, passes.n_jobs, passes.precision) == (4, 1, "float32")
    found = extract_embeddings([images[row] for row in passes.rows], cache=None, **passes.options)
    assert forwards.since() == 4
    np.testing.assert_array_equal(found.embeddings[1], transformer.extract(images[2:]).embeddings[1])
