"""Promised: tensors and rows of numbers become images, and what is guessed about them is said once."""

import numpy as np
import pytest
import torch
from PIL import Image

from cells import PICTURES
from featx import CNNFeatureTransformer, read_image
from featx.exceptions import ImageDecodeError


@pytest.mark.parametrize(
    "tensor",
    [
        torch.from_numpy(np.stack(PICTURES) / 255).requires_grad_(),
        torch.from_numpy(np.stack(PICTURES)),
        [torch.from_numpy(picture / 255).requires_grad_() for picture in PICTURES],
    ],
)
def test_tensors_are_read_with_or_without_a_gradient(transformer, expected, tensor):
    assert np.allclose(transformer.fit_transform(tensor), expected, rtol=1e-3, atol=1e-3)


def test_a_tensor_of_bfloat16_is_read():
    pixels = torch.tensor([[0.0, 0.5, 1.0]]).bfloat16()
    assert read_image(pixels)[0, :, 0].tolist() == [0, 128, 255]


def test_a_tensor_whose_channels_come_first_is_refused_with_how_to_turn_it():
    with pytest.raises(ImageDecodeError, match=r"channels first.*x\.permute\(1, 2, 0\)"):
        read_image(torch.zeros(3, 8, 9))


@pytest.mark.parametrize(
    ("image_shape", "take"),
    [
        ((3, 8, 6), lambda planes: planes.transpose(0, 2, 3, 1)),
        ([1, 12, 12], lambda planes: planes.reshape(-1, 12, 12)),
        ((4, 6, 6), lambda planes: planes.reshape(-1, 4, 6, 6).transpose(0, 2, 3, 1)),
        ((12, 12, 1), lambda planes: planes.reshape(-1, 12, 12)),
        ((3, 16, 3), lambda planes: planes.reshape(-1, 3, 16, 3)),  # both could be: the last are the channels
    ],
)
def test_rows_of_channels_one_after_the_other_are_reshaped(tiny, image_shape, take):
    planes = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 6), dtype=np.uint8)
    reshaped = CNNFeatureTransformer(**tiny, cache=None, image_shape=image_shape).fit_transform(planes.reshape(5, -1))
    expected = CNNFeatureTransformer(**tiny, cache=None).fit_transform(list(take(planes)))
    assert np.allclose(reshaped, expected, rtol=1e-4, atol=1e-4)


PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_rows_may_be_reshaped_to_narrow_images(transformer):
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
def test_rows_that_may_have_another_shape_are_noted_once(transformer, remarks, shape, words):
    import re

    for _ in range(2):
        transformer.fit(np.zeros(shape))
    assert len(remarks()) == (words is not None)
    assert words is None or re.search(words, remarks()[0])


@pytest.mark.parametrize("X", [[PIXELS], PIXELS[None], [Image.fromarray(PIXELS)]])
def test_an_image_shape_without_rows_says_that_it_does_nothing(transformer, remarks, X):
    transformer.set_params(image_shape=(24, 32)).fit_transform(X)
    assert remarks() == ["image_shape=(24, 32) has no effect on these images: only rows of numbers are reshaped"]
