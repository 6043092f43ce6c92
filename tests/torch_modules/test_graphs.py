"""Promised: a graph of a module computes what the module does, or the module runs as a whole."""

import random

import numpy as np
import pytest
import torch

from backbones import PIXELS, Branching, InPlace, Net, embed, net
from featx import CNNFeatureTransformer
from featx.exceptions import LayerError
from featx.images.preprocessing import IMAGENET
from featx.networks.resolve import resolve_backbone
from patched_modules import IMAGES, TwoBlocks, counting, looking, pixels


def test_what_tracing_would_fix_is_left_to_the_module():
    class Drawing(TwoBlocks):
        def forward(self, x):
            return super().forward(x) * random.random()

    for kind in (counting, lambda net: setattr(net, "__class__", Drawing)):
        net = TwoBlocks()
        kind(net)
        source = resolve_backbone(net, image_size=32)
        backbone = source.load("cpu")
        images = torch.zeros((2, 3, 32, 32), dtype=torch.uint8)
        given = [backbone.embed(images, [("output", "avg")], preprocessing=source.preprocessing)[0] for _ in range(2)]
        assert not torch.allclose(*given)


def test_a_layer_of_a_graph_that_is_not_used_is_refused_with_the_layers_there_are():
    net = TwoBlocks()
    looking(net)
    with pytest.raises(LayerError, match=r"no layer 'mean'. Its stages are one, two, drop, head"):
        CNNFeatureTransformer(net, layer="mean", image_size=32, cache=None).fit_transform(IMAGES)


def test_a_graph_that_fails_prints_nothing(capsys):
    class Folding(TwoBlocks):
        def forward(self, x):
            return super().forward(x).reshape(7 if isinstance(x, torch.fx.Proxy) else len(x), -1)

    given = CNNFeatureTransformer(Folding(), layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert given.shape == (4, 5)
    assert capsys.readouterr() == ("", "")


def test_data_decides_a_branch():
    class Branching(TwoBlocks):
        def forward(self, x):
            return super().forward(x if x.mean() > 0 else -x)

    net = Branching().eval()
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = net(pixels(source)).numpy()
    given = CNNFeatureTransformer(net, image_size=32, cache=None).fit_transform(IMAGES)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [Net, Branching])
@pytest.mark.parametrize(("layer", "width"), [("features", 8), ("features.0", 8), ("output", 3)])
def test_modules_are_read_at_submodules_traceable_or_not(kind, layer, width):
    assert embed(resolve_backbone(net(kind)), (layer, "avg")).shape == (2, width)


def test_a_cut_module_computes_what_the_whole_one_does():
    module = net(InPlace).eval()
    with torch.inference_mode():
        expected = module(IMAGENET.normalise(PIXELS)).mean((2, 3)).numpy()
    for layer in ("relu_1", "output"):
        assert np.allclose(embed(resolve_backbone(module), (layer, "avg")), expected, rtol=1e-4, atol=1e-6)
