"""Promised: a network is passed once for both precisions, and what is kept of the pass does not keep the network."""

import gc
import weakref

import pytest
import torch
from torch import fx, nn

from featx import resolve_backbone
from featx.networks import traced_pass as module
from featx.networks.traced_pass import traced_pass


def network():
    return fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten()).eval())


def test_outputs_and_shapes_are_those_of_the_network():
    traced = network()
    image = torch.rand(1, 3, 8, 6)
    found = traced_pass(traced, image)
    assert torch.equal(found.outputs, traced(image))
    shapes = [tuple(found.shapes[node.name]) for node in traced.graph.nodes if node.op != "output"]
    assert shapes == [(1, 3, 8, 6), (1, 2, 6, 4), (1, 2, 6, 4), (1, 48)]


def test_it_is_kept_for_a_size_and_not_longer_than_the_network():
    traced = network()
    first = traced_pass(traced, torch.zeros(1, 3, 8, 8))
    assert traced_pass(traced, torch.ones(1, 3, 8, 8)) is first
    assert traced_pass(traced, torch.ones(1, 3, 9, 8)) is not first
    gone = weakref.ref(traced)
    del traced
    gc.collect()
    assert gone() is None


def test_two_precisions_take_one_pass(monkeypatch):
    source = resolve_backbone("small_cnn", weights=None, image_size=32)
    runs = []
    run = fx.Interpreter.run
    monkeypatch.setattr(module.fx.Interpreter, "run", lambda self, *given: runs.append(1) or run(self, *given))
    backbone, view = source.load("cpu"), source.view(None, "auto")
    backbone._fused.clear()
    module._passes.clear()
    for precision in ("float32", "bfloat16"):
        pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
        backbone.embed(pixels, [view], preprocessing=source.preprocessing, precision=precision)
    assert len(runs) == 1


def test_the_error_of_a_layer_keeps_its_text():
    class Failing(nn.Module):
        def forward(self, x):
            return x.view(7)

    with pytest.raises(RuntimeError) as failure:
        traced_pass(fx.symbolic_trace(Failing()), torch.zeros(1, 3, 8, 8))
    assert str(failure.value) == "shape '[7]' is invalid for input of size 192"
