"""Promised: transforms are those of torchvision wherever both see the same pixels."""

import math

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from featx.images.transforms import OPERATIONS, adjust_contrast, randaugment_operation, rotate
from tensors import noise, smooth


def test_rotation_and_shift_are_those_of_torchvision_inside():
    image = smooth(61, 81)
    bilinear = v2.InterpolationMode.BILINEAR
    for angle, right, down in ((17, 0, 0), (-40, 0, 0), (0, 5, -3), (0, 2.5, 0), (25, 4, 7)):
        expected = F.affine(image, angle, [right, down], 1.0, [0.0, 0.0], bilinear, fill=0).int()
        inside = F.affine(torch.full_like(image, 255), angle, [right, down], 1.0, [0.0, 0.0], bilinear) == 255
        got = rotate(image, angle=angle, right=right, down=down).int()
        assert inside.float().mean() > 0.4
        assert (got - expected)[inside].abs().max() <= 1


def test_shifted_images_are_filled_with_edge_pixels():
    image = noise(10, 12)
    moved = rotate(image, right=4, down=-3)
    assert torch.equal(moved[:, :7, 4:], image[:, 3:, :8])
    assert torch.equal(moved[:, :7, :4], image[:, 3:, :1].expand(-1, -1, 4))
    assert torch.equal(moved[:, 7:, 4:], image[:, -1:, :8].expand(-1, 3, -1))
    assert (rotate(image, right=1000) == image[:, :, :1]).all()
    assert torch.equal(rotate(image, angle=180), image.rot90(2, (1, 2)))
    assert torch.equal(rotate(noise(9, 9), angle=90), noise(9, 9).rot90(-1, (1, 2)))


def test_contrast_is_torchvisions():
    for factor in (0.0, 0.5, 1.0, 1.8):
        got, expected = adjust_contrast(noise(30, 30), factor), F.adjust_contrast(noise(30, 30), factor)
        assert (got.int() - expected.int()).abs().max() <= 1


TORCHVISIONS = {
    "identity": "Identity",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    **{name: name.capitalize() for name in ("rotate", "brightness", "color", "contrast", "sharpness")},
    **{name: name.capitalize() for name in ("posterize", "solarize", "equalize")},
    "autocontrast": "AutoContrast",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
}


def torchvisions(image, name, magnitude, sign):
    """What torchvision's RandAugment makes of a square image, and where nothing came from outside."""
    transform = v2.RandAugment(interpolation=v2.InterpolationMode.BILINEAR)
    table, signed = transform._AUGMENTATION_SPACE[TORCHVISIONS[name]]
    levels = table(31, *image.shape[1:])
    level = 0.0 if levels is None else float(levels[magnitude]) * (sign if signed else 1)
    if name.startswith("shear"):
        # torchvision shears about a corner.
        shear = [math.degrees(math.atan(level)), 0.0]
        shear = shear if name == "shear_x" else shear[::-1]

        def change(picture):
            return F.affine(picture, 0.0, [0, 0], 1.0, shear, v2.InterpolationMode.BILINEAR)
    else:

        def change(picture):
            options = {"interpolation": transform.interpolation, "fill": transform._fill}
            return transform._apply_image_or_video_transform(picture, TORCHVISIONS[name], level, **options)

    geometric = name.startswith(("shear", "translate", "rotate"))
    inside = change(torch.full_like(image, 255)) == 255 if geometric else torch.ones_like(image, dtype=torch.bool)
    return change(image), inside


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("magnitude", [0, 9, 30])
@pytest.mark.parametrize("sign", [-1, 1])
def test_operations_of_randaugment_are_torchvisions(name, magnitude, sign):
    image = smooth(64, 64)
    expected, inside = torchvisions(image, name, magnitude, sign)
    got = randaugment_operation(image, name, magnitude=magnitude, sign=sign)
    if name == "rotate":
        # Both signs are as likely.
        got = randaugment_operation(image, name, magnitude=magnitude, sign=-sign)
    if name.startswith("shear"):
        other, _ = torchvisions(image, name, magnitude, -sign)
        assert min(error(got, expected, inside), error(got, other, inside)) <= 2
        return
    assert inside.float().mean() > 0.4
    assert error(got, expected, inside) <= 1


def error(got, expected, inside):
    return (got.int() - expected.int())[inside].abs().max()


def test_the_table_is_that_of_torchvision():
    assert {TORCHVISIONS[name] for name in OPERATIONS} == set(v2.RandAugment._AUGMENTATION_SPACE)
    assert len(OPERATIONS) == 14
