"""Promised: a crop is found where it was cut, also mirrored, and other pictures are not alike."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from featx.audit.alignment import compare_aligned, find_placement, place_by_size

PHOTO, OTHER = (Image.fromarray(image).resize((320, 320)) for image in load_sample_images().images)
CROP = PHOTO.crop((48, 16, 304, 272))


def small(*images, mode="L"):
    return np.stack([np.asarray(image.convert(mode).resize((32, 32))) for image in images])


def test_a_crop_is_found_where_it_was_cut():
    where = find_placement(small(PHOTO, CROP, PHOTO), small(CROP, PHOTO, OTHER))
    assert where.swapped.tolist()[:2] == [False, True]
    assert where.scale[:2] == pytest.approx(0.8, abs=0.07)
    assert where.shift[:2] == pytest.approx(np.array([[-0.1, 0.1]] * 2), abs=0.07)
    assert (where.score[:2] > 0.9).all()
    assert where.score[2] < 0.6


def test_no_pairs_have_no_placements():
    none = np.zeros((0, 32, 32), np.uint8)
    assert len(find_placement(none, none).score) == 0


def test_a_mirror_image_is_recognised():
    where = find_placement(small(PHOTO), small(PHOTO.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    assert where.mirrored.all()
    assert where.score[0] == pytest.approx(1, abs=1e-3)


def test_the_sizes_of_a_crop_tell_its_scale():
    pair = small(PHOTO), small(CROP)
    where = place_by_size(*pair, (np.array([[320, 320]]), np.array([[256, 256]])), find_placement(*pair))
    assert where.scale.tolist() == [[0.8, 0.8]]
    assert where.shift[0] == pytest.approx([-0.1, 0.1], abs=0.03)


def test_a_refined_placement_compares_detail_whatever_the_brightness():
    pairs = small(PHOTO, PHOTO), small(CROP, OTHER)
    sizes = np.full((2, 2), 320), np.array([[256, 256], [320, 320]])
    where = place_by_size(*pairs, sizes, find_placement(*pairs))
    colour = [small(*images, mode="RGB").transpose(0, 3, 1, 2).astype(np.float32)
              for images in ((PHOTO, PHOTO), (CROP, OTHER))]  # fmt: skip
    found, detail = compare_aligned(colour[0], np.clip(1.4 * colour[1], 0, 255), where)
    assert found.scale[0] == pytest.approx(0.8, abs=0.02)
    assert found.score[0] > 0.98
    assert detail[0] > 0.7 > 0.4 > detail[1]
