"""Fixtures of the tests of networks: no values, no downloads, no remarks of earlier tests."""

from urllib.error import URLError

import pytest
import torch
from torch import nn

from half_precision import without_half_precision


@pytest.fixture
def unallocated(monkeypatch):
    """Drop the values of parameters as they are created, so that huge networks cost nothing."""
    register = nn.Module.register_parameter

    def on_meta(self, name, parameter):
        register(self, name, None if parameter is None else nn.Parameter(parameter.to("meta")))

    monkeypatch.setattr(nn.Module, "register_parameter", on_meta)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch's folder of downloads, without a network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(*args, **options):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(params=[True, False], ids=["as-it-is", "without-half"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """This machine's processor, and one that has kernels in float32 only."""
    if not request.param:
        without_half_precision(monkeypatch)
    return request.param
