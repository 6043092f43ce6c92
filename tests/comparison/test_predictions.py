"""Promised: a comparison keeps the prediction of each strategy for each image that it was tested on."""

import json

import numpy as np
import pytest

from comparisons import Network
from featx import compare_strategies


def test_their_accuracy_is_that_of_the_figures_in_every_repeat(dataset):
    strategies = {"sure": Network(), "noisy": Network(0.3)}
    result = compare_strategies(dataset, strategies, repeats=3, train_sizes=[0.3, 0.6])
    for size in result.sizes:
        for found in size.strategies:
            table = found.predictions
            for repeat, accuracy in enumerate(found.accuracies, start=1):
                places = table["part"] == f"repeat {repeat}"
                assert (table["label"] == table["predicted"])[places].mean() == accuracy
            assert (np.diff(table["row"]) >= 0).all()
            assert [dataset.names[row] for row in table["row"]] == table["path"].tolist()
            assert [str(dataset.labels[row]) for row in table["row"]] == table["label"].tolist()
            assert found.confusion.sum() == len(table["row"])
    assert "predictions" not in json.dumps(result.to_dict())


@pytest.mark.parametrize("sizes", [None, {"small": (20, 20, 60), "large": (60, 20, 20)}], ids=["one test set", "own"])
def test_sizes_with_their_own_test_images_have_their_own_predictions(dataset, sizes):
    result = compare_strategies(dataset, {"a": Network(0.2), "b": Network()}, repeats=1, sizes=sizes)
    for size in result.sizes:
        for found in size.strategies:
            assert set(found.predictions["part"]) == {"test"}
            assert found.predictions.accuracy == found.accuracies[0]
