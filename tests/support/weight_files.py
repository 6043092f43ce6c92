"""Checkpoints of SqueezeNet in all forms, and how they are read or refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from featx import resolve_backbone
from featx.exceptions import WeightsError

NAME = "squeezenet1_1"

X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def state_of(name=NAME, seed=0):
    torch.manual_seed(seed)
    return models.get_model(name, weights=None, **({"init_weights": False} if "goog" in name else {})).state_dict()


STATE, OTHER = state_of(), state_of(seed=1)

BODY = {key: value for key, value in STATE.items() if not key.startswith("classifier.")}


def under(prefix, state=STATE):
    return {prefix + key: value for key, value in state.items()}


def built(path, name=NAME, **options):
    return resolve_backbone(name, weights=path, image_size=options.pop("image_size", 32), **options).build()


def assert_loaded(path, state=BODY, name=NAME):
    own = built(path, name).state_dict()
    assert all(torch.equal(own[key], value) for key, value in state.items())


def refusal(path, name=NAME, **options):
    with pytest.raises(WeightsError) as caught:
        built(path, name, **options)
    assert caught.value.next_step
    return str(caught.value)


OPTIMIZER = torch.optim.Adam([nn.Parameter(torch.zeros(2))])

AMBIGUOUS = {
    "averaged": ({"state_dict": STATE, "state_dict_ema": OTHER}, ["state_dict", "state_dict_ema"]),
    "teacher": (
        {"student": under("backbone."), "teacher": under("backbone.", OTHER)},
        ["student/", "teacher/"],
    ),
    "momentum": ({"state_dict": under("m.encoder_q.") | under("m.encoder_k.", OTHER)}, ["m.encoder_q", "m.encoder_k"]),
    "wrapped": (STATE | under("module.", OTHER), ["''", "module"]),
    "best": ({"last": {"net": STATE}, "best": {"net": OTHER}}, ["last/net", "best/net"]),
    "list": ([STATE, OTHER], ["'[0]'", "'[1]'"]),
    "epochs": ({"epochs": {3: {"net": STATE}, 7: {"net": OTHER}}}, ["epochs/[3]/net", "epochs/[7]/net"]),
    "text": ({"0": STATE, "1": OTHER}, ["'0'", "'1'"]),
    "slash": ({"runs/a": STATE, "runs/b": OTHER}, ["['runs/a']", "['runs/b']"]),
    "pairs": ([(under("net."), 1), (under("net.", OTHER), 2)], ["[0]/[0]/net", "[1]/[0]/net"]),
}
