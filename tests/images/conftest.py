"""What the tests of images share: the pictures of `cells` as files, and what a tiny network makes of them."""

import pytest
from PIL import Image

from cells import PICTURES
from featx import CNNFeatureTransformer


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of PNG, lossless WebP and TIFF files."""
    folder = tmp_path_factory.mktemp("files")
    paths = [str(folder / name) for name in ("0.png", "1.webp", "2.tif")]
    for path, picture in zip(paths, PICTURES, strict=True):
        Image.fromarray(picture).save(path, lossless=True)
    return paths


@pytest.fixture
def transformer(tiny):
    return CNNFeatureTransformer(**tiny, cache=None)


@pytest.fixture(scope="module")
def expected(files):
    network = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, precision="float32", cache=None)
    return network.fit_transform(files)
