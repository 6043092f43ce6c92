"""Promised: a deeper layer has more parameters; nothing is kept; images that cannot be read do not count."""

from dataclasses import replace

import numpy as np
import pytest

from featx import CNNFeatureTransformer, as_sources
from featx.networks.pooling import View
from featx.ranking.speed import TIMED_IMAGES, TIMED_PASSES, describe_processor, measure_costs
from rankings import digits


def test_the_costs_of_each_layer(tiny, tmp_path, forwards):
    transformer = CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")
    plan = transformer.plan(np.arange(0))
    passes = [replace(plan, views=[View(layer, "avg")]) for layer in ("features.5", "features.12")]
    images = [*digits(TIMED_IMAGES - 1).images, b"\xff\xd8 no image"]
    early, late = measure_costs(passes, as_sources(images))
    assert early.parameters < late.parameters
    assert early.weight_bytes == 4 * early.parameters
    assert early.seconds > 0
    assert early.n_forwarded == late.n_forwarded == TIMED_PASSES - 4
    assert forwards.since() == 2 * early.n_forwarded
    assert list((tmp_path / "cache").rglob("*.h5")) == []


def test_the_processor_is_named(monkeypatch):
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert describe_processor("cpu").endswith(", 1 thread")
    monkeypatch.setattr("featx.ranking.speed.resolve_device", lambda device: "mps")
    assert describe_processor("auto").startswith("mps of ")
    monkeypatch.setattr("featx.ranking.speed.resolve_device", lambda device: "cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: "a card")
    assert describe_processor("auto") == "a card"


@pytest.mark.parametrize("failing", [OSError])
def test_a_processor_without_a_name_is_called_by_its_kind(monkeypatch, failing):
    from pathlib import Path

    def unreadable(*_, **__):
        raise failing

    monkeypatch.setattr(Path, "read_text", unreadable)
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv")
    assert describe_processor("cpu").startswith("riscv, ")
