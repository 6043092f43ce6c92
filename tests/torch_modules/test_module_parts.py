"""Promised: a module is listed with all that it computes with, and its state has one digest."""

import copy

import pytest
import torch
from torch import nn

from featx.torch_modules.module_parts import TOKEN, is_dense, module_children, state_digest, tensor_bytes


def net():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    module.scale = 2.0
    return module


def labels(module):
    return [child.label for child in module_children(module)]


def test_tensors_children_hooks_and_attributes_are_listed_once():
    module = net()
    vars(module)[TOKEN] = "0"
    assert labels(module) == ["0", "1", "scale"]
    module.register_forward_hook(lambda m, i, o: o)
    module.register_forward_pre_hook(lambda m, i: i)
    assert labels(module) == ["0", "1", "pre-hook 0", "pre-hook 0 options", "hook 0", "hook 0 options", "scale"]
    assert labels(module[0])[:2] == ["weight", "bias"]
    assert "training" not in labels(module[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda module: module[0].weight.data.add_(1),
        lambda module: module[1].running_mean.add_(1),
        lambda module: setattr(module, "scale", 3.0),
        lambda module: setattr(module[0], "stride", (2, 2)),
        lambda module: module.double(),
    ],
    ids=["parameter", "buffer", "attribute", "stride", "type"],
)
def test_the_state_has_another_digest_when_it_changes_and_only_then(change):
    module = net()
    before = state_digest(module)
    assert state_digest(copy.deepcopy(module).eval()) == before
    change(module)
    assert state_digest(module) != before


def test_bytes_are_those_of_the_values_in_their_order():
    tensor = torch.arange(6, dtype=torch.int16).reshape(2, 3)
    assert bytes(tensor_bytes(tensor.T)) == tensor.T.contiguous().numpy().tobytes()
    assert bytes(tensor_bytes(torch.zeros(0))) == b""
    assert is_dense(tensor)
    assert not is_dense(tensor.to("meta"))
    assert not is_dense(tensor.to_sparse())
