"""Promised: the figures of a fine-tuning are JSON, with mini-batches and predictions on request."""

import json
from types import SimpleNamespace

import numpy as np

from featx import FineTuneResult
from reported import drawn_result

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
