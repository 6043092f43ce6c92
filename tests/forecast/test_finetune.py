"""Promised: the forecast of fine-tuning counts the passes that are then made."""

import pytest

from featx import (
    CNNFineTuneClassifier,
    finetune_model,
    load_dataset,
)
from featx.forecast.finetune import forecast_finetuning
from forecasts import forecast_passes


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"head_init": "logistic", "augmentation": "none"}, marks=pytest.mark.long),
        {"hidden_units": 4, "head_init": "warmup", "augment_draws": 2, "test_draws": 2},
        {"boundary_cache_bytes": 10},
        pytest.param({"head_init": "warmup", "warmup_epochs": 1, "warmup_learning_rate": 1e-3}, marks=pytest.mark.long),
        pytest.param({"trainable_stages": 0, "head_init": "logistic"}, marks=pytest.mark.long),
        {"early_stopping": False, "cache": None, "head_init": "logistic"},
    ],
)
def test_a_fine_tuning_is_forecast_pass_by_pass(options, folder, tiny, tmp_path, forwards):
    dataset = load_dataset(folder)
    classifier = CNNFineTuneClassifier(**{**tiny, "epochs": 1, "cache": tmp_path / "cache", **options})
    for known in (False, True) if classifier.cache is not None else (False,):
        forecast = forecast_finetuning(dataset, classifier)
        assert forecast.at_most == options.get("early_stopping", True)
        # An epoch of a warm-up on draws counts as one of the training.
        trained = "train 2 epochs" if "warmup_learning_rate" in options else "train 1 epoch"
        assert any(part.name == trained for part in forecast.parts)
        forwards.since()
        finetune_model(dataset, classifier)
        made = forwards.since()
        # The same training once more gives the same network, which nobody can know before: 16 images to test on.
        made += 16 * classifier.test_draws if known else 0
        assert forecast_passes(forecast) == made
        assert forecast.n_passes - forecast.n_cached == made


@pytest.mark.parametrize(
    "options",
    [{"trainable_stages": "all"}, {"trainable_stages": 0}, {"augmentation": "none"}, {"boundary_cache_bytes": 0}],
    ids=["all", "head", "plain", "drawn anew"],
)
def test_no_note_names_a_value_that_nobody_gave(options, folder, tiny, tmp_path, caplog):
    given = {"hidden_units": 4, "head_init": "warmup", "augmentation": "light", "augment_draws": 4, **options}
    classifier = CNNFineTuneClassifier(**{**tiny, "epochs": 1, "cache": tmp_path, **given})
    forecast_finetuning(load_dataset(folder), classifier)
    assert "has no effect" not in caplog.text
