"""Promised: a crop is placed more precisely than it was searched for, and of many pairs only the nearest are."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from featx import as_sources
from featx.audit.crop_pairs import find_crop_pairs
from featx.audit.crop_search import CropLimits
from featx.audit.likeness import Likeness
from featx.audit.pictures import read_pictures

IMAGES = 40


@pytest.fixture(scope="module")
def pictures():
    """Smooth images, the last of them 0.78 of the side of the first, and a copy of the first in another group."""
    images = gaussian_filter(np.random.default_rng(0).standard_normal((IMAGES, 100, 100, 3)), (0, 6, 6, 0))
    images = np.clip(128 + 600 * images, 0, 255).astype(np.uint8)
    return read_pictures(as_sources([*images, images[0][9:87, 4:82], images[0]]))


def test_a_crop_is_placed_and_images_of_one_group_are_left_out(pictures):
    groups = np.arange(IMAGES + 2)
    groups[-1] = 0
    pairs, where = find_crop_pairs(pictures, Likeness(pictures.thumbnails), groups)
    (row,) = np.flatnonzero((pairs == [0, IMAGES]).all(axis=1))
    assert where.scale[row] == pytest.approx([0.78, 0.78], abs=0.01)
    assert where.shift[row] == pytest.approx([-0.04, -0.14], abs=0.01)
    assert not (groups[pairs[:, 0]] == groups[pairs[:, 1]]).any()


def test_of_each_of_many_images_fewer_candidates_are_compared(pictures):
    groups = np.arange(IMAGES + 2)
    pairs, _ = find_crop_pairs(pictures, Likeness(pictures.thumbnails), groups, limits=CropLimits(many=IMAGES, fewer=1))
    assert len(pairs) == IMAGES + 2


@pytest.mark.parametrize(
    ("limits", "most"), [(CropLimits(placed=20, share=0.01), 20), (CropLimits(placed=1, share=0.1), 25)]
)
def test_of_many_pairs_only_the_nearest_are_placed_precisely(pictures, limits, most):
    pairs, where = find_crop_pairs(
        pictures, Likeness(pictures.thumbnails), np.arange(IMAGES + 2), limits=limits
    )  # fmt: skip
    assert len(pairs) == (IMAGES + 2) * 6
    # Steps leave the sides of the parts that are searched, which are whole twentieths.
    placed = np.abs(where.scale - np.round(where.scale / 0.05) * 0.05).max(axis=1) > 1e-9
    assert most / 2 < placed.sum() <= most
    assert placed[(pairs == [0, IMAGES]).all(axis=1)].all()
