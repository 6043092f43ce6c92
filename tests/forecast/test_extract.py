"""Promised: the forecast of an extraction counts the passes that are then made, and computes nothing that is kept."""

import pytest

from featx import (
    CNNFeatureTransformer,
    load_dataset,
)
from featx.forecast.extract import forecast_extraction
from featx.images.sources import as_sources
from featx.workflows.extract import write_embeddings
from forecasts import forecast_passes, kept


@pytest.mark.parametrize("cached", [0, 30, 80])
def test_what_is_cached_is_counted(cached, folder, transformer, forwards, tmp_path):
    dataset = load_dataset(folder)
    if cached:
        transformer.extract(as_sources(dataset.images[:cached]))
    before, _ = kept(tmp_path), forwards.since()
    forecast = forecast_extraction(dataset, transformer)
    assert (forecast.n_images, forecast.n_passes, forecast.n_cached) == (80, 80, cached)
    assert forecast.n_probed == (64 if cached < 80 else 0)
    assert bool(forwards.since()) == (cached < 80)
    assert not forecast.about
    assert kept(tmp_path) == before
    write_embeddings(dataset, transformer, tmp_path / "out.h5")
    assert forecast_passes(forecast) == forwards.since() == 80 - cached
    written = (tmp_path / "out.h5").stat().st_size + sum(
        path.stat().st_size for path in (tmp_path / "cache").rglob("*.h5")
    )
    assert forecast.disk_bytes < written < forecast.disk_bytes + 100_000 + 80 * 3_000


def test_without_a_cache_everything_is_forwarded(folder, tiny):
    forecast = forecast_extraction(load_dataset(folder), CNNFeatureTransformer(**tiny, cache=None))
    assert (forecast.n_passes, forecast.n_cached) == (80, 0)
    assert forecast_passes(forecast) == 80
