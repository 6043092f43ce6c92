"""Pipelines of a tiny network and a head, and what they predict once they are saved."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, save_model
from featx.datasets.load import collect_images
from featx.workflows.predict import predict_images

Y = np.repeat(["a", "b", "c"], 10)
TWO = np.stack([Y == "a", Y == "b"], 1).astype(int)
TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "precision": "float32"}


def features(**options):
    return CNNFeatureTransformer(**TINY, **options)


def behind(*steps):
    return make_pipeline(features(), *steps)


def linear():
    return LogisticRegression(max_iter=500)


def saved_predictions(model, labels, paths, path, top=3, **options):
    save_model(model.fit(paths, labels), path)
    found, _ = predict_images(path, collect_images(paths), top=top, **options)
    assert [prediction.name for prediction in found] == paths
    return [prediction.top for prediction in found]
