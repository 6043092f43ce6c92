"""What the tests of forecasts share: brief probes, eighty images and a tiny network."""

import numpy as np
import pytest
from PIL import Image

from featx import CNNFeatureTransformer


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    """Probe briefly: no timing is looked at."""
    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 0.1)
    monkeypatch.setattr("featx.forecast.timings.PROBE_EPOCHS", 2)


@pytest.fixture
def folder(tmp_path):
    """Forty images of noise in each of two classes."""
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 128)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(low, low + 128, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number:02}.png")
    return tmp_path / "data"


@pytest.fixture
def transformer(tiny, tmp_path):
    return CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")
