"""Promised: one image is refused as X with what to type, and never taken for as many images as it has lines."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, as_sources
from featx.exceptions import ParameterError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
RGBA = np.dstack([PIXELS, PIXELS[..., :1]])
OBJECTS = np.empty(len(PIXELS), dtype=object)
OBJECTS[:] = list(PIXELS)


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
