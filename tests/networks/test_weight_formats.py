"""Promised: files are read by their content, whatever their names; those of other formats are named and refused."""

import io
import pickle
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from torchvision import models

from weight_files import STATE, assert_loaded, refusal, under


@pytest.mark.parametrize("name", ["net.bin", "net.pth", "net"])
def test_safetensors_are_known_by_their_content(tmp_path, name):
    (tmp_path / name).write_bytes(safetensors.torch.save(under("model.")))
    assert_loaded(tmp_path / name)


def test_torchs_files_are_known_by_their_content(tmp_path):
    torch.save(STATE, tmp_path / "net.safetensors")
    assert_loaded(tmp_path / "net.safetensors")
    torch.save({"model": STATE, "acc": np.float64(1)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_loaded(tmp_path / "old.pth")


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, "")
    return buffer.getvalue()


def written(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.pth"))
    return buffer.getvalue()


OTHERS = {
    "empty": ("net.pth", b"", "it is empty"),
    "zeros": ("net.pth", bytes(5000), "nothing but zeros"),
    "web page": ("net.pth", b"\n<!DOCTYPE html><html>", "a web page (HTML or XML): the download failed"),
    "denied": ("net.safetensors", b'<?xml version="1.0"?><Error>', "a web page (HTML or XML): the download failed"),
    "LFS": ("net.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
    "JSON": ("net.json", b'{"weights": 1}', "text (JSON)"),
    "text": ("net.pth", b"hello, world", "not a file of tensors"),
    "noise": ("net.pth", bytes(range(1, 100)), "not a file of tensors"),
    "gzip": ("net.pth.gz", b"\x1f\x8b\x08abc", "compressed. Unpack it"),
    "tar": ("net.tar", tarred(), "a tar archive. Unpack it"),
    "zip": ("net.zip", zipped("a.txt"), "a zip archive that torch did not write"),
    "Keras 3": ("net.keras", zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras archive"),
    "Keras 2": ("net.h5", written(lambda b: h5py.File(b, "w").close()), "an HDF5 file, such as Keras writes"),
    "SavedModel": ("net.zip", zipped("net/saved_model.pb"), "a TensorFlow SavedModel"),
    "graph": ("saved_model.pb", b"\x08\x01\x12\x02", "an ONNX or TensorFlow graph"),
    "ONNX": ("net.onnx", b"\x08\x08\x12\x07pytorch", "an ONNX or TensorFlow graph"),
    "index": ("checkpoint", b'model_checkpoint_path: "a"', "the index of a TensorFlow checkpoint"),
    "shard": ("a.data-00000-of-00001", b"abc", "part of a TensorFlow checkpoint"),
    "Lite": ("net.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
    "npz": ("net.npz", written(lambda b: np.savez(b, a=np.zeros(3))), "a NumPy archive"),
    "npy": ("net.npy", written(lambda b: np.save(b, np.zeros(3))), "a NumPy array"),
    "cut off": ("net.pth", written(lambda b: torch.save(STATE, b))[:100_000], "it is cut off"),
    "protocol 4": ("net.pth", written(lambda b: torch.save(STATE, b, pickle_protocol=4)), "save it again: torch.save("),
    "pickle": ("net.pkl", pickle.dumps({"a": 1}, protocol=2), "cannot read the weights"),
    "numbers": ("net.pth", written(lambda b: torch.save({"a": 1}, b)), "hold no tensors"),
    "tensor": ("net.pth", written(lambda b: torch.save(torch.zeros(3), b)), "no names of tensors: Tensor"),
    "LoRA": ("net.pth", written(lambda b: torch.save({"a.lora_A.weight": torch.zeros(3)}, b)), "an adapter (LoRA)"),
    "names": ("net.pth", written(lambda b: torch.save({"0.weight": torch.zeros(3)}, b)), "the file holds 0.weight"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words"), OTHERS.values(), ids=OTHERS)
def test_another_file_is_refused_by_what_it_is(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    text = refusal(tmp_path / name)
    assert words in text
    assert str(tmp_path / name) in text


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_archive_is_refused_with_the_line_that_saves_its_tensors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = models.squeezenet1_1(weights=None).eval()
    torch.jit.trace(net, torch.zeros(1, 3, 32, 32)).save("net.pt")
    text = refusal("net.pt")
    assert "a TorchScript archive, which holds code" in text
    exec(text.partition("take its tensors: ")[2].rstrip("."), {"torch": torch})
    assert_loaded("weights.pth", {key: value for key, value in net.state_dict().items() if "features" in key})
