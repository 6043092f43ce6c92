"""Promised: a copy of a module computes what it does, and nothing that is done to the one reaches the other."""

import functools
import types

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer
from featx.networks.resolve import resolve_backbone
from patched_modules import IMAGES, TwoBlocks, patched, reference


def test_a_copy_does_not_reach_back_into_the_module():
    net = patched("around").train()
    source = resolve_backbone(net, image_size=32)
    before = source.load("cpu").embed(
        torch.zeros((1, 3, 32, 32), dtype=torch.uint8), [("output", "avg")], preprocessing=source.preprocessing
    )[0]
    statistics = net.one.norm.running_mean.clone()
    with torch.no_grad():
        net.head.weight.zero_()
    after = source.load("cpu").embed(
        torch.zeros((1, 3, 32, 32), dtype=torch.uint8), [("output", "avg")], preprocessing=source.preprocessing
    )[0]
    assert torch.equal(before, after)
    assert torch.equal(net.one.norm.running_mean, statistics)
    assert net.training


def by_global(net):
    names = {"net": net, "nn": nn}
    exec("forward = lambda x: nn.functional.normalize(net.head(net.two(net.one(x)).mean((2, 3))))", names)
    net.forward = names["forward"]


def by_default(net):
    net.forward = lambda x, old=net.forward: nn.functional.normalize(old(x))


def by_keyword(net):
    def forward(x, *, old=(net.forward,)):
        return nn.functional.normalize(old[0](x))

    net.forward = functools.partial(forward)


def by_bound_method(net):
    class Other:
        def __init__(self):
            self.net = net

        def forward(self, x):
            return nn.functional.normalize(TwoBlocks.forward(self.net, x))

    net.forward = Other().forward


def by_object(net):
    held = types.SimpleNamespace(net=net)
    net.forward = lambda x: nn.functional.normalize(TwoBlocks.forward(held.net, x))


def by_class_attribute(net):
    class Holder:
        held = net

    exec(
        "forward = lambda x: normalize(call(Holder.held, x))",
        names := {"Holder": Holder, "call": TwoBlocks.forward, "normalize": nn.functional.normalize},
    )
    net.forward = names["forward"]


def by_class(net):
    class Reaching(TwoBlocks):
        def forward(self, x):
            return nn.functional.normalize(TwoBlocks.forward(net, x))

    net.__class__ = Reaching


@pytest.mark.parametrize(
    "patch", [by_global, by_default, by_keyword, by_bound_method, by_object, by_class_attribute, by_class]
)
def test_a_patch_that_reaches_the_module_leaves_it_alone_and_is_honoured(patch):
    net = TwoBlocks()
    patch(net)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert all(part.training for part in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    expected = reference(net.eval(), "output", resolve_backbone(net, image_size=32))
    np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_module_outside_is_in_evaluation_mode_while_the_network_computes():
    norm = nn.BatchNorm2d(3)

    class Using(TwoBlocks):
        def forward(self, x):
            return super().forward(norm(x) * 2)

    given = CNNFeatureTransformer(Using(), layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    assert norm.training
    assert norm.num_batches_tracked == 0
    norm.eval()
    expected = reference(Using().eval(), "output", resolve_backbone(Using(), image_size=32))
    np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)
