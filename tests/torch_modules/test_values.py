"""Promised: values are described by what they hold, and what is not understood says so."""

import collections
import datetime
import functools
import io
import json
import os
import threading
import time

import numpy as np
import pytest
import torch

from featx.torch_modules.values import value_parts


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ({"a": [1], 2: 3}, ["key 0", "a", "key 1", "[1]"]),
        ([[1], [2]], ["[0]", "[1]"]),
        (functools.partial(max, 1, key=abs), ["class", "func", "args", "keywords", "more"]),
        (torch.zeros(2), []),
        (np.zeros(2), []),
        (np.array([None, 1], dtype=object), ["values"]),
    ],
    ids=["dictionary", "list", "partial", "tensor", "array", "array of objects"],
)
def test_parts_are_listed_in_a_fixed_order(value, labels):
    parts = value_parts(value)
    assert [child.label for child in parts.children] == labels
    assert not parts.unknown


def test_texts_say_types_shapes_and_values():
    texts = [
        value_parts(value).text for value in (torch.zeros(2), torch.ones(2), torch.zeros(2).half(), torch.zeros(1, 2))
    ]
    assert len(set(texts)) == 4
    assert value_parts({1, 2}).unordered
    assert not value_parts([1, 2]).unordered


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.Generator(), "an object of type torch._C.Generator"),
        (threading.Lock(), "an object of type _thread.lock"),
        (io.StringIO("text"), "an object of type _io.StringIO"),
        (torch.zeros(2, device="meta"), "without values"),
        (torch.load, "of the module torch.serialization"),
        (open, "of the module"),
        (eval, "of the module builtins"),
        (np.load, "of the module numpy"),
        (np.genfromtxt, "of the module numpy"),
        (np.get_printoptions, "of the module numpy"),
        (np.ctypeslib.load_library, "of the module numpy"),
        (torch.from_file, "of the module torch"),
        (time.time, "of the module time"),
        (datetime.datetime.now, "of the module datetime"),
        (os.getenv, "of the module os"),
    ],
    ids=[
        "generator",
        "lock",
        "stream",
        "meta",
        "function that reads",
        "open",
        "eval",
        "numpy.load",
        "genfromtxt",
        "setting",
        "library",
        "from_file",
        "time",
        "now",
        "getenv",
    ],
)
def test_what_is_not_understood_says_what_it_is(value, reason):
    assert reason in value_parts(value).unknown


@pytest.mark.parametrize(
    "value",
    [torch.relu, torch.no_grad()(torch.relu), np.frombuffer, json.dumps, collections.OrderedDict, bytes.fromhex, len],
    ids=["torch", "decorated", "numpy", "json", "class", "method of a class", "built-in"],
)
def test_what_computes_from_its_arguments_is_understood(value):
    assert not value_parts(value, "called").unknown
