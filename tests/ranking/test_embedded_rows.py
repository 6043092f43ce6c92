"""Promised: rows are computed once, of the views that are left, and failures are known by their places."""

import numpy as np
import pytest

from featx import CNNFeatureTransformer, as_sources
from featx.networks.pooling import View
from featx.ranking.embedded_rows import EmbeddedRows
from rankings import digits


@pytest.fixture
def rows(tiny):
    images = [*digits(9).images, b"\xff\xd8 no image"]
    transformer = CNNFeatureTransformer(
        **tiny, cache=None, on_error="skip", layer="features.5", pooling="avg", prefetch=[("features.12", "max")]
    )
    sources = as_sources(images)
    return EmbeddedRows(transformer, sources, transformer.content_keys(sources))


def test_rows_are_added_and_computed_once(rows, forwards):
    first, second = rows.views
    assert not rows.fill(np.arange(4)).any()
    assert forwards.since() == 4
    bad = rows.fill(np.arange(10))
    assert forwards.since() == rows.n_forwarded - 4 == 5
    assert rows.n_embedded == 10
    assert np.flatnonzero(bad).tolist() == [9] == [failure.index for failure in rows.failures]
    assert np.isfinite(rows.matrices[first][:9]).all()
    assert np.isnan(rows.matrices[second][9]).all()


def test_a_view_that_was_let_go_is_not_computed_again(rows):
    first, second = rows.views
    rows.fill(np.arange(4))
    assert rows.take(first, np.arange(3)).shape == (3, 128)
    assert rows.views == [second] == [View("features.12", "max")]
    rows.fill(np.arange(8))
    assert list(rows.matrices) == [second]
    assert np.isfinite(rows.matrices[second][:8]).all()


def test_each_layer_is_timed_by_one_view(rows):
    assert [each.views for each in rows.passes()] == [[view] for view in rows.views]
    assert not any(each.verbose for each in rows.passes())
