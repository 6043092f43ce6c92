"""What the tests of predictions share: images of three classes, and the file of a model."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = [str(folder / f"{number:02}.png") for number in range(30)]
    for number, path in enumerate(paths):
        low = 80 * (number // 10)
        Image.fromarray(rng.integers(low, low + 90, (8, 8, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise in the parts of a split, one dark and one light."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 4), ("test", 6)):
        for name, low in (("dark", 0), ("light", 128)):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(low, low + 128, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / part / name / f"{number}.png")
    return tmp_path / "data"
