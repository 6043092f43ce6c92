"""Labelled data sets of names or of noise, and quick workflows to call on them."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from featx import (
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    ImageDataset,
    finetune_model,
    fit_model,
)
from featx.forecast.finetune import forecast_finetuning
from featx.forecast.fit import forecast_fit

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}
GRID = {"grids": {"logistic": {"C": [0.01]}}}


def frozen(**parameters):
    """Return a transformer of a tiny network."""
    return CNNFeatureTransformer(**TINY, **parameters)


def tiny(**parameters):
    """Return a classifier that trains a tiny network for one epoch."""
    return CNNFineTuneClassifier(**{**TINY, "epochs": 1, "augmentation": "none", "head_init": "logistic", **parameters})


def calls(data, test=None, **options):
    """Return the workflows, ready to be called."""
    return {
        "fit": lambda: fit_model(data, frozen(), test=test, **GRID, **options),
        "finetune": lambda: finetune_model(data, tiny(), test=test, **options),
        "forecast of fit": lambda: forecast_fit(data, frozen(), test=test, **GRID, **options),
        "forecast of finetune": lambda: forecast_finetuning(data, tiny(), test=test, **options),
    }


def named(labels, keys=None, *, split=None, groups=None):
    """Return a data set of names alone, with its keys; in `split`, t, v and j are training, validation and test."""
    n = len(labels)
    data = ImageDataset(
        [f"{row}.png" for row in range(n)],
        [f"{row}.png" for row in range(n)],
        np.array(list(labels)),
        None if groups is None else np.array(list(groups)),
        split=None
        if split is None
        else np.array([{"t": "training", "v": "validation", "j": "test"}[c] for c in split]),
    )
    return data, None if keys is None else [key.encode() for key in keys]


def noise_dataset(labels, *, seed=0, copies=None):
    """Return images of noise; equal numbers in `copies` are the same image."""
    rng = np.random.default_rng(seed)
    distinct = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in labels]
    images = distinct if copies is None else [distinct[number] for number in copies]
    return ImageDataset(images, [f"image {row}" for row in range(len(labels))], np.array(list(labels)))


class Guess(ClassifierMixin, BaseEstimator):
    """Notes the rows that it is fitted on and predicts, by the number in the first pixel."""

    seen = []  # noqa: RUF012

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.rows_ = [int(image[0, 0, 0]) for image in X]
        return self

    def predict_proba(self, X):
        type(self).seen.append((self.rows_, [int(image[0, 0, 0]) for image in X]))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return self.classes_[np.zeros(len(X), int)]


def numbered(numbers, labels):
    """Return images that hold their number in every pixel, for `Guess`."""
    images = [np.full((4, 4, 3), number, np.uint8) for number in numbers]
    return ImageDataset(images, [f"image {place}" for place in range(len(images))], np.array(list(labels)))
