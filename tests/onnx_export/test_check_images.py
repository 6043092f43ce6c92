"""Images to compare on: at least 64, of every kind, and those of a data set."""

import numpy as np

from featx import CNNFeatureTransformer
from featx.datasets.load import load_dataset
from featx.onnx_export.check_images import LEAST, MOST, built_in_images, images_to_check


def test_built_in_images_are_of_every_kind_and_always_the_same():
    found = built_in_images(LEAST)
    sizes = [image.shape[:2] for image in found]
    assert len(found) == LEAST
    assert all(image.dtype == np.uint8 and image.shape[2] == 3 for image in found)
    assert min(min(size) for size in sizes) == 1
    assert max(max(size) for size in sizes) > 2000
    assert any(max(size) > 8 * min(size) > 64 for size in sizes)
    assert sum(height % 2 and width % 2 for height, width in sizes) > 30
    assert sum((np.ptp(image, axis=2) == 0).all() for image in found if image.shape[0] > 8) >= 8
    assert all(map(np.array_equal, found, built_in_images(20)))


def test_images_of_a_data_set_are_filled_up_or_thinned_out(tmp_path):
    from PIL import Image

    for number in range(3):
        Image.new("RGB", (5, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    few = images_to_check(load_dataset(tmp_path, labelled=False), CNNFeatureTransformer())
    assert len(few) == LEAST
    assert [int(image[0, 0, 0]) for image in few[:3]] == [0, 1, 2]
    assert few[0].shape == (4, 5, 3)
    many = images_to_check(load_dataset("sample:digits"), CNNFeatureTransformer())
    assert len(many) == MOST
