"""Promised: shares are about a minute of work, at most 64 batches and a quarter of a worker's part."""

import os

import numpy as np
from PIL import Image

from featx.extraction.shares import MOST_BYTES, ShareSizes, absolute, image_bytes
from featx.images.sources import as_sources


def test_a_share_is_a_minute_of_work_once_one_was_timed():
    sizes = ShareSizes(10_000_000, n_workers=4, batch_size=8)
    assert sizes.next() == 64
    sizes.note(64, seconds=16, n_bytes=0)
    assert sizes.next() == 240
    sizes.note(10_000, seconds=1, n_bytes=0)
    assert sizes.next() == 64 * 8


def test_every_worker_gets_four_shares_and_every_share_a_batch():
    sizes = ShareSizes(160, n_workers=4, batch_size=8)
    sizes.note(8, seconds=0.1, n_bytes=0)
    assert sizes.next() == 10
    sizes.note(8, seconds=9000, n_bytes=0)
    assert sizes.next() == 8


def test_rows_that_are_sent_home_are_bounded():
    sizes = ShareSizes(10_000_000, n_workers=4, batch_size=8)
    sizes.note(8, seconds=0.1, n_bytes=8 * MOST_BYTES // 100)
    assert sizes.next() == 100


def test_images_have_the_size_of_what_travels():
    pixels = np.zeros((20, 30, 3), np.uint8)
    images = as_sources([pixels, Image.fromarray(pixels), b"12345", "a/path", None])
    assert [image_bytes(image) for image in images] == [1800, 2400, 5, 6, 0]


def test_paths_are_made_absolute_and_urls_left_alone():
    images = as_sources(["a.png", "https://host/a.png", b"no\0image"], names=["x", "y", "z"])
    assert absolute(images[0]).content == os.path.abspath("a.png")
    assert absolute(images[0]).name == "x"
    assert [absolute(image).content for image in images[1:]] == ["https://host/a.png", b"no\0image"]
