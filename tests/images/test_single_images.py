"""Promised: one image is refused as X with what to type, and never taken for as many images as it has lines."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import featx.display.notes
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, as_sources
from featx.exceptions import ParameterError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
RGBA = np.dstack([PIXELS, PIXELS[..., :1]])
OBJECTS = np.empty(len(PIXELS), dtype=object)
OBJECTS[:] = list(PIXELS)


@pytest.fixture
def transformer(tiny):
    return CNNFeatureTransformer(**tiny, cache=None)


@pytest.fixture
def remarks(monkeypatch, caplog):
    monkeypatch.setattr(featx.display.notes, "_logged", set())
    caplog.set_level(logging.WARNING, "featx")
    return lambda: [record.getMessage() for record in caplog.records]


ONE = {
    "RGB": PIXELS,
    "RGBA": RGBA,
    "one channel": PIXELS[..., :1],
    "floats": PIXELS / 255,
    "two channels": PIXELS[..., :2],
    "lines of two channels": list(PIXELS[..., :2]),
    "low": PIXELS[:5, :5],
    "lists": PIXELS.tolist(),
    "a list of lines": list(PIXELS),
    "a tuple of lines": tuple(PIXELS),
    "an object array of lines": OBJECTS,
    "a tensor": torch.from_numpy(PIXELS),
    "a tensor with its channels first": torch.from_numpy(PIXELS).permute(2, 0, 1),
    "a masked array": np.ma.masked_array(PIXELS),
    "a PIL image": Image.fromarray(PIXELS),
    "a path": "photo.png",
    "a Path": Path("photo.png"),
    "a URL": "https://example.org/photo.png",
    "an array of one path": np.array("photo.png"),
    "bytes": b"\x89PNG",
    "a bytearray": bytearray(b"\x89PNG"),
    "an open file": io.BytesIO(b"\x89PNG"),
    "a record of Hugging Face": {"bytes": b"\x89PNG", "path": None},
}


@pytest.mark.parametrize("X", ONE.values(), ids=ONE)
def test_one_image_is_refused(transformer, tiny, X):
    fitted = CNNFeatureTransformer(**tiny, cache=None).fit([PIXELS])
    classifier = CNNFineTuneClassifier(**tiny, cache=None)
    for call in (transformer.fit, fitted.transform, as_sources, lambda X: classifier.fit(X, [0, 1])):
        with pytest.raises(ParameterError, match=r"image.*Pass \[|image.*\[image\]"):
            call(X)


def test_a_flattened_image_is_refused(transformer):
    with pytest.raises(ValueError, match="1D array"):
        transformer.fit(PIXELS.ravel())


SEVERAL = {
    "[image]": ([PIXELS], 1),
    "image[None]": (PIXELS[None], 1),
    "a list of RGBA": ([RGBA, RGBA], 2),
    "a tensor of two": (torch.from_numpy(np.stack([PIXELS, PIXELS])), 2),
    "three grey images": (np.stack([PIXELS[..., 0]] * 3), 3),
    "three small grey images": (np.zeros((3, 8, 8)), 3),
    "a list of three grey tensors": (list(torch.from_numpy(PIXELS).permute(2, 0, 1)), 3),
    "grey images 3 pixels wide and high": (np.zeros((20, 3, 3)), 20),
    "grey images 4 pixels high": (np.zeros((20, 4, 3)), 20),
    "a list of grey images of two sizes": ([PIXELS[..., 0], PIXELS[:9, :, 1]], 2),
    "rows of 9 values": (np.zeros((20, 9)), 20),
    "one row": (np.zeros((1, 256)), 1),
}


@pytest.mark.parametrize(("X", "n"), SEVERAL.values(), ids=SEVERAL)
def test_several_images_are_taken(transformer, X, n):
    assert len(transformer.fit_transform(X)) == n


def test_rows_may_be_folded_into_narrow_images(transformer):
    assert len(transformer.set_params(image_shape=(28, 3)).fit_transform(np.zeros((20, 84)))) == 20


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((20, 64), None),
        ((20, 192), r"images of 8 x 8 x 3.*image_shape=\(3, 8, 8\).*CIFAR"),
        ((64, 64), "images of 8 x 8.*single grey image is passed as"),
        ((24, 24), "images of 1 x 24.*single grey image is passed as"),
        ((30, 200), "images of 1 x 200"),
        ((8, 8), None),
    ],
)
def test_rows_that_may_be_folded_otherwise_are_remarked_on_once(transformer, remarks, shape, words):
    import re

    for _ in range(2):
        transformer.fit(np.zeros(shape))
    assert len(remarks()) == (words is not None)
    assert words is None or re.search(words, remarks()[0])


@pytest.mark.parametrize("X", [[PIXELS], PIXELS[None], [Image.fromarray(PIXELS)]])
def test_an_image_shape_without_rows_says_that_it_does_nothing(transformer, remarks, X):
    transformer.set_params(image_shape=(24, 32)).fit_transform(X)
    assert remarks() == ["image_shape=(24, 32) has no effect on these images: only rows of numbers are folded"]
