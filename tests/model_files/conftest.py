"""Images of two classes, a pipeline that is fitted on them, and where its model file goes."""

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, save_model
from featx.model_files.trusted_types import trusted_types
from saved_models import LABELS


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """The paths of dark and light images in turn; their labels are `LABELS`."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = [str(folder / f"{number}.png") for number in range(len(LABELS))]
    for number, path in enumerate(paths):
        low = 128 * (number % 2)
        Image.fromarray(rng.integers(low, low + 128, (8, 8, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def pipeline(tiny, images):
    return make_pipeline(CNNFeatureTransformer(**tiny, precision="float32"), LogisticRegression()).fit(images, LABELS)


@pytest.fixture
def embedder(tiny):
    """A fitted transformer, whose network is not needed here."""
    return CNNFeatureTransformer(**tiny, precision="float32").fit(np.zeros((2, 8, 8)))


@pytest.fixture
def forged(path):
    """Return a function that writes a model file, changed by another hand after it was saved."""

    def write(model, change):
        save_model(model, path)
        content = skops.io.load(path, trusted=trusted_types())
        change(content["model"])
        path.write_bytes(skops.io.dumps(content))
        return path

    return write
