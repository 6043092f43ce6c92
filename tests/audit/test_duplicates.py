"""Promised: the same picture is found re-encoded, resized, cropped, mirrored and brighter; others are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from sklearn.datasets import load_sample_images

from featx import as_sources
from featx.audit.duplicates import DuplicatePair, duplicate_groups, find_duplicates
from featx.audit.pictures import read_pictures


def coded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tiles():
    """Thirty different squares of two photographs."""
    photos = [Image.fromarray(image) for image in load_sample_images().images]
    return [photo.crop((x, y, x + 96, y + 96)) for photo in photos for x in range(0, 500, 100) for y in (110, 210, 310)]


def found_in(images, **options):
    sources = as_sources([coded(image) if isinstance(image, Image.Image) else image for image in images])
    pictures = read_pictures(sources)
    # What a network does with small copies is no matter here.
    embeddings = pictures.thumbnails.reshape(len(images), -1).astype(np.float32)
    return {(p.first, p.second): p.kind for p in find_duplicates(sources, pictures, embeddings, **options)}


def test_planted_leaks_are_found_and_nothing_else(tiles):
    planted = {
        "re-encoded": coded(tiles[0], "JPEG", quality=30),
        "crop": tiles[4].crop((10, 5, 86, 81)),
        "resized": tiles[8].resize((48, 48), Image.Resampling.LANCZOS),
        "mirrored": tiles[12].transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    brighter = ImageEnhance.Brightness(tiles[16]).enhance(1.3)
    expected = {(4 * number, 30 + number): kind for number, kind in enumerate(planted)}
    assert found_in([*tiles, *planted.values(), brighter]) == {**expected, (16, 34): "re-encoded"}


def test_exact_copies_are_pairs_with_the_first_and_are_not_compared(tiles):
    together = np.array([0, 1, 0, 0])
    assert found_in([tiles[0], tiles[1], tiles[0], tiles[0]], together=together) == {(0, 2): "copy", (0, 3): "copy"}


def test_images_of_one_colour_and_of_few_pixels_are_not_compared(tiles):
    plain = [Image.new("RGB", (40, 40), (grey,) * 3) for grey in (90, 91)]
    few = [tiles[0].resize((8, 8)), tiles[0].resize((9, 9))]
    assert found_in([*plain, *few]) == {}


def test_pairs_join_into_groups():
    pairs = [DuplicatePair(0, 2, "copy", 1.0), DuplicatePair(2, 4, "crop", 0.99)]
    groups = duplicate_groups(pairs, 5)
    assert groups[0] == groups[2] == groups[4]
    assert len(set(groups.tolist())) == 3
