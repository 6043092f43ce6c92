"""Promised: weights that cannot be downloaded, or are not those that were published, are refused with what to do."""

import os
import socket
from types import SimpleNamespace

import pytest
import torch

from featx import resolve_backbone
from featx.exceptions import WeightsError
from featx.networks.weights import published_weights
from weight_files import STATE, assert_loaded, built


def test_a_download_that_fails_says_which_file_to_put_where(hub):
    with pytest.raises(WeightsError, match=r"resnet18-f37072fd.pth.*no route to host") as caught:
        resolve_backbone("resnet18")
    assert f"put it into {hub}" in str(caught.value)


def test_a_server_of_weights_that_sends_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("featx.networks.weights.STALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        entry = SimpleNamespace(url=f"http://127.0.0.1:{server.getsockname()[1]}/net-01234567.pth", name="DEFAULT")
        with pytest.raises(WeightsError, match=r"cannot download net-01234567.pth.*timed out"):
            published_weights("net", entry)
    assert socket.getdefaulttimeout() is None


def test_a_published_file_with_other_content_is_refused(hub):
    (hub / "resnet18-f37072fd.pth").write_bytes(b"not the real thing")
    with pytest.raises(WeightsError, match="not the file that torchvision published"):
        resolve_backbone("resnet18", weights="IMAGENET1K_V1")


@pytest.mark.parametrize(
    "name", ["model_best.pth.tar", "last.ckpt", "weights.bin", "pytorch_model.bin", "weights", "a b"]
)
def test_a_file_that_is_there_is_a_file_whatever_its_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": STATE}, name)
    assert_loaded(name)


@pytest.mark.parametrize("name", ["DEFAULT", "IMAGENET1K_V1"])
def test_names_of_published_weights_do_not_depend_on_the_working_directory(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    torch.save(STATE, name)
    monkeypatch.setattr("featx.networks.resolve.published_weights", lambda *_: pytest.fail("published"))
    with pytest.raises(pytest.fail.Exception, match="published"):
        built(name)
    assert_loaded(f".{os.sep}{name}")
