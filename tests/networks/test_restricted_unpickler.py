"""Promised: a file of torch's gives its tensors; objects of other types are never created, and no code is run."""

import argparse
import collections
import datetime
import decimal
import os
import pathlib
import pickle
import types

import numpy as np
import pytest
import torch
from torchvision import models

from backbones import squeezenet
from featx.exceptions import WeightsError
from weight_files import OPTIMIZER, STATE, assert_loaded, built, refusal


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("dump", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))])
def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path, dump):
    target = tmp_path / "ran"
    dump({"features.0.weight": Evil(str(target))}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"net\.pth.*refused"):
        squeezenet(weights=tmp_path / "net.pth").build()
    assert not target.exists()


HARMLESS = {
    "float": np.float64(91.2), "int": np.int64(3), "bool": np.bool_(True), "array": np.arange(3),
    "text": np.array(["a"]), "dtype": np.dtype("f4"), "Namespace": argparse.Namespace(lr=0.1, out=pathlib.Path("runs")),
    "windows": pathlib.PureWindowsPath("C:/x"), "namespace": types.SimpleNamespace(a=1),
    "time": datetime.datetime.now(datetime.UTC), "delta": datetime.timedelta(3), "decimal": decimal.Decimal(3),
    "defaultdict": collections.defaultdict(list, {1: [2]}), "deque": collections.deque([1]), "frozen": frozenset([1]),
    "ordered": collections.OrderedDict(a=1), "generator": np.random.default_rng(0),
    "RandomState": np.random.RandomState(0), "optimizer": OPTIMIZER.state_dict(),
    "states": (torch.get_rng_state(), {1, 2}, 1j, b"x", None),
}  # fmt: skip


@pytest.mark.parametrize("value", HARMLESS.values(), ids=HARMLESS)
def test_what_runs_no_code_may_lie_beside_the_tensors(tmp_path, value):
    torch.save({"state_dict": STATE, "x": value, "more": [value, {"y": value}]}, tmp_path / "net.pth")
    before = set(torch.serialization.get_safe_globals())
    assert_loaded(tmp_path / "net.pth")
    assert set(torch.serialization.get_safe_globals()) == before


class Options:
    pass


class Runs:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("old", [False, True])
def test_other_types_are_refused_by_name_and_not_made(tmp_path, old):
    path, ran = tmp_path / "net.pth", tmp_path / "ran"
    for value, named in [(Options(), "Options"), (Runs(ran), "mkdir"), (os.path.join, "join"), (len, "len")]:
        torch.save({"state_dict": STATE, "x": value}, path, _use_new_zipfile_serialization=not old)
        text = refusal(path)
        assert f"{named}, which could run code when loaded, and is refused" in text
        assert "torch.save(checkpoint['state_dict'], 'weights.pth')" in text
    assert not ran.exists()


@pytest.mark.parametrize("old", [False, True])
def test_a_whole_network_is_refused_with_the_line_that_saves_its_tensors(tmp_path, monkeypatch, old):
    monkeypatch.chdir(tmp_path)
    torch.save(models.squeezenet1_1(weights=None), "net.pth", _use_new_zipfile_serialization=not old)
    text = refusal("net.pth")
    assert "holds a whole pickled network (torchvision.models.squeezenet.SqueezeNet)" in text
    exec(text.partition("save its tensors: ")[2].rstrip("."), {"torch": torch})
    built("weights.pth")
