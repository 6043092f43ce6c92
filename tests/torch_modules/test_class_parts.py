"""Promised: of a class, the members count that may take part when a network computes."""

import enum

import pytest
import torch
from torch import nn

from featx.torch_modules.class_parts import class_parts, is_called_implicitly, is_importable


class Net(nn.Module):
    K = 3

    def __init__(self):
        super().__init__()
        self.k = 1

    def forward(self, x):
        return x

    def helper(self, x):
        return x

    def extra_repr(self):
        return "net"

    def __add__(self, other):
        return other

    def _call_impl(self, x):
        return x


class Colour(enum.Enum):
    RED = 1


def test_bases_and_members_of_a_users_class_are_listed():
    parts = class_parts(Net, "")
    assert [child.value for child in parts.children] == [nn.Module]
    assert {"K", "forward", "helper"} <= {name for name, _ in parts.members}
    assert not {"__doc__", "__module__", "__dict__"} & {name for name, _ in parts.members}
    assert ("RED", 1) in [(child.label, child.value) for child in class_parts(Colour, "").children]


def test_a_class_of_a_library_is_its_name_and_version(monkeypatch):
    parts = class_parts(nn.Conv2d, "")
    assert parts.text.startswith("class torch.nn.modules.conv.Conv2d torch 2.")
    assert parts.members == []
    monkeypatch.setattr(nn.Conv2d, "forward", Net.forward)
    assert class_parts(nn.Conv2d, "").members == [("forward", Net.forward)]


@pytest.mark.parametrize(
    ("name", "implicit"),
    [
        ("forward", True),
        ("__add__", True),
        ("helper", False),
        ("K", False),
        ("extra_repr", False),
        ("_call_impl", True),
        ("__init__", False),
    ],
)
def test_members_that_python_or_a_base_class_calls_count_without_being_named(name, implicit):
    assert is_called_implicitly(Net, name, called=False) == implicit
    assert is_called_implicitly(Net, "__init__", called=True)


def test_what_can_be_imported_by_its_name_is_told_from_what_was_made():
    assert is_importable(torch.nn.functional.relu)
    assert is_importable(nn.ReLU)
    made = type("ReLU", (nn.ReLU,), {"__module__": "torch.nn.modules.activation"})
    assert not is_importable(made)
