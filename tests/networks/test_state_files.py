"""Promised: a file of weights is read wherever its tensors are in it, or named with why it is not."""

import os

import pytest
import safetensors.torch
import torch

from backbones import save, squeezenet
from featx.exceptions import WeightsError
from weight_files import STATE, assert_loaded, refusal


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_and_absent_files_are_named(tmp_path, suffix):
    path = save(squeezenet().build().state_dict(), tmp_path / f"net{suffix}")
    os.truncate(path, 10_000)
    with pytest.raises(WeightsError, match=f"cannot read the weights .*net{suffix}"):
        squeezenet(weights=path).build()
    path.unlink()
    with pytest.raises(WeightsError, match=f"cannot read the weights .*net{suffix}: No such file"):
        squeezenet(weights=path)
    save({"a": torch.zeros(1), "b": {}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="do not fit squeezenet1_1"):
        squeezenet(weights=tmp_path / "other.pth").build()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("modle_best.pth.tar", "No such file or directory. Did you mean model_best.pth.tar?"),
        ("last.ckpt", "No such file"),
        ("typo", "has no weights 'typo', and there is no file of that name; it has IMAGENET1K_V1"),
        ("./folder", "a folder, not a file. Name one in it, such as folder/inner.pth."),
    ],
)
def test_a_file_that_is_not_there_is_told_so(tmp_path, monkeypatch, name, words):
    monkeypatch.chdir(tmp_path)
    torch.save(STATE, "model_best.pth.tar")
    os.mkdir("folder")
    torch.save(STATE, "folder/inner.pth")
    assert words in refusal(name)


def test_a_file_without_tensors_is_told_so(tmp_path):
    for name, data in {"net.safetensors": safetensors.torch.save({}), "net.pth": None}.items():
        (tmp_path / name).write_bytes(data) if data else torch.save({}, tmp_path / name)
        assert refusal(tmp_path / name).endswith("hold no tensors. Save the network's state_dict().")


def test_a_file_that_holds_itself_is_read(tmp_path):
    content = {"state_dict": STATE, "list": []}
    content["self"] = content["list"]
    content["list"] += [content, content]
    torch.save(content, tmp_path / "net.pth")
    assert_loaded(tmp_path / "net.pth")
