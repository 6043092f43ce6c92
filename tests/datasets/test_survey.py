"""Promised: groups and copies on both sides of a split, and classes that are too small, are found and said."""

import dataclasses

import numpy as np
import pytest

from featx import (
    DatasetError,
    ImageDecodeError,
    ParameterError,
)
from featx.datasets.survey import survey
from featx.evaluation.units import same_content
from labelled import named


@pytest.mark.parametrize(
    ("split", "groups", "apart", "words"),
    [
        ("ttvvjj", "aabbcc", True, None),
        ("ttvvjj", "aabbac", True, "one group has images both to train on and to test on: 'a' (2 and 1)"),
        ("ttvvjj", "aabbbc", True, "one group has images both to validate on and to test on: 'b' (2 and 1)"),
        ("ttvvjj", "aabbbc", False, "one group has images both to train on and to test on: 'b' (2 and 1)"),
        ("ttvv", "aaab", True, "one group has images both to train on and to test on: 'a' (2 and 1)"),
        ("ttvvjj", "aaabcc", False, None),
    ],
)
def test_what_judges_is_kept_from_groups_that_are_fitted_on(split, groups, apart, words):
    data, _ = named("ab" * (len(split) // 2), split=split, groups=groups)
    if words is None:
        assert survey(data, validation_apart=apart).notes == []
        return
    with pytest.raises(DatasetError) as caught:
        survey(data, validation_apart=apart)
    assert caught.value.message == words


def test_groups_that_training_is_stopped_by_are_remarked_on():
    data, _ = named("ababab", split="ttvvjj", groups="aaabcc")
    (note,) = survey(data, validation_apart=True).notes
    assert note.startswith("one group has images both to train on and to validate on: 'a' (2 and 1)")


def test_copies_of_test_images_are_left_out_of_what_is_fitted_on():
    data, keys = named("ababababab", "0123401456", split="ttttvvjjjj")
    found = survey(data, keys, validation_apart=True)
    # The first training image is a copy of a validation image, the second of a test image, as is one to validate on.
    assert found.rows.tolist() == [2, 3, 5, 6, 7, 8, 9]
    assert found.dataset.names == [f"{row}.png" for row in found.rows]
    twice, train, validation = found.notes
    assert twice.startswith("3 images are in more than one class: 0.png is 'a' and 5.png is 'b'; ")
    assert train == (
        "2 training images are copies of validation or test images, left out of training: "
        "0.png (in the validation part: 5.png), 1.png (in the test part: 6.png); "
        "`featx audit` also finds those that are not exact"
    )
    assert validation == (
        "one validation image is a copy of test images, left out of validation: 4.png (in the test part: 7.png); "
        "`featx audit` also finds those that are not exact"
    )
    merged = survey(data, keys, validation_apart=False)
    assert merged.rows.tolist() == [0, 2, 3, 5, 6, 7, 8, 9]
    assert found.dataset.together is None
    assert merged.dataset.together.tolist()[0] == merged.dataset.together.tolist()[3]


def test_copies_on_one_side_are_counted_named_and_marked():
    data, keys = named("aaabbbab", "00011234")
    found = survey(data, keys)
    assert found.rows.tolist() == list(range(8))
    assert found.dataset.together.tolist() == [0, 0, 0, 3, 3, 5, 6, 7]
    assert found.notes == [
        "3 images repeat another: 0.png = 1.png = 2.png, 3.png = 4.png; copies stay on one side of every split that is "
        "drawn, and each counts in the figures; `featx audit` also finds those that are not exact"
    ]
    data, keys = named("ababab", "001122")
    found = survey(dataclasses.replace(data, names=["x", "x", "y", "z", "w", "w"]), keys)
    assert found.notes == [
        "3 images are in more than one class: x is 'a' and 'b'; y is 'a' and z is 'b'; w is 'a' and 'b'; a label of "
        "each is wrong, or classes do not exclude each other"
    ]


def test_of_many_copies_the_first_of_each_class_is_named():
    data, keys = named("a" * 10 + "b" * 10, "0" * 20)
    assert (
        survey(data, keys)
        .notes[0]
        .startswith(
            "one image is in more than one class: 0.png is 'a' and 10.png is 'b' and 1.png is 'a' and 17 more; "
        )
    )
    data, keys = named("a" * 10 + "b", "0" * 10 + "1")
    assert survey(data, keys).notes[0].startswith("9 images repeat another: 0.png = 1.png = 2.png and 7 more; ")


def test_what_has_no_copies_is_left_as_it_was():
    data, keys = named("abab", "0123")
    assert survey(data, keys).dataset.together is None
    assert survey(data).dataset.together is None
    # What could not be read is like nothing else.
    error = ImageDecodeError("x", "y")
    assert same_content([b"0", error, error, None, None, b"1"]) is None
    assert same_content([b"0", error, b"0"]).tolist() == [0, 1, 0]


def test_a_class_that_copies_leave_nothing_to_train_on_is_refused():
    data, keys = named("aabbbb", "012323", split="ttttjj")
    with pytest.raises(DatasetError, match="every training image of class 'b' is to be tested on too"):
        survey(data, keys)


def test_min_images_counts_different_images_to_fit_on():
    data, keys = named("aaaabbbbcccc", "012345678889")
    found = survey(data, keys, min_images=3)
    assert found.notes[0] == "one class with fewer than 3 images left out: 'c' (2)"
    assert found.dataset.classes == ["a", "b"]
    assert found.dataset.together is None
    # With a given split those of the test part do not count, and go too.
    data, _ = named("aaabbbcabccc", split="tttttttjjjjj")
    found = survey(data, min_images=2)
    assert found.notes == ["one class with fewer than 2 images left out: 'c' (1)"]
    assert found.dataset.labels.tolist() == list("aaabbbab")
    data, _ = named("aabbccc", split="ttttttv")
    data = dataclasses.replace(data, split=np.array([*["training"] * 5, "validation", "test"]))
    assert survey(data, min_images=2, validation_apart=True).dataset.classes == ["a", "b"]
    assert survey(data, min_images=2).dataset.classes == ["a", "b", "c"]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", None])
def test_numbers_of_images_that_cannot_be_are_refused(value):
    with pytest.raises(ParameterError, match="got min_images="):
        survey(named("abab")[0], min_images=value)


def test_min_images_that_leave_one_class_are_refused():
    with pytest.raises(DatasetError, match=r"min_images=4 leaves 1 of 3 classes; too small are 'c' \(2\), 'b' \(3\)"):
        survey(named("aaaabbbcc")[0], min_images=4)
