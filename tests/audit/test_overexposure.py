"""Promised: what was cut off at white is found to be like its original, when that is cut off as well."""

import numpy as np
from scipy.ndimage import gaussian_filter

from featx import as_sources
from featx.audit.duplicates import find_duplicates
from featx.audit.likeness import Likeness
from featx.audit.overexposure import cut_off, overexposed, white_shares
from featx.audit.pictures import read_pictures

IMAGES = 120


def test_the_brightest_share_is_cut_off_where_it_begins():
    copies = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert cut_off(copies, 0.25)[0].ravel().tolist() == [*range(12), 11, 11, 11, 11]
    assert (cut_off(copies, 0.0) == copies).all()
    assert (cut_off(copies, 1.0) == 0).all()
    both = cut_off(np.repeat(copies, 2, axis=0), np.array([0.0, 0.5]))
    assert [both[0].max(), both[1].max()] == [15, 7]


def test_an_image_is_overexposed_by_much_more_white_but_not_if_it_is_all_white():
    shares = white_shares(np.stack([np.full((4, 4), 252), np.full((4, 4), 251)]).astype(np.uint8))
    assert shares.tolist() == [1.0, 0.0]
    assert overexposed(np.array([0.3, 0.3, 0.95]), np.array([0.25, 0.1, 0.0])).tolist() == [False, True, False]


def bright(amplitude, size, gain):
    """Return images with the same dark bars, of varying strength, and the first with its brightness changed."""
    rng, side = np.random.default_rng(0), 128
    bars = -40 * (np.sin(np.linspace(0, 8 * np.pi, side)) > 0.8)[None, :, None] * rng.uniform(0.8, 1.2, (IMAGES, 1, 1))
    corners = -30 * (np.hypot(*np.meshgrid(*[np.linspace(-1, 1, side)] * 2)) > 1.1)
    spots = gaussian_filter(rng.standard_normal((IMAGES, side, side)), (0, size, size))
    noise = 6 * rng.standard_normal(spots.shape)
    images = np.clip(205 + bars + corners + amplitude * spots / spots.std() + noise, 0, 255).astype(np.uint8)
    return [*images, np.clip(images[0] * gain, 0, 255).astype(np.uint8)]


def test_an_overexposed_copy_is_as_like_as_its_white_allows():
    copies = read_pictures(as_sources(bright(10, 6, 1.35))).thumbnails
    likeness, side = Likeness(copies), np.full(1, 32)
    assert white_shares(copies)[-1] > 0.6
    # By gain and offset alone they reach 0.982.
    assert likeness.compare(copies[:1], copies[-1:], (side, side))[0] > 0.985
    assert likeness.compare(copies[-1:], copies[:1], (side, side))[0] > 0.985
    assert likeness.compare(copies[1:2], copies[-1:], (side, side))[0] < 0.5


def test_an_overexposed_copy_is_found_though_others_are_nearer_to_it():
    images = bright(10, 10, 1.5)
    sources = as_sources(images)
    pictures = read_pictures(sources)
    # No help from the network.
    embeddings = np.random.default_rng(1).standard_normal((len(images), 8)).astype(np.float32)
    found = [(p.first, p.second) for p in find_duplicates(sources, pictures, embeddings)]
    assert found == [(0, IMAGES)]
