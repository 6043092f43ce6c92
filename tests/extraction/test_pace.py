"""Promised: the pace of a network is measured on a few images, and nothing of it is kept."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from featx import CNNFeatureTransformer
from featx.extraction.pace import measure_pace
from featx.images.sources import as_sources


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(70):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(tmp_path / f"{number:02}.png")
    return sorted(map(str, tmp_path.glob("*.png")))


def test_up_to_64_images_are_forwarded_again_and_again_and_nothing_is_kept(paths, tiny, tmp_path, forwards):
    passes = CNNFeatureTransformer(**tiny, cache=tmp_path / "cache").plan(np.arange(70))
    passes = replace(passes, views=[passes.source.view(None, "avg"), passes.source.view(None, "max")])
    pace = measure_pace(passes, as_sources(paths), repeats=3)
    assert pace.seconds > 0
    assert (pace.good, pace.failed) == (list(range(64)), [])
    assert [matrix.shape[0] for matrix in pace.embeddings] == [64, 64]
    assert forwards.since() == 8 + 8 + 3 * 64
    assert not list(tmp_path.rglob("*.h5"))


def test_of_a_slow_network_fewer_are_forwarded(paths, tiny, forwards, monkeypatch):
    monkeypatch.setattr("featx.extraction.pace.PACE_SECONDS", 0.0)
    passes = CNNFeatureTransformer(**tiny, cache=None).plan(np.arange(70))
    assert len(measure_pace(passes, as_sources(paths), repeats=3).good) == 8
    assert forwards.since() == 8 + 8 + 8


def test_what_cannot_be_read_is_left_out(paths, tiny, tmp_path):
    (tmp_path / "03.png").write_bytes(b"no image")
    passes = CNNFeatureTransformer(**tiny, cache=None).plan(np.arange(10))
    pace = measure_pace(passes, as_sources(paths)[:10])
    assert (pace.good, pace.failed) == ([0, 1, 2, 4, 5, 6, 7, 8, 9], [3])
    assert len(pace.embeddings[0]) == 9
