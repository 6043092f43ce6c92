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
