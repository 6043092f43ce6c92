"""Promised: every container gives the same pixels in every mode, and a damaged file is refused or complete."""

import contextlib

import numpy as np
import pytest
from encoded_images import (
    CONTAINERS,
    FORMS,
    RGB,
    encoded,
    form,
    odd,
    of_mode,
    write,
)

from featx.exceptions import ImageDecodeError
from featx.images.sources import read_image

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize(("suffix", "mode"), FORMS)
def test_every_container_gives_the_same_picture_in_every_mode(tmp_path, suffix, mode):
    pixels = read_image(write(tmp_path, f"a.{suffix}", form(suffix, mode))).astype(int)
    difference = np.abs(pixels - of_mode(mode)[1])
    tolerance = CONTAINERS[suffix][3]
    assert difference.mean() <= tolerance
    assert difference.max() <= 2 or tolerance > 1


def test_hostile_metadata_further_pages_and_wrong_names_cost_no_image(tmp_path):
    for name, data in odd().items():
        difference = np.abs(read_image(write(tmp_path, name, data)).astype(int) - RGB).mean()
        assert difference < (8 if "gif" in name else 3 if "jpeg" in name else 0.01), name


@pytest.mark.parametrize("suffix", [*CONTAINERS, "pages.tiff", "frames.gif", "frames.webp"])
def test_a_truncated_file_is_refused_or_complete(tmp_path, suffix):
    for data in [data for name, data in encoded().items() if name.partition(".")[2] == suffix or name == suffix]:
        refused_or_complete(tmp_path, data)


def refused_or_complete(tmp_path, data):
    whole = read_image(write(tmp_path, "whole", data))
    for length in np.linspace(0, len(data) - 1, 20).astype(int):
        path = write(tmp_path, "part", data[:length])
        with contextlib.suppress(ImageDecodeError):
            assert np.array_equal(read_image(path), whole), length
