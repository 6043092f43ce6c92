"""Promised: the result of a fine-tuning is JSON, with mini-batches and predictions on request, and is saved with it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from featx import CNNFineTuneClassifier, FineTuneResult, finetune_model, load_dataset
from featx.model_files.persistence import read_model
from images import write_dark_and_light
from reported import drawn_result

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "epochs": 1, "head_init": "logistic"}
HISTORY = {"epoch": [1], "loss": [float("nan")], "iterations": {"loss": [1.0, 2.0]}}


def finetuned(held):
    more = {"protocol": "p", "history": HISTORY, "best_epoch": 1, "trained_stages": ["s"], "seconds": {"training": 1.0}}
    extraction = SimpleNamespace(n_images=3, n_forwarded=2, seconds={"forward": 1.0})
    return FineTuneResult(**vars(held), **more, model=None, extraction=extraction, n_train=9, train_rows=np.arange(9))


def test_figures_are_json_without_the_model_and_the_rows():
    found = json.loads(finetuned(drawn_result(30)).to_json())
    assert not {"model", "predictions", "train_rows"} & set(found)
    assert found["history"] == {"epoch": [1], "loss": [None]}
    assert found["extraction"]["n_forwarded"] == 2
    whole = json.loads(finetuned(drawn_result(30)).to_json(predictions=True))
    assert len(whole.pop("predictions")) == 30
    assert whole == found
    assert json.loads(finetuned(drawn_result(30)).to_json(iterations=True))["history"]["iterations"] == {"loss": [1, 2]}


def test_figures_without_the_model_are_json_and_saved_with_it(tmp_path):
    data = load_dataset(write_dark_and_light(tmp_path / "data", 12, 40))
    result = finetune_model(
        data, CNNFineTuneClassifier(**TINY, validation_fraction=0.4), positive="dark", operating_point="cost=5:1"
    )
    assert isinstance(result, FineTuneResult)
    figures = json.loads(result.to_json())
    assert not {"model", "predictions", "train_rows"} & set(figures)
    assert figures["baseline"]["metric"] == "balanced_accuracy"
    point = figures["operating_point"]
    assert (point["positive"], point["asked"]) == ("dark", "cost=5:1")
    assert point["threshold"] == result.model.decision.threshold
    assert point["reached"]["cost"]["value"] == pytest.approx(result.operating_point.reached["cost"].value)
    result.save(tmp_path / "m.skops")
    saved = read_model(tmp_path / "m.skops")
    assert saved.evaluation == figures
    assert saved.model.decision == result.model.decision
