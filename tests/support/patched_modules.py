"""Modules with hooks and patches of all kinds, and what they give for fixed images."""

import functools
import types

import numpy as np
import torch
from torch import nn

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


LABELS = np.array([0, 1, 0, 1])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(width, 8, 3), nn.BatchNorm2d(8), nn.ReLU()

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)))


class TwoBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.drop = Block(3), Block(8), nn.Dropout()
        self.head = nn.Linear(8, 5)
        for part in (self.one, self.two):
            part.norm.running_mean.uniform_(-0.1, 0.1)

    def forward(self, x):
        return self.head(self.drop(self.two(self.one(x)).mean((2, 3))))


def scale(module, inputs, output):
    return output * 3 - 0.2


def shift(module, inputs):
    return (inputs[0] + 0.3,)


def called(net):
    class Called(TwoBlocks):
        def __call__(self, x):
            return super().__call__(x * 2) + 1

    net.__class__ = Called


def counting(net):
    class Counting(TwoBlocks):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x) * self.calls

    net.__class__ = Counting


def looking(net):
    class Looking(TwoBlocks):
        def forward(self, x):
            return super().forward(x if type(x) is not torch.Tensor else 2 * x)

    net.__class__ = Looking


def around(net):
    old = net.forward
    net.forward = lambda x: nn.functional.normalize(old(x))


def around_child(net):
    old = net.one.conv.forward
    net.one.conv.forward = lambda x: old(x) * 2


def compiled(net):
    net.compile(backend="eager")


PATCHES = {
    "hook": lambda net: net.register_forward_hook(scale),
    "pre-hook": lambda net: net.register_forward_pre_hook(shift),
    "hook with keywords": lambda net: net.register_forward_hook(lambda m, i, k, o: o * 2, with_kwargs=True),
    "method": lambda net: setattr(net, "forward", types.MethodType(lambda self, x: self.one(x).amax((2, 3)), net)),
    "function": lambda net: setattr(net, "forward", lambda x: net.one(x).amax((2, 3))),
    "partial": lambda net: setattr(net, "forward", functools.partial(TwoBlocks.forward, net)),
    "around": around,
    "call": called,
    "compiled in place": compiled,
    "hook of a child": lambda net: net.one.register_forward_hook(scale),
    "pre-hook of a child": lambda net: net.two.register_forward_pre_hook(shift),
    "hook of a convolution": lambda net: net.one.conv.register_forward_hook(scale),
    "hook of a norm": lambda net: net.one.norm.register_forward_pre_hook(shift),
    "hook of dropout": lambda net: net.drop.register_forward_hook(scale),
    "patched child": lambda net: setattr(net.one, "forward", types.MethodType(lambda self, x: self.conv(x), net.one)),
    "patched convolution": around_child,
    "patched norm": lambda net: setattr(net.two.norm, "forward", lambda x: x * 2),
    "patched activation": lambda net: setattr(net.one.relu, "forward", torch.tanh),
    "patched dropout": lambda net: setattr(net.drop, "forward", lambda x: x + 1),
    "branch on the type": looking,
}


def patched(name):
    net = TwoBlocks()
    PATCHES[name](net)
    return net.eval()


def pixels(source):
    return source.preprocessing.normalise(torch.stack([source.preprocessing.apply(image) for image in IMAGES]))


def reference(net, layer, source):
    """What the module gives, and what its submodule does meanwhile."""
    caught = {}
    if layer != "output":
        net.get_submodule(layer).register_forward_hook(lambda m, i, o: caught.update({layer: o.clone()}))
    with torch.inference_mode():
        output = net(pixels(source))
    return caught.get(layer, output)
