"""Promised: the result of a fit has its figures as JSON, and the embeddings of what was kept beside them."""

import json

import numpy as np

from featx import CNNFeatureTransformer, FitResult, ImageDataset, fit_model


def test_figures_are_json_and_embeddings_are_those_of_the_kept_view(tiny):
    rng = np.random.default_rng(0)
    images = [rng.integers(low, low + 128, (16, 16, 3), dtype=np.uint8) for low in (0, 128) for _ in range(9)]
    data = ImageDataset(images, [f"image {n}" for n in range(18)], np.repeat(["dark", "light"], 9))
    result = fit_model(data, CNNFeatureTransformer(**tiny), poolings=["avg", "max"], cv=3,
                       grids={"logistic": {"C": [0.01]}})  # fmt: skip
    assert isinstance(result, FitResult)
    assert set(json.loads(result.to_json())) == {"evaluation", "extraction"}
    found = json.loads(result.to_json(predictions=True))["evaluation"]["predictions"]
    assert np.mean([row["label"] == row["predicted"] for row in found]) == result.evaluation.metrics["accuracy"].value
    assert result.rows.tolist() == result.train_rows.tolist() == list(range(18))
    np.testing.assert_array_equal(result.embeddings, result.model[0].transform(images))
