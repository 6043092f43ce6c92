"""Promised: the forecast of a ranking counts the passes that are made if nothing is eliminated."""

from featx import load_dataset, rank_backbones
from featx.forecast.rank import forecast_ranking
from forecasts import kept


def test_a_ranking_is_forecast_with_the_passes_that_measure_the_speed(folder, transformer, forwards, tmp_path):
    dataset = load_dataset(folder)
    search = {"poolings": ["avg", "max"], "images": 72, "cv": 2}
    forecast = forecast_ranking(dataset, transformer, **search)
    parts = {part.name: part for part in forecast.parts}
    assert set(parts) >= {"measure the speed", "forward squeezenet1_1", "tune logistic and judge"}
    assert parts["measure the speed"].n_images == 32
    assert (forecast.n_passes, forecast.n_cached) == (40, 0)
    assert forecast.at_most
    assert forecast.to_dict()["sooner"] == "what can no longer be the best is not forwarded on more images"
    assert kept(tmp_path) == []
    forwards.since()
    rank_backbones(dataset, transformer, **search)
    assert forwards.since() == 72
    assert forecast_ranking(dataset, transformer, **search).n_cached == 40
