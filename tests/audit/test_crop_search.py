"""Promised: of each image, the others with a part like it are found, also mirrored, and where that part is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from featx.audit.crop_search import find_crops


def test_crops_are_found_with_their_place():
    images = gaussian_filter(np.random.default_rng(0).standard_normal((60, 160, 160)), (0, 8, 8))
    images = np.clip(128 + 600 * images, 0, 255)
    # 0.8 of the side, at the left of the upper edge; the second is mirrored.
    crops = np.stack([images[0, :128, :128], images[1, :128, :128][:, ::-1]])
    copies = np.concatenate([
        images.reshape(60, 32, 5, 32, 5).mean(axis=(2, 4)),
        crops.reshape(2, 32, 4, 32, 4).mean(axis=(2, 4)),
    ]).astype(np.uint8)  # fmt: skip
    pairs, where = find_crops(copies)
    for origin, crop, mirrored in ((0, 60, False), (1, 61, True)):
        row = np.flatnonzero((pairs == [origin, crop]).all(axis=1))
        assert len(row) == 1
        assert where.mirrored[row[0]] == mirrored
        assert where.scale[row[0]] == pytest.approx([0.8, 0.8], abs=0.06)
        assert where.shift[row[0]] == pytest.approx([-0.2, -0.2], abs=0.06)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs) == 62 * 6


def test_one_image_is_no_crop():
    assert find_crops(np.zeros((1, 32, 32), np.uint8))[0].shape == (0, 2)
