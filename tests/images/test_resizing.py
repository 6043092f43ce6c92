"""Promised: resizing and cropping give torchvision's very pixels, and strides, without torchvision."""

import subprocess
import sys

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from featx.images import resizing
from featx.images.resizing import center_cropped, resized

SHAPES = [(375, 500), (500, 375), (256, 256), (1, 9), (40, 37), (333, 256), (224, 1000)]
SIZES = [256, 233, 8, (224, 224), (37, 40), (300, 64)]


def picture(height, width, *, lines):
    generator = torch.Generator().manual_seed(height * 1000 + width)
    pixels = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, generator=generator).permute(2, 0, 1)
    return pixels if lines else pixels.contiguous()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("lines", [True, False], ids=["channels last", "channels first"])
def test_pixels_are_those_of_torchvision(interpolation, lines):
    for shape in SHAPES:
        image = picture(*shape, lines=lines)
        for size in SIZES:
            given = resized(image, size, interpolation)
            sides = [size] if isinstance(size, int) else list(size)
            wanted = F.resize(image, sides, InterpolationMode(interpolation), antialias=True)
            assert torch.equal(given, wanted)
            assert given.stride() == wanted.stride()


def test_a_processor_without_that_kernel_rounds_as_torchvision_does(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    monkeypatch.setattr(resizing.platform, "machine", lambda: "x86_64")
    image = picture(375, 500, lines=True)
    wanted = F.resize(image, [256], InterpolationMode.BILINEAR, antialias=True)
    assert torch.equal(resized(image, 256, "bilinear"), wanted)


@pytest.mark.parametrize("side", [1, 7, 8, 30, 31, 44, 45, 64])
def test_the_centre_is_that_of_torchvision(side):
    for shape in [(31, 44), (30, 45), (44, 31), (8, 8)]:
        image = picture(*shape, lines=True)
        assert torch.equal(center_cropped(image, side), F.center_crop(image, [side, side]))


def test_torchvision_is_not_loaded_to_embed_an_image(tmp_path):
    code = f"""
import sys
import numpy as np
from featx import CNNFeatureTransformer
CNNFeatureTransformer(cache={str(tmp_path)!r}).fit_transform([np.zeros((40, 30, 3), np.uint8)] * 2)
CNNFeatureTransformer("small_cnn", weights=None, cache=None).fit_transform([np.zeros((40, 30, 3), np.uint8)] * 2)
sys.exit(bool({{"torchvision", "torch._dynamo"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
