"""Small trainings: coloured images, a classifier that learns them in a second, and comparisons of two trainings."""

import numpy as np

from featx import CNNFineTuneClassifier
from featx.display.json_values import as_json
from featx.finetuning.trunk import Trunk
from featx.networks.resolve import resolve_backbone

COUNT = 24
TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}
NORMALISED = {"backbone": "small_cnn", "weights": None, "image_size": 32}


def classifier(**options):
    return CNNFineTuneClassifier(**{**TINY, "head_init": "warmup", "augmentation": "none", "epochs": 2, **options})


def coloured(n_classes=3, count=COUNT, seed=0, contrast=100):
    """Return noisy images of as many colours as there are classes, and the classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % n_classes
    X = rng.integers(0, 120, (count, 24, 24, 3))
    X[np.arange(count), :, :, y % 3] += contrast
    return X.astype(np.uint8), y


def assert_same(first, second):
    """Compare two dicts of arrays bit for bit."""
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def assert_same_training(first, second):
    assert_same(first.state_, second.state_)
    assert_same(first.head_, second.head_)
    assert without_seconds(first.history_) == without_seconds(second.history_)
    assert first.best_epoch_ == second.best_epoch_


def without_seconds(history):
    """Return a history, with arrays as lists, but for the seconds, which differ between two equal trainings."""
    kept = {name: value for name, value in as_json(history).items() if name != "seconds"}
    return {name: without_seconds(value) if isinstance(value, dict) else value for name, value in kept.items()}


def is_same(first, second):
    return all(np.array_equal(first[name], second[name]) for name in first)


def untouched(**options):
    """Return the tensors of a network before any training."""
    source = resolve_backbone(**{**TINY, **options})
    return {name: value.numpy() for name, value in source.build().state_dict().items()}


def cut(backbone, size=32, *, layer=None, pooling="auto", **options):
    """Return the trunk of a network, named or a module, cut below the stages or layers to train."""
    weights = None if isinstance(backbone, str) else "DEFAULT"
    source = resolve_backbone(backbone, weights=weights, image_size=size)
    return Trunk.cut(source, source.view(layer, pooling), **options)
