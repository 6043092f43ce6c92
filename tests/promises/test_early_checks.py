"""Promised: what cannot work is refused before any image is read, whichever call is to do it."""

import numpy as np
import pytest

from featx import (
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    FeatxError,
    ImageDataset,
    ImageDecodeError,
    compare_strategies,
    finetune_model,
    fit_model,
    make_strategy,
    write_embeddings,
)

# None of these files exists.
FILES = [f"nowhere/{number}.png" for number in range(24)]
DATA = ImageDataset(FILES, FILES, np.array(12 * ["a", "b"]))
NETWORK = {"image_size": 32, "precision": "float32", "device": "cpu"}


def transformer(**options):
    return CNNFeatureTransformer(**{**NETWORK, **options})


def classifier(**options):
    return CNNFineTuneClassifier(**{**NETWORK, "epochs": 1, **options})


def write(tmp_path, **options):
    write_embeddings(DATA, transformer(**options), tmp_path / "rows.h5")


FROZEN = {
    "fit_model": lambda tmp_path, layer=None, pooling="auto", **options: fit_model(
        DATA, transformer(**options), layers=[layer], poolings=[pooling]
    ),
    "write_embeddings": write,
    "compare_strategies": lambda tmp_path, **options: compare_strategies(
        DATA, {"frozen": make_strategy("frozen", transformer(**options))}
    ),
    "transfer": lambda tmp_path, **options: compare_strategies(
        DATA, {"frozen": make_strategy("frozen", transformer())}, transfer=transformer(**options)
    ),
}
TUNED = {
    "fit": lambda options: classifier(**options).fit(FILES, DATA.labels),
    "finetune_model": lambda options: finetune_model(DATA, classifier(**options)),
    "skip": lambda options: finetune_model(DATA, classifier(**options), on_error="skip"),
    "compare_strategies": lambda options: compare_strategies(DATA, {"finetuned": classifier(**options)}),
}
OPTIONS = [
    {"layer": "layer99"},
    {"pooling": "average"},
    {"device": "cudaa"},
    {"precision": "float12"},
    {"weights": "nowhere/weights.pth"},
    {"value_range": (1, 0)},
]
TRAINING = [
    {"trainable_stages": 99},
    {"augmentation": "flip"},
    {"class_weight": {"c": 1.0}},
    {"checkpoint": __file__ + "/checkpoint"},
]


def refuse(*args, **options):
    raise AssertionError("an image was read")


@pytest.fixture(autouse=True)
def unread(monkeypatch):
    for module in ("extraction.estimator", "comparison.plan"):
        monkeypatch.setattr(f"featx.{module}.image_keys", refuse)
    for module in ("comparison.compare", "workflows.finetune"):
        monkeypatch.setattr(f"featx.{module}.find_unreadable", refuse)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: str(*options))
@pytest.mark.parametrize("name", FROZEN)
def test_frozen_features(name, options, tmp_path):
    with pytest.raises(FeatxError) as caught:
        FROZEN[name](tmp_path, **options)
    assert not isinstance(caught.value, ImageDecodeError)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *[("fit", options) for options in TRAINING],
        *[("finetune_model", options) for options in OPTIONS],
        *[("skip", options) for options in TRAINING],
        *[("compare_strategies", options) for options in (*OPTIONS[:1], *TRAINING[:1])],
    ],
    ids=lambda value: value if isinstance(value, str) else str(*value),
)
def test_finetuning(name, options):
    with pytest.raises(FeatxError) as caught:
        TUNED[name](options)
    assert not isinstance(caught.value, ImageDecodeError)
