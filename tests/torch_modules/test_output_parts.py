"""Promised: a part of what a module returns is a layer by its name; what is not a tensor of real numbers is refused."""

import collections
import dataclasses

import numpy as np
import pytest
import torch

from featx import CNNFeatureTransformer
from featx.exceptions import LayerError
from featx.networks.resolve import resolve_backbone
from patched_modules import IMAGES, TwoBlocks, pixels


class Parts(TwoBlocks):
    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        y = super().forward(x)
        return self.wrap(2 * y, y)


Pair = collections.namedtuple("Pair", ["first", "second"])


@dataclasses.dataclass
class Fields:
    first: torch.Tensor
    second: torch.Tensor


PARTS = {
    "dict": (lambda a, b: {"first": a, "second": b}, "second"),
    "tuple": (lambda a, b: (a, b), "1"),
    "named": (Pair, "second"),
    "dataclass": (Fields, "second"),
    "nested": (lambda a, b: {"all": [a, (b, None)]}, "all.1.0"),
}


@pytest.mark.parametrize(("wrap", "part"), PARTS.values(), ids=PARTS)
def test_a_part_of_what_a_module_returns_is_a_layer(wrap, part):
    torch.manual_seed(0)
    net = Parts(wrap).eval()
    transformer = CNNFeatureTransformer(net, layer=f"output.{part}", image_size=32, cache=None)
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = TwoBlocks.forward(net, pixels(source)).numpy()
    np.testing.assert_allclose(transformer.fit_transform(IMAGES), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(LayerError, match=rf"gives an object of type \w+, not a tensor\. Choose one .*'output\.{part}'"):
        transformer.set_params(layer=None).fit_transform(IMAGES)
    with pytest.raises(LayerError, match=r"the output of .* has no part 'third'"):
        transformer.set_params(layer="output.third").fit_transform(IMAGES)


def test_complex_numbers_are_no_embedding():
    class Spectrum(TwoBlocks):
        def forward(self, x):
            return torch.fft.fft(super().forward(x))

    transformer = CNNFeatureTransformer(Spectrum(), layer="output", image_size=32, cache=None)
    with pytest.raises(LayerError, match="complex64, not real numbers"):
        transformer.fit_transform(IMAGES)
