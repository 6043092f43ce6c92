"""Promised: parts are means of the pixels that they cover, and only images finer than the other are blurred."""

import numpy as np
import pytest

from featx.audit.resampling import at_resolution, means, reduced


def test_means_cover_a_part_of_the_pixels():
    assert means(4, 0, 4, 2).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    assert means(4, 0.5, 3.5, 1)[0] == pytest.approx([1 / 6, 1 / 3, 1 / 3, 1 / 6])
    image = np.arange(16).reshape(1, 4, 4)
    assert reduced(image, 2)[0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_only_the_finer_image_loses_detail():
    images = np.random.default_rng(0).random((4, 8, 8), dtype=np.float32)
    found = at_resolution(images, np.array([8, 8, 4, 3]), np.array([4, 8, 8, 4]))
    assert (found[1:] == images[1:]).all()
    assert np.abs(found[0] - images[0]).max() > 0.1
    assert found[0].mean() == pytest.approx(images[0].mean(), abs=0.03)
