"""Promised: a seed changes an image in one way, in any thread; each change does what it says and nothing else."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from featx.exceptions import ParameterError
from featx.images import augmentation as module
from featx.images.augmentation import PRESETS, Augmentation, resolve_augmentation
from featx.images.transforms import OPERATIONS, adjust_contrast
from tensors import noise, smooth

EVERYTHING = Augmentation(
    rotation=10,
    quarter_turns=True,
    shift=0.1,
    crop_scale=(0.5, 1.0),
    horizontal_flip=True,
    vertical_flip=True,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue=0.1,
    randaugment=2,
    magnitude=12,
)


PIECES = {
    "rotation": Augmentation(rotation=30),
    "quarter_turns": Augmentation(quarter_turns=True),
    "shift": Augmentation(shift=0.3),
    "crop_scale": Augmentation(crop_scale=(0.2, 0.8)),
    "flips": PRESETS["flips"],
    "colours": Augmentation(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.2),
    "randaugment": Augmentation(randaugment=3, magnitude=15),
    "everything": EVERYTHING,
}
SHAPES = [(32, 32), (24, 40), (40, 24), (8, 64), (1, 1), (1, 9), (9, 1), (2, 2)]


def many(augmentation, image, *, seeds=200, size=32):
    return [augmentation.apply(image, seed=seed, size=size) for seed in range(seeds)]


@pytest.mark.parametrize("augmentation", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_image_keeps_its_type_and_shape(augmentation, shape):
    image = noise(*shape)
    before = image.clone()
    for seed in range(20):
        result = augmentation.apply(image, seed=seed, size=16)
        assert result.dtype == torch.uint8
        assert result.shape == ((3, 16, 16) if augmentation.crop_scale else (3, *shape))
        assert result.is_contiguous()
    assert torch.equal(image, before)


@pytest.mark.parametrize("augmentation", PIECES.values(), ids=PIECES)
def test_other_memory_layouts_give_the_same(augmentation):
    image = noise(20, 30)
    strided = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert not strided.is_contiguous()
    for seed in range(10):
        got = augmentation.apply(strided, seed=seed, size=16)
        assert got.is_contiguous()
        assert torch.equal(got, augmentation.apply(image, seed=seed, size=16))


@pytest.mark.parametrize("augmentation", PIECES.values(), ids=PIECES)
def test_one_colour_stays_one_colour(augmentation):
    # Neither black corners nor anything else comes in from outside.
    for result in many(augmentation, torch.full((3, 20, 28), 90, dtype=torch.uint8), seeds=40):
        assert (result == result[:, :1, :1]).all()


def test_a_seed_gives_the_same_bytes_from_any_thread():
    image = noise(64, 80)
    expected = many(EVERYTHING, image, seeds=40)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda seed: EVERYTHING.apply(image, seed=seed, size=32), [*range(40)] * 3))
    assert all(torch.equal(a, b) for a, b in zip(got, expected * 3, strict=True))
    assert len({result.numpy().tobytes() for result in expected}) == 40


def test_the_number_of_threads_of_torch_changes_nothing():
    # Large and bright: here the float32 mean of torchvision's adjust_contrast depends on the threads.
    image = noise(512, 512) // 2 + 128
    augmentation = dataclasses.replace(EVERYTHING, crop_scale=None)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 4):
            torch.set_num_threads(count)
            results.append(many(augmentation, image, seeds=6))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_global_generators_are_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = EVERYTHING.apply(noise(20, 20), seed=3, size=16)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    torch.rand(5)
    assert torch.equal(EVERYTHING.apply(noise(20, 20), seed=3, size=16), first)


def test_long_seeds_are_taken():
    assert EVERYTHING.apply(noise(20, 20), seed=2**256 - 1, size=16).shape == (3, 16, 16)


def test_flips_are_exact_and_come_half_of_the_time():
    image = noise(6, 9)
    for name, axis in (("horizontal_flip", 2), ("vertical_flip", 1)):
        results = many(Augmentation(**{name: True}), image, seeds=400)
        flipped = [torch.equal(result, image.flip(axis)) for result in results]
        assert all(torch.equal(r, image) for r, f in zip(results, flipped, strict=True) if not f)
        assert 160 < sum(flipped) < 240


def symmetries(image):
    turns = [image.rot90(k, (1, 2)) for k in range(4)]
    return [r.numpy().tobytes() for turn in turns for r in (turn, turn.flip(2)) if r.shape == image.shape]


def test_dihedral_is_the_eight_symmetries_of_the_square_equally_often():
    image = noise(7, 7)
    results = [result.numpy().tobytes() for result in many(PRESETS["dihedral"], image, seeds=800)]
    assert set(results) == set(symmetries(image))
    assert len(set(results)) == 8
    assert all(60 < results.count(one) < 140 for one in set(results))


def test_an_image_that_is_not_square_is_turned_by_halves():
    image = noise(6, 9)
    results = [result.numpy().tobytes() for result in many(PRESETS["dihedral"], image)]
    assert set(results) == set(symmetries(image))
    assert len(set(results)) == 4
    turned = {result.numpy().tobytes() for result in many(Augmentation(quarter_turns=True), image)}
    assert turned == {image.numpy().tobytes(), image.rot90(2, (1, 2)).numpy().tobytes()}


def test_angles_and_shifts_are_uniform_in_their_ranges(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "rotate", lambda image, **moves: calls.append(moves) or image)
    many(Augmentation(rotation=20, shift=0.25), noise(16, 40), seeds=2000)
    for name, reach in (("angle", 20), ("right", 4), ("down", 4)):
        drawn = np.array([call[name] for call in calls])
        assert abs(drawn).max() <= reach
        counts = np.histogram(drawn, bins=4, range=(-reach, reach))[0]
        assert counts.min() > 400, name
    assert abs(np.corrcoef([[c[n] for c in calls] for n in ("angle", "right", "down")]) - np.eye(3)).max() < 0.1


def test_shifts_of_long_images_are_fractions_of_the_shorter_side():
    image = smooth(20, 160)
    for result in many(Augmentation(shift=0.1), image, seeds=50):
        assert abs(result[0].int() - image[0].int()).max() <= 2 * 200 / 160 + 1
        assert abs(result[1].int() - image[1].int()).max() <= 2 * 200 / 19 + 1


@pytest.mark.parametrize("shape", [(100, 100), (90, 140), (140, 90)])
def test_crops_have_the_area_and_aspect_that_are_asked_for(shape):
    boxes = [module._random_box(*shape, (0.2, 0.6), np.random.default_rng(seed)) for seed in range(1000)]
    top, left, height, width = np.array(boxes).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= shape[0]).all()
    assert (left + width <= shape[1]).all()
    area, aspect = height * width / np.prod(shape), width / height
    assert 0.195 < area.min() < 0.22
    assert 0.58 < area.max() < 0.605
    assert 0.74 < aspect.min() < 0.78
    assert 1.28 < aspect.max() < 1.35
    assert abs(np.log(aspect).mean()) < 0.05
    assert top.min() == left.min() == 0
    assert (top + height).max() == shape[0]


def test_long_images_are_cropped_in_the_middle():
    assert module._random_box(30, 300, (0.9, 1.0), np.random.default_rng(0)) == (0, 130, 30, 40)
    assert module._random_box(300, 30, (0.9, 1.0), np.random.default_rng(0)) == (130, 0, 40, 30)


def test_a_crop_is_resized_as_torchvision_does():
    image = noise(50, 70)
    augmentation = Augmentation(crop_scale=(0.3, 0.9))
    for seed in range(10):
        box = module._random_box(50, 70, (0.3, 0.9), np.random.default_rng(seed))
        expected = F.resized_crop(image, *box, [24, 24], antialias=True)
        assert torch.equal(augmentation.apply(image, seed=seed, size=24), expected)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_colours_change_by_factors_in_the_range_of_color_jitter(name):
    image = noise(16, 16)
    adjust = getattr(F, f"adjust_{name}")
    changed = [result.int() for result in many(Augmentation(**{name: 0.3}), image)]
    ends = [adjust(image, 0.7).int(), adjust(image, 1.3).int()]
    low, high = torch.minimum(*ends) - 1, torch.maximum(*ends) + 1
    assert all(((low <= result) & (result <= high)).all() for result in changed)
    means = {round(float((result - 128).abs().float().mean()), 2) for result in changed}
    assert len(means) > 50


def test_brightness_is_uniform_and_never_negative():
    image = torch.full((3, 1, 1), 100, dtype=torch.uint8)
    values = np.array([int(result[0, 0, 0]) for result in many(Augmentation(brightness=0.5), image, seeds=1000)])
    assert values.min() >= 50
    assert values.max() <= 150
    assert np.histogram(values, bins=4, range=(50, 150))[0].min() > 200
    values = [int(result[0, 0, 0]) for result in many(Augmentation(brightness=1.5), image, seeds=300)]
    assert min(values) < 10
    assert max(values) > 235


def test_hue_turns_both_ways_and_keeps_greys():
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(3, 1, 1)
    results = torch.stack(many(Augmentation(hue=1 / 6), red)).flatten(1)
    assert (results[:, 0] >= 254).all()
    assert (results[:, 1] > 200).any()
    assert (results[:, 2] > 200).any()
    assert ((results[:, 1] == 0) | (results[:, 2] == 0)).all()
    grey = torch.full((3, 4, 4), 77, dtype=torch.uint8)
    assert all(torch.equal(result, grey) for result in many(Augmentation(hue=0.5), grey, seeds=20))


def test_colours_come_in_random_order():
    # Brightness first clips what contrast then sees; contrast first does not.
    augmentation = Augmentation(brightness=0.9, contrast=0.9)
    image, orders = smooth(12, 12), set()
    for seed in range(50):
        rng = np.random.default_rng(seed)
        order = tuple(rng.permutation(2))
        factors = [1 + 0.9 * share for share in rng.uniform(-1, 1, 2)]
        expected = image
        for number, factor in zip(order, factors, strict=True):
            expected = (F.adjust_brightness, adjust_contrast)[number](expected, factor)
        result = augmentation.apply(image, seed=seed, size=0)
        assert (result.int() - expected.int()).abs().max() <= 1
        orders.add(order)
    assert len(orders) == 2


def test_randaugment_draws_every_operation_and_both_signs(monkeypatch):
    calls = []

    def noted(image, operation, *, magnitude, sign):
        calls.append((operation, sign, magnitude))
        return image

    monkeypatch.setattr(module, "randaugment_operation", noted)
    many(Augmentation(randaugment=3, magnitude=7), noise(8, 8), seeds=700)
    assert len(calls) == 2100
    assert {magnitude for _, _, magnitude in calls} == {7}
    names = [name for name, _, _ in calls]
    assert all(100 < names.count(name) < 200 for name in OPERATIONS)
    assert 950 < sum(sign > 0 for _, sign, _ in calls) < 1150


def test_light_changes_little_and_never_mirrors():
    digit = torch.zeros(3, 64, 64, dtype=torch.uint8)
    digit[:, 10:54, 20:28] = 250
    digit[:, 46:54, 20:48] = 250
    light = PRESETS["light"]
    assert not any(getattr(light, name) for name in ("quarter_turns", "horizontal_flip", "vertical_flip", "hue"))
    others = [digit.flip(1), digit.flip(2), digit.rot90(1, (1, 2)), digit.rot90(2, (1, 2))]
    for result in many(light, digit, seeds=100):
        own = (result.int() - digit.int()).abs().float().mean()
        assert own > 0
        assert all(own < (result.int() - other.int()).abs().float().mean() for other in others)


def test_presets_resolve_to_themselves():
    for name, preset in PRESETS.items():
        assert resolve_augmentation(name) is preset
        assert resolve_augmentation(preset) == preset
    assert PRESETS["none"] is None
    assert PRESETS["keras"] == Augmentation(rotation=20, shift=0.2, horizontal_flip=True)
    assert list(PRESETS) == ["none", "light", "flips", "keras", "dihedral", "crops", "randaugment"]


def test_what_changes_nothing_is_none():
    assert resolve_augmentation(None) is None
    assert resolve_augmentation(Augmentation()) is None
    assert resolve_augmentation(Augmentation(magnitude=3)) is None
    assert torch.equal(Augmentation().apply(noise(5, 8), seed=0, size=3), noise(5, 8))


def test_the_text_changes_with_every_field_that_has_an_effect():
    changes = {
        field.name: (0.4, 0.9) if field.name == "crop_scale" else True if field.type == "bool" else 0.25
        for field in dataclasses.fields(Augmentation)
    }
    changes |= {"randaugment": 2, "magnitude": 4, "rotation": 12.0}
    base = Augmentation(rotation=3.0, randaugment=1)
    texts = [dataclasses.replace(base, **{name: value}).text for name, value in changes.items()]
    assert len({*texts, base.text}) == len(changes) + 1
    assert Augmentation(randaugment=1, magnitude=0).text == "randaugment=1,magnitude=0"
    assert Augmentation(rotation=0.1 + 0.2).text != Augmentation(rotation=0.3).text


def test_the_text_is_the_same_for_the_same_effect():
    assert EVERYTHING.text == (
        "rotation=10,quarter_turns=1,shift=0.1,crop_scale=0.5:1,horizontal_flip=1,vertical_flip=1,"
        "brightness=0.2,contrast=0.2,saturation=0.2,hue=0.1,randaugment=2,magnitude=12"
    )
    assert Augmentation(rotation=5).text == Augmentation(rotation=5.0, magnitude=3).text
    assert Augmentation(rotation=np.float64(5)).text == Augmentation(rotation=np.int64(5)).text == "rotation=5"
    listed = resolve_augmentation(Augmentation(crop_scale=[0.5, 1]))
    assert listed == Augmentation(crop_scale=(0.5, 1.0))
    assert hash(listed)
    assert Augmentation().text == ""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rotation", -10, "a number between 0 and 180"),
        ("rotation", 181, "a number between 0 and 180"),
        ("rotation", math.nan, "a number between 0 and 180"),
        ("rotation", "20", "a number between 0 and 180"),
        ("shift", 1.5, "a number between 0 and 1"),
        ("shift", True, "a number between 0 and 1"),
        ("brightness", -0.1, "a number that is not negative"),
        ("contrast", math.inf, "a number that is not negative"),
        ("saturation", None, "a number that is not negative"),
        ("hue", 0.6, "a number between 0 and 0.5"),
        ("randaugment", 1.5, "an integer that is not negative"),
        ("randaugment", -1, "an integer that is not negative"),
        ("magnitude", 31, "an integer between 0 and 30"),
        ("magnitude", True, "an integer between 0 and 30"),
        ("horizontal_flip", 1, "True or False"),
        ("quarter_turns", "yes", "True or False"),
        ("vertical_flip", None, "True or False"),
        ("crop_scale", 0.5, "(low, high)"),
        ("crop_scale", (0.0, 1.0), "(low, high)"),
        ("crop_scale", (0.9, 0.5), "(low, high)"),
        ("crop_scale", (0.5, 1.1), "(low, high)"),
        ("crop_scale", (0.5, math.nan), "(low, high)"),
        ("crop_scale", (0.5, "1"), "(low, high)"),
        ("crop_scale", (0.5,), "(low, high)"),
    ],
)
def test_bad_values_name_the_field(name, value, expected):
    with pytest.raises(ParameterError) as caught:
        resolve_augmentation(Augmentation(**{name: value}))
    assert caught.value.message.startswith(f"got {name}={value!r}; expected {expected}")
    assert caught.value.next_step


def test_unknown_names_say_which_is_near():
    with pytest.raises(ParameterError, match=r"augmentation='keas'; expected one of none, light.* Did you mean keras"):
        resolve_augmentation("keas")
    with pytest.raises(ParameterError, match="Augmentation"):
        resolve_augmentation("zzzzz")
    with pytest.raises(ParameterError, match="got augmentation=3; expected a name, an Augmentation or None"):
        resolve_augmentation(3)
