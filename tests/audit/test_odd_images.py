"""Promised: exceptions are named with the figure, and what all images share is not an exception."""

import numpy as np

from featx import as_sources
from featx.audit.odd_images import find_odd_images
from featx.audit.pictures import read_pictures

RNG = np.random.default_rng(0)
PLAIN = [RNG.integers(60, 200, (30 + i % 3, 40, 3), dtype=np.uint8) for i in range(40)]


def found_in(images, embeddings=None):
    pictures = read_pictures(as_sources(images))
    rows = np.setdiff1d(np.arange(len(images)), list(pictures.unreadable))
    embeddings = RNG.standard_normal((len(rows), 8)) + 4 if embeddings is None else embeddings
    odd = find_odd_images(pictures, np.zeros(len(images), int), ["a"], rows, embeddings)
    return {(one.row, one.kind) for one in odd if one.kind != "outlier" or one.row == 0}


def test_nothing_is_odd_among_equals():
    assert found_in(PLAIN) - {(0, "outlier")} == set()


def test_each_kind():
    odd = [
        np.full((30, 40, 3), 90, np.uint8),
        RNG.integers(60, 200, (10, 12, 3), dtype=np.uint8),
        RNG.integers(0, 19, (30, 40, 3), dtype=np.uint8),
        RNG.integers(241, 255, (30, 40, 3), dtype=np.uint8),
        RNG.integers(60, 200, (30, 160, 3), dtype=np.uint8),
        RNG.integers(60, 200, (30, 40), dtype=np.uint8),
        None,
    ]
    kinds = [(40, "blank"), (41, "tiny"), (42, "dark"), (43, "bright"), (44, "shape"), (45, "colour mode"),
             (46, "unreadable")]  # fmt: skip
    assert found_in([*PLAIN * 2, *odd]) >= {(row + 40, kind) for row, kind in kinds}


def test_dark_images_are_no_exception_where_all_are_dark():
    assert not any(kind == "dark" for _, kind in found_in([image // 30 for image in PLAIN]))


def test_an_image_far_from_its_class_is_an_outlier():
    embeddings = np.ones((40, 8)) + 0.05 * RNG.standard_normal((40, 8))
    embeddings[0] *= -1
    assert (0, "outlier") in found_in(PLAIN, embeddings)
