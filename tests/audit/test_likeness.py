"""Promised: what all images share does not make them alike; less resolution and clipped brightness do not part them."""

import numpy as np
from scipy.ndimage import gaussian_filter

from featx.audit.likeness import SIDE, Likeness
from featx.audit.resampling import at_resolution


def copies(n=300, strengths=(30, 90)):
    """Random smooth pictures, each with the same bars, of varying strength."""
    rng = np.random.default_rng(0)
    bars = rng.choice(strengths, (n, 1, 1)) * np.sin(np.arange(SIDE) / 2)[:, None]
    smooth = gaussian_filter(rng.standard_normal((n, SIDE, SIDE)), (0, 2, 2))
    return np.clip(128 + bars + 60 * smooth, 0, 255).astype(np.uint8)


def test_shared_bars_do_not_make_images_alike():
    images = copies()
    plain = np.corrcoef(images.reshape(len(images), -1).astype(float))
    rows = Likeness(images).rows(images)
    others = ~np.eye(len(images), dtype=bool)
    assert np.abs((rows @ rows.T)[others]).mean() < 0.2 < 0.5 < plain[others].mean()


def test_what_varies_most_weighs_no_more_than_the_rest():
    # Bars or their negative: half of all images have the same ones, which no mean takes away.
    images = copies(strengths=(-90, -30, 30, 90))
    plain = np.corrcoef(images.reshape(len(images), -1).astype(float))
    rows = Likeness(images).rows(images)
    others = ~np.eye(len(images), dtype=bool)
    assert np.abs((rows @ rows.T)[others]).mean() < 0.2 < 0.5 < np.abs(plain[others]).mean()


def test_the_coarser_resolution_and_the_brighter_image_are_compared():
    images = copies().astype(np.float32)
    likeness, ones = Likeness(images), np.ones(len(images), int)
    coarse = at_resolution(images, SIDE * ones, 8 * ones)
    bright = np.clip(1.6 * images, 0, 255)
    assert likeness.compare(images, coarse, (SIDE * ones, 8 * ones)).min() > 0.99
    assert likeness.compare(images, coarse, (SIDE * ones, SIDE * ones)).mean() < 0.9
    assert likeness.compare(images, bright, (SIDE * ones, SIDE * ones)).min() > 0.98
    assert likeness.compare(bright, images, (SIDE * ones, SIDE * ones)).min() > 0.98


def test_a_few_images_are_compared_without_components():
    likeness = Likeness(copies(20))
    assert not likeness.whitened
    assert likeness.rows(copies(20)).shape == (20, SIDE * SIDE)
