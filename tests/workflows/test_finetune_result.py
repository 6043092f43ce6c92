"""Promised: the result of a fine-tuning is saved with its figures, and its operating point is among them."""

import json

import pytest

from featx import CNNFineTuneClassifier, FineTuneResult, finetune_model, load_dataset
from featx.model_files.persistence import read_model
from images import write_dark_and_light

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "epochs": 1, "head_init": "logistic"}


def test_figures_without_the_model_are_json_and_saved_with_it(tmp_path):
    data = load_dataset(write_dark_and_light(tmp_path / "data", 12, 40))
    result = finetune_model(
        data, CNNFineTuneClassifier(**TINY, validation_fraction=0.4), positive="dark", operating_point="cost=5:1"
    )
    assert isinstance(result, FineTuneResult)
    figures = json.loads(result.to_json())
    assert not {"model", "predictions", "train_rows"} & set(figures)
    point = figures["operating_point"]
    assert (point["positive"], point["asked"]) == ("dark", "cost=5:1")
    assert point["threshold"] == result.model.decision.threshold
    assert point["reached"]["cost"]["value"] == pytest.approx(result.operating_point.reached["cost"].value)
    result.save(tmp_path / "m.skops")
    saved = read_model(tmp_path / "m.skops")
    assert saved.evaluation == figures
    assert saved.model.decision == result.model.decision
