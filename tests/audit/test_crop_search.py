"""Promised: of each image, the others with a part like it are found, also mirrored; of each of many images, fewer."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from featx.audit.crop_search import CropLimits, find_crops


@pytest.fixture(scope="module")
def copies():
    """Sixty smooth images and crops of the first two.

    These are 0.8 of the side, at the left of the upper edge; the second is mirrored.
    """
    images = gaussian_filter(np.random.default_rng(0).standard_normal((60, 160, 160)), (0, 8, 8))
    images = np.clip(128 + 600 * images, 0, 255)
    crops = np.stack([images[0, :128, :128], images[1, :128, :128][:, ::-1]])
    return np.concatenate([
        images.reshape(60, 32, 5, 32, 5).mean(axis=(2, 4)),
        crops.reshape(2, 32, 4, 32, 4).mean(axis=(2, 4)),
    ]).astype(np.uint8)  # fmt: skip


def test_crops_are_found_with_their_place(copies):
    pairs, where = find_crops(copies)
    for origin, crop, mirrored in ((0, 60, False), (1, 61, True)):
        row = np.flatnonzero((pairs == [origin, crop]).all(axis=1))
        assert len(row) == 1
        assert where.mirrored[row[0]] == mirrored
        assert where.scale[row[0]] == pytest.approx([0.8, 0.8], abs=0.06)
        assert where.shift[row[0]] == pytest.approx([-0.2, -0.2], abs=0.06)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs) == 62 * 6


def test_of_each_of_many_images_fewer_candidates_are_kept_which_are_the_nearest(copies):
    all_of_them, few = ({tuple(pair) for pair in find_crops(copies, limits=limits)[0].tolist()}
                        for limits in (CropLimits(many=62), CropLimits(many=61)))  # fmt: skip
    assert (len(all_of_them), len(few)) == (62 * 6, 62 * 2)
    assert few < all_of_them
    assert {(0, 60), (1, 61)} <= few


def test_the_limits():
    limits = CropLimits()
    assert [limits.candidates_of(n) for n in (0, 1, 4, 30_000, 30_001)] == [0, 0, 3, 6, 2]
    assert [limits.placed_of(n) for n in (0, 39_999, 40_001, 140_000)] == [0, 39_999, 40_000, 42_000]


def test_one_image_is_no_crop():
    assert find_crops(np.zeros((1, 32, 32), np.uint8))[0].shape == (0, 2)
