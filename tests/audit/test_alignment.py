"""Promised: steps lead to where a crop was cut, and other pictures are not alike there."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from featx.audit.alignment import Placement, compare_aligned, refine, warped

PHOTO, OTHER = (Image.fromarray(image).resize((320, 320)) for image in load_sample_images().images)
CROP = PHOTO.crop((48, 16, 304, 272))
# The crop is 0.8 of the side, its centre 0.1 left of and 0.1 above that of the photograph: -1 to 1 is a side.
SCALE, SHIFT = [0.8, 0.8], [-0.1, 0.1]
NEAR = Placement(np.zeros(1, bool), np.array([[0.84, 0.77]]), np.array([[-0.07, 0.13]]))


def small(*images, mode="L"):
    return np.stack([np.asarray(image.convert(mode).resize((32, 32))) for image in images])


def test_steps_lead_to_where_a_crop_was_cut():
    for found in refine(small(PHOTO), small(CROP), NEAR):
        assert found.scale[0] == pytest.approx(SCALE, abs=0.02)
        assert found.shift[0] == pytest.approx(SHIFT, abs=0.02)


def test_a_part_is_sampled_where_it_lies():
    part = warped(small(PHOTO)[:, None].astype(np.float32), np.array([SCALE]), np.array([SHIFT]))[0, 0]
    assert np.corrcoef(part.ravel(), small(CROP)[0].ravel())[0, 1] > 0.95


def test_detail_is_compared_whatever_the_brightness():
    where = Placement.joined(NEAR, NEAR)
    large, part = (small(*images, mode="RGB").transpose(0, 3, 1, 2).astype(np.float32)
                   for images in ((PHOTO, PHOTO), (CROP, OTHER)))  # fmt: skip
    alike, detail = compare_aligned(large, np.clip(1.4 * part, 0, 255), where)
    assert alike[0] > 0.98
    assert detail[0] > 0.7 > 0.4 > detail[1]
