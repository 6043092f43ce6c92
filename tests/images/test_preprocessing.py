"""Promised: the pixels a network sees are those of its weights' own preset, for any image and any size."""

import dataclasses
import time
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from featx import CNNFeatureTransformer
from featx.exceptions import ParameterError
from featx.extraction.forward import _decoded_batches
from featx.extraction.forward_task import ForwardTask
from featx.images.augmentation import PRESETS as AUGMENTATIONS
from featx.images.augmentation import Augmentation
from featx.images.preprocessing import IMAGENET, Preprocessing
from featx.images.sources import as_sources, read_image
from featx.networks.resolve import resolve_backbone

PRESETS = {
    "bilinear": models.ResNet50_Weights.IMAGENET1K_V2,
    "bicubic": models.EfficientNet_B0_Weights.IMAGENET1K_V1,
    "no margin": models.Swin_V2_T_Weights.IMAGENET1K_V1,
    "larger": models.EfficientNet_V2_S_Weights.IMAGENET1K_V1,
}
# One step of 8 bits, normalised.
LEVEL = 1 / 255 / 0.224


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_photographs_become_what_torchvisions_preset_makes_of_them(preset, photos):
    preset = preset.transforms()
    own = Preprocessing.from_preset(preset)
    for path in photos.values():
        with Image.open(path) as image:
            expected = preset(image.convert("RGB"))
        got = own.normalise(own.apply(read_image(path))[None])[0]
        assert got.shape == expected.shape
        assert torch.cosine_similarity(got.flatten(), expected.flatten(), dim=0) > 0.9995
        assert (got - expected).abs().max() <= 3 * LEVEL


@pytest.mark.parametrize("shape", [(5, 9), (224, 224), (300, 200), (37, 1000), (1, 1)])
@pytest.mark.parametrize("mode", ["crop", "squash"])
def test_any_image_fills_the_square(shape, mode):
    pixels = IMAGENET.adapted(96, mode).apply(np.full((*shape, 3), 200, np.uint8))
    assert pixels.shape == (3, 96, 96)
    assert pixels.dtype == torch.uint8
    assert (pixels == 200).all()


@pytest.mark.parametrize("shape", [(1, 10_000), (10_000, 1)])
@pytest.mark.parametrize("mode", ["crop", "squash"])
def test_extreme_strips_are_quick(shape, mode):
    strip = np.zeros((*shape, 3), np.uint8)
    own = IMAGENET.adapted(None, mode)
    own.apply(strip)
    # Of the processor's time, which does not depend on who else is using the machine.
    start = time.process_time()
    assert own.apply(strip).shape == (3, 224, 224)
    assert time.process_time() - start < 1


def test_cutting_a_strip_keeps_what_the_central_crop_sees():
    row = np.random.default_rng(0).integers(0, 256, (20, 400, 3), dtype=np.uint8)
    own = IMAGENET.adapted(64, "crop")
    seen = dataclasses.replace(own).apply(np.ascontiguousarray(row[:, 120:280]))
    assert torch.equal(own.apply(row), seen)


def test_crop_cuts_the_edges_and_squash_keeps_them():
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, :80] = picture[:, -80:] = 255
    assert IMAGENET.apply(picture).max() == 0
    squashed = IMAGENET.adapted(None, "squash").apply(picture)
    assert (squashed[:, :, [0, -1]] == 255).all()
    assert (squashed[:, :, 112] == 0).all()


def test_the_input_is_neither_changed_nor_needed_writable():
    picture = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    before = picture.copy()
    picture.flags.writeable = False
    IMAGENET.apply(picture)
    IMAGENET.apply(picture[::-1, ::2])
    assert np.array_equal(picture, before)


def test_normalisation_matches_its_formula():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET.mean, IMAGENET.std))
    torch.testing.assert_close(IMAGENET.normalise(pixels), (pixels / 255 - mean) / std, rtol=1e-5, atol=1e-5)


def test_another_size_keeps_the_margin():
    assert IMAGENET.adapted(112, "crop") == dataclasses.replace(IMAGENET, crop=112, resize=128)
    assert IMAGENET.adapted(np.int64(448), "crop").resize == 512
    assert IMAGENET.adapted(None, "crop") == IMAGENET.adapted(224, "crop") == IMAGENET
    assert IMAGENET.adapted(None, "squash").mode == "squash"


@pytest.mark.parametrize("size", [0, -5, 2.5, "224", (224, 224), True])
def test_bad_sizes_are_refused(size):
    with pytest.raises(ParameterError, match=r"image_size=.*expected a positive integer"):
        IMAGENET.adapted(size, "crop")


def test_unknown_modes_name_the_known():
    with pytest.raises(ParameterError, match="resize='pad'; expected one of crop, squash"):
        IMAGENET.adapted(None, "pad")


def test_the_text_changes_with_every_field():
    changes = {
        "crop": 225,
        "resize": 257,
        "interpolation": "bicubic",
        "mean": (0.4851, 0.456, 0.406),
        "std": (0.229, 0.224, 0.2251),
        "mode": "squash",
    }
    draws = {"augmentation", "seed", "draw"}
    assert changes.keys() | draws == {field.name for field in dataclasses.fields(IMAGENET)}
    texts = {dataclasses.replace(IMAGENET, **{name: value}).text for name, value in changes.items()}
    assert len(texts | {IMAGENET.text}) == len(changes) + 1


def test_the_text_of_squash_ignores_the_margin_that_it_does_not_use():
    squash = IMAGENET.adapted(None, "squash")
    assert dataclasses.replace(squash, resize=300).text == squash.text


@pytest.mark.parametrize("name", [name for name, augmentation in AUGMENTATIONS.items() if augmentation])
@pytest.mark.parametrize("mode", ["crop", "squash"])
@pytest.mark.parametrize("shape", [(50, 60), (1, 1), (10, 200)])
def test_draws_fill_the_square_and_differ(name, mode, shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    plain = IMAGENET.adapted(64, mode)
    draws = [plain.with_draw(AUGMENTATIONS[name], seed=3, draw=draw).apply(picture, key=b"k") for draw in range(12)]
    assert {(draw.shape, draw.dtype) for draw in draws} == {((3, 64, 64), torch.uint8)}
    assert torch.equal(draws[0], plain.apply(picture))
    assert shape == (1, 1) or not all(torch.equal(draw, draws[0]) for draw in draws)


def test_a_draw_is_one_of_the_images_content_and_seed():
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    augmented = IMAGENET.adapted(32, "crop").with_draw(AUGMENTATIONS["light"], seed=0, draw=1)
    first = augmented.apply(picture, key=b"a")
    assert torch.equal(first, augmented.apply(picture, key=b"a"))
    for other, key in (
        (augmented, b"b"),
        (dataclasses.replace(augmented, seed=1), b"a"),
        (dataclasses.replace(augmented, draw=2), b"a"),
        (dataclasses.replace(augmented, seed=10, draw=11), b"a"),
        (dataclasses.replace(augmented, seed=101, draw=1), b"a"),
    ):
        assert not torch.equal(first, other.apply(picture, key=key))


def test_draw_zero_and_no_augmentation_are_the_plain_preprocessing():
    light = AUGMENTATIONS["light"]
    assert IMAGENET.with_draw(light, seed=5, draw=0) == IMAGENET
    assert IMAGENET.with_draw(None, seed=5, draw=2) == IMAGENET
    augmented = IMAGENET.with_draw(light, seed=5, draw=2)
    assert augmented.with_draw(light, seed=5, draw=0) == IMAGENET
    assert hash(augmented) != hash(IMAGENET)
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    by_hand = dataclasses.replace(augmented, draw=0)
    assert torch.equal(by_hand.apply(picture, key=b"a"), IMAGENET.apply(picture))
    assert by_hand.text == IMAGENET.text


def test_the_text_of_plain_preprocessing_is_that_of_existing_caches():
    assert IMAGENET.text == (
        "mode=crop;resize=256;crop=224;bilinear;antialias;mean=0.485,0.456,0.406;std=0.229,0.224,0.225"
    )


def test_the_text_of_a_draw_names_what_it_depends_on():
    draw = IMAGENET.with_draw(Augmentation(rotation=5), seed=7, draw=3)
    assert draw.text == f"{IMAGENET.text};augment=rotation=5;seed=7;view=3"
    texts = {IMAGENET.with_draw(a, seed=s, draw=v).text for a in AUGMENTATIONS.values() for s in (0, 1) for v in (1, 2)}
    assert len(texts) == 1 + (len(AUGMENTATIONS) - 1) * 4


def test_the_margin_is_seen_by_shifts():
    # What lies outside the central crop moves into it; nothing is repeated as long as the margin lasts.
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:, :16] = picture[:, -16:] = 255
    assert IMAGENET.apply(picture).max() == 0
    draws = [IMAGENET.with_draw(Augmentation(shift=0.05), seed=0, draw=draw).apply(picture) for draw in range(1, 9)]
    assert any((draw[:, :, 0] == 255).all() or (draw[:, :, -1] == 255).all() for draw in draws)


def test_extraction_knows_draws_by_content_not_by_name_or_order():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
    source = resolve_backbone("squeezenet1_1", weights=None, image_size=32)
    preprocessing = source.preprocessing.with_draw(AUGMENTATIONS["light"], seed=0, draw=1)
    source = dataclasses.replace(source, preprocessing=preprocessing)
    task = ForwardTask(source=source, views=(("features", "avg"),), precision="float32", device="cpu", threads=3)

    def decoded(order, names):
        images = as_sources(pictures[order], names=names)
        batches = _decoded_batches(task, images, [b""] * len(images), 2, Counter(), lambda: True, None)
        return {image.digest: image.pixels for batch in batches for image in batch}

    first, second = decoded([0, 1, 2], ["a", "b", "c"]), decoded([2, 0, 1], ["x", "y", "z"])
    assert first.keys() == second.keys()
    assert len(first) == 3
    for image in as_sources(pictures):
        digest, pixels = image.load()
        assert torch.equal(first[digest], second[digest])
        assert torch.equal(first[digest], preprocessing.apply(pixels, key=digest))
        assert not torch.equal(first[digest], preprocessing.apply(pixels))


def test_a_side_that_no_memory_holds_is_refused(tiny):
    with pytest.raises(ParameterError, match=r"got image_size=10000000; expected at most 9459 \(pixels\)"):
        CNNFeatureTransformer(**{**tiny, "image_size": 10**7}).fit(np.zeros((2, 8, 8)))
