"""Promised: arrays of any type become RGB pixels by the type's scale or value_range, or are refused with what to do."""

import re

import numpy as np
import pytest

from encoded_images import refusal
from featx.exceptions import ImageDecodeError, ParameterError
from featx.images.sources import as_sources, read_image

LEFT, TOP = np.meshgrid(np.linspace(0, 255, 12), np.linspace(0, 255, 8))
PICTURE = np.stack([LEFT, TOP, 255 - LEFT / 2], axis=2).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "?", "f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [0, 1, 3, 4])
def test_array_of_each_dtype_and_shape_is_scaled(dtype, channels):
    top = np.iinfo(dtype).max if "u" in dtype else 1
    image = np.array([[0, 0.4 * top, top]]).astype(dtype)
    if channels:
        image = np.repeat(image[:, :, None], channels, axis=2)
    if channels == 4:
        image[:, :, 3] = top
    assert read_image(image).tolist() == [[[v] * 3 for v in (0, 255 if dtype == "?" else 102, 255)]]


@pytest.mark.parametrize("given", [[0, 4095], np.array([0, 4095]), (np.int64(0), np.int64(4095))])
def test_a_value_range_may_be_a_list_or_an_array(given):
    image = np.array([[0, 4095]], dtype=np.uint16)
    expected = as_sources([image], value_range=(0, 4095))[0].load()
    loaded = as_sources([image], value_range=given)[0].load()
    assert loaded[0] == expected[0]
    assert np.array_equal(loaded[1], expected[1])


def test_a_value_range_upside_down_is_refused_with_the_reason():
    with pytest.raises(ParameterError, match=r"value_range=\(5, 1\); expected \(low, high\) with low below high"):
        as_sources([np.zeros((2, 2))], value_range=(5, 1))


@pytest.mark.parametrize(
    ("values", "value_range", "expected"),
    [
        (np.array([[-1.0, -0.2, 1.0]]), (-1, 1), [0, 102, 255]),
        (np.array([[0, 40, 100]]), (0, 100), [0, 102, 255]),
        (np.array([[0, 80, 100]], np.uint8), [0, 200], [0, 102, 127]),
        (np.array([[10.0, 12.0, 20.0]]), "minmax", [0, 51, 255]),
        (np.array([[10, 12, 20]], np.uint8), "minmax", [0, 51, 255]),
        (np.full((1, 3), 7.5), "minmax", [0, 0, 0]),
        (np.zeros((1, 3)), "minmax", [0, 0, 0]),
    ],
)
def test_value_range_says_what_black_and_white_are(values, value_range, expected):
    assert read_image(values, value_range=value_range)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 4095), (1000, 1001)])
def test_floats_that_rounding_took_past_their_range_are_clipped(dtype, low, high):
    options = {} if (low, high) == (0, 1) else {"value_range": (low, high)}
    past = 0.9e-5 * (high - low)
    array = np.array([[low - past, low, high, high + past]]).astype(dtype)
    if dtype == "f8" or high < 1000:
        assert (array[0, 0] < low, array[0, 3] > high) == (True, True)
    assert read_image(array, **options)[0, :, 0].tolist() == [0, 0, 255, 255]
    with pytest.raises(ImageDecodeError, match=r"lie outside .* Clip them, np\.clip\(x, .*value_range"):
        read_image(np.array([[low, high + 3 * past]]), **options)


@pytest.mark.parametrize("value", [1 + 2**-10, -(2**-14)])
def test_a_rounding_error_of_half_precision_is_clipped(value):
    assert read_image(np.array([[value, 0.5]], np.float16))[0, 0, 0] == (255 if value > 1 else 0)
    with pytest.raises(ImageDecodeError, match=r"1\.002"):
        read_image(np.array([[1.002]], np.float16))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[0, 1.00002]], np.float32), "values from 0 to 1.00002 lie outside 0 to 1. Clip"),
        (np.array([[-3e-05, 1]], np.float32), "values from -3e-05 to 1 lie outside 0 to 1. Clip"),
        (np.array([[0.1, 1.1]], np.float32), "values from 0.1 to 1.1 lie outside 0 to 1. Clip"),
        (np.array([[0, 255]]), "0 to 255 of int64 have no scale of their own.*255 is white, pass x.astype(np.uint8)"),
        (np.array([[0, 4095]]), "0 to 4095 of int64 have no scale of their own. Say which values mean black"),
    ],
)
def test_values_without_a_place_on_the_scale_are_shown_with_what_to_do(array, words):
    assert re.search(re.escape(words).replace(r"\.\*", ".*"), str(refusal(array)))


def test_whole_numbers_are_not_rounded():
    for value in (-1, 1_000_001):
        assert "lie outside 0 to 1e+06. Say which" in str(refusal(np.array([[0, value]]), value_range=(0, 1_000_000)))


@pytest.mark.parametrize(
    ("array", "options", "reason"),
    [
        (np.array([[0, 1.5]]), {}, r"0 to 1\.5 .*value_range"),
        (np.array([[-0.1, 1]]), {}, "value_range"),
        (np.array([[0, 300]]), {"value_range": (0, 255)}, "0 to 255.*value_range"),
        (np.array([[0, 255]]), {}, "value_range"),
        (np.array([[0, np.nan]]), {}, "NaN"),
        (np.array([[0, np.inf]]), {"value_range": "minmax"}, "infinity"),
        (np.zeros((3, 8, 9)), {}, "channels first.*transpose"),
        (np.zeros((1, 8, 9)), {}, "channels first.*transpose"),
        *((np.zeros(shape), {}, "shape") for shape in [(8, 9, 2), (0, 9), (9,), (1, 2, 3, 4)]),
        *((np.zeros((2, 2), dtype), {}, dtype) for dtype in ["<U1", "object", "complex128", "datetime64"]),
    ],
)
def test_array_that_is_not_an_image_is_refused(array, options, reason):
    assert re.search(reason, str(refusal(array, **options)))


@pytest.mark.parametrize(
    "value_range",
    ["max", 3, (1, 0), (1, 1), (0, 1, 2), (0, "x"), ("a", "b"), (None, 1), (0, np.inf), np.arange(3)],
)
def test_wrong_value_range_is_a_parameter_error(value_range):
    with pytest.raises(ParameterError, match="value_range="):
        as_sources([PICTURE], value_range=value_range)


@pytest.mark.parametrize(
    ("array", "step"),
    [
        (np.full((4, 4), 7, dtype=object), "Convert it to numbers: x.astype(np.uint8) where 255 is white"),
        (np.full((4, 4), "7"), "Pass an array of numbers."),
        (np.full((4, 4), None), "Pass an array of numbers."),
        (np.full((4, 4), 1j), "Pass one real number for each value, such as np.abs(x)."),
    ],
)
def test_arrays_that_are_not_of_numbers_are_refused_with_what_to_do(array, step):
    with pytest.raises(
        ImageDecodeError, match=f"^cannot read image 0: an array of {array.dtype} is not an image"
    ) as caught:
        read_image(array)
    assert caught.value.next_step.startswith(step)
