"""Promised: the forecast of a comparison counts the passes that are then made, without finished runs."""

import pytest

from featx import (
    CNNFeatureTransformer,
    compare_strategies,
    load_dataset,
    make_strategy,
)
from featx.exceptions import ParameterError
from featx.forecast.compare import forecast_comparison
from featx.heads.svm_cost import svm_cost
from featx.process import forget
from forecasts import forecast_passes, kept


@pytest.mark.long
def test_a_comparison_is_forecast_pass_by_pass(folder, tiny, tmp_path, forwards):
    dataset = load_dataset(folder)
    transformer = CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")
    strategies = {
        "frozen": make_strategy("frozen", transformer, parameters={"C": [0.01]}),
        "frozen:knn@features.7": make_strategy("frozen:knn@features.7", transformer, parameters={"n_neighbors": [1]}),
        "finetuned": make_strategy("finetuned", transformer, parameters={"epochs": 1, "head_init": "logistic"}),
    }
    options = {"repeats": 1, "train_sizes": [0.5, 0.75], "transfer": transformer, "folder": tmp_path / "runs"}
    forecast = forecast_comparison(dataset, strategies, **options)
    assert not (tmp_path / "runs").exists()
    assert kept(tmp_path) == []
    assert {part.name.partition(":")[0] for part in forecast.parts} >= {"stages", "frozen", "finetuned"}
    forwards.since()
    compare_strategies(dataset, strategies, **options)
    assert forecast_passes(forecast) == pytest.approx(forwards.since(), abs=2 * 65)
    finished = forecast_comparison(dataset, strategies, **options)
    assert finished.n_passes == 0
    assert finished.parts == []
    more = forecast_comparison(dataset, strategies, **{**options, "repeats": 2})
    assert 0 < more.n_passes < 1.5 * forecast.n_passes


def test_what_an_svm_takes_is_said_of_all_runs_that_are_left(folder, tiny, tmp_path, monkeypatch, caplog):
    forget("remarks")
    # More than one fit, which is timed, and less than those of two repeats.
    most = 1.5 * svm_cost(40, 512, n_values=1, tuning_images=None).seconds
    monkeypatch.setattr("featx.heads.svm_cost.MOST_SECONDS", most)
    dataset, transformer = load_dataset(folder), CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")
    strategies = {"frozen:svm": make_strategy("frozen:svm", transformer, parameters={"C": [1.0]})}
    options = {"train_sizes": [20, 40], "folder": tmp_path / "runs"}
    for repeats, left in ((3, 6), (2, 4)):
        forget("remarks")
        caplog.clear()
        forecast_comparison(dataset, strategies, repeats=repeats, **options)
        (text,) = [text for text in caplog.messages if "head svm" in text]
        assert f"for up to 40 images of 512 features, tuned and fitted {left} times" in text
    compare_strategies(dataset, strategies, repeats=1, **options)
    forget("remarks")
    caplog.clear()
    forecast_comparison(dataset, strategies, repeats=3, **options)
    assert any("tuned and fitted 4 times" in text for text in caplog.messages)
    forget("remarks")


def test_only_strategies_of_featx_are_forecast(folder, tiny):
    class Other(CNNFeatureTransformer):
        def predict_proba(self, X):
            raise AssertionError

    with pytest.raises(ParameterError, match="the strategy other is not one of featx's"):
        forecast_comparison(load_dataset(folder), {"other": Other(**tiny)})
