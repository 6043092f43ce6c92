"""Promised: the sheet shows what a training sees: the very draws of its augmentation, of several classes."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from featx.datasets.dataset import ImageDataset
from featx.html_report.augmented_views import MOST_DRAWS, MOST_IMAGES, draw_views
from featx.html_report.reported_images import ReportedImages
from featx.images.augmentation import PRESETS
from featx.images.preprocessing import IMAGENET
from featx.images.sources import as_sources

SMALL = IMAGENET.adapted(32, "crop")


def images_of(contents, labels):
    names = [f"photo {k}" for k in range(len(contents))]
    dataset = ImageDataset(contents, names, labels=np.array(labels))
    return ReportedImages(dataset, as_sources(contents, names=names), labels, ["images"] * len(labels))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return images_of(list(rng.integers(0, 255, (40, 40, 30, 3), dtype=np.uint8)), ["a"] * 37 + ["b", "c", "c"])


def pixels_of(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def test_a_draw_is_that_of_the_training(images):
    found = draw_views(images, np.arange(40), SMALL, PRESETS["crops"], seed=3, draws=2)
    assert found.columns == ["as it is", "draw 1", "draw 2"]
    assert "2 of their random draws: crop_scale=0.5:1, horizontal_flip=1" in found.text
    first = next(row for row in found.rows if row["label"] == "b")
    digest, pixels = images.sources[37].load()
    for draw, key in enumerate(first["keys"]):
        seen = SMALL.with_draw(PRESETS["crops"], seed=3, draw=draw).apply(pixels, key=digest)
        np.testing.assert_array_equal(pixels_of(found.pictures[key]), seen.permute(1, 2, 0).numpy())


def test_classes_take_turns_and_what_cannot_be_read_is_left_out(images):
    found = draw_views(images, np.arange(40), SMALL, PRESETS["flips"], seed=0, draws=99)
    assert {row["label"] for row in found.rows} == {"a", "b", "c"}
    assert len(found.rows) == MOST_IMAGES
    assert {len(row["keys"]) for row in found.rows} == {1 + MOST_DRAWS}
    assert len(found.pictures) == MOST_IMAGES * (1 + MOST_DRAWS)
    broken = images_of([b"no image", *images.dataset.images[:2]], ["a", "a", "b"])
    assert len(draw_views(broken, np.arange(3), SMALL, None, seed=0, draws=4).rows) == 2
    away = images_of(["https://example.org/a.png"], ["a"])
    assert draw_views(away, np.arange(1), SMALL, None, seed=0, draws=4) is None


def test_without_augmentation_the_network_sees_each_image_once(images):
    found = draw_views(images, np.arange(40), SMALL, None, seed=0, draws=4)
    assert found.columns == ["as it is"]
    assert "does not augment" in found.text
    assert draw_views(ReportedImages(None, [], ["a"], ["x"]), np.arange(1), SMALL, None, seed=0, draws=4) is None
