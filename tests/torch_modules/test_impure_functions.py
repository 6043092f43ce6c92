"""Promised: functions of libraries that read more than their arguments are recognised by their names."""

import types

import pytest
import torch
from torch.nn import functional

from featx.torch_modules.impure_functions import (
    is_impure,
    is_impure_module,
    is_user_code,
    patched_members,
    relevant_members,
)


@pytest.mark.parametrize(
    ("owner", "names", "impure"),
    [
        ("numpy", ["load", "loadtxt", "fromfile", "memmap", "genfromtxt", "geterr"], True),
        ("numpy", ["mean", "clip", "stack", "float32", "linspace"], False),
        ("torch", ["load", "get_num_threads", "initial_seed", "hub", "get_default_dtype"], True),
        ("torch", ["relu", "rand", "cat", "einsum", "no_grad"], False),
        ("numpy.random", ["rand"], True),
        ("torchvision.io", ["anything"], True),
        ("torchvision.ops", ["nms", "roi_align"], False),
        ("h5py", ["File"], True),
        ("time", ["sleep"], True),
        ("_random", ["Random"], True),
        ("_heapq", ["heappop"], False),
        ("builtins", ["eval", "open", "input"], True),
        ("builtins", ["len", "print"], False),
        ("timm.models", ["load_checkpoint"], True),
    ],
    ids=str,
)
def test_what_reads_is_told_from_what_computes(owner, names, impure):
    assert [is_impure(owner, name) for name in names] == [impure] * len(names)


def test_whole_modules_are_known_with_all_that_lies_in_them():
    assert all(map(is_impure_module, ["h5py", "h5py._hl.files", "sklearn.datasets", "torch.backends.cuda"]))
    assert not any(map(is_impure_module, ["h5pyx", "torch", "sklearn", "torch.nn.functional", "average"]))


def test_code_of_the_user_is_known_wherever_it_is_put(monkeypatch):
    def mine(x):
        return x

    assert is_user_code(mine)
    assert is_user_code(types.MethodType(mine, 3))
    assert is_user_code(type("Mine", (), {}))
    assert not any(map(is_user_code, [functional.relu, torch.nn.ReLU, len, 3]))
    before = patched_members(functional)  # functions of torch that have two names
    assert all(isinstance(value, str) for _, value in before)
    monkeypatch.setattr(functional, "relu", mine)
    monkeypatch.setattr(functional, "silu", functional.mish)
    added = [member for member in patched_members(functional) if member not in before]
    assert added == [("relu", mine), ("silu", "torch.nn.functional.mish")]
    members = vars(relevant_members(functional))
    assert members["relu"] is mine
    assert "gelu" not in members
