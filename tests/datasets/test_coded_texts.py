"""Promised: texts kept as numbers come back as they were."""

import numpy as np
import pytest

from featx.datasets.coded_texts import TEXTS_AT_ONCE, CodedTexts

TEXTS = ["dog", "a cat", "dog", "ape", "a cat", ""]


def test_a_list_of_texts_comes_back():
    found = CodedTexts.of(TEXTS)
    assert found.values.tolist() == ["", "a cat", "ape", "dog"]
    assert found.texts.tolist() == TEXTS
    assert found.texts.dtype == np.array(TEXTS).dtype
    assert found.codes.dtype == np.uint8
    assert len(found) == len(TEXTS)
    assert CodedTexts.of([]).texts.tolist() == []


@pytest.mark.parametrize("values", [TEXTS, [3, -1, 3], [0.5, 0.25], [True, False], []])
@pytest.mark.parametrize("dtype", [None, object])
def test_an_array_comes_back_whatever_its_type(values, dtype):
    array = np.array(values, dtype=dtype)
    found = CodedTexts.of_array(array)
    assert found.texts.tolist() == values
    assert found.texts.dtype == array.dtype
    assert found.values.tolist() == sorted(set(values))


def test_more_texts_than_are_sorted_at_once():
    array = np.random.default_rng(0).integers(0, 300, 2 * TEXTS_AT_ONCE + 1)
    found = CodedTexts.of_array(array)
    assert found.codes.dtype == np.uint16
    assert np.array_equal(found.texts, array)


def test_some_of_them_are_taken_and_others_put_in_their_places():
    some = CodedTexts.of(TEXTS)[np.array([3, 0, 3])]
    assert some.texts.tolist() == ["ape", "dog", "ape"]
    assert some.used.tolist() == ["ape", "dog"]
    assert len(some) == 3
    other = CodedTexts.of(TEXTS).recoded(["z", "y", "y", "x"])
    assert other.values.tolist() == ["x", "y", "z"]
    assert other.texts.tolist() == ["x", "y", "x", "y", "y", "z"]
