"""Promised: all classes that are too small are refused in one error, which says what to do about them."""

import numpy as np
import pytest

from featx import DatasetError
from featx.evaluation.class_sizes import SmallClassError, check_counts, check_sizes, list_sizes


def refusal(*args, **options):
    with pytest.raises(SmallClassError) as caught:
        check_sizes(*args, **options)
    return caught.value.message, caught.value.next_step


def test_classes_of_enough_images_are_not_refused():
    check_counts(np.repeat([0, 1], 2), ["a", "b"], 2, "tuning needs")
    check_sizes(["a", "b"], [2, 9], 2, "tuning needs")


def test_one_class_is_named_with_its_size():
    assert refusal(["a", "b", "c"], [5, 1, 5], 3, "3 folds need", once=True) == (
        "class 'b' has 1 image, fewer than the 3 that 3 folds need, copies counted once",
        "Add images or leave it out.",
    )


def test_where_two_classes_would_not_be_left_none_is_to_be_left_out():
    assert refusal(["a", "b"], [1, 5], 2, "tuning needs") == (
        "class 'a' has 1 image, fewer than the 2 that tuning needs",
        "Add images.",
    )
    message, step = refusal(["x", "y"], [1, 2], 4, "4 folds need", what="group", kind="stratum", instead="cv=3")
    assert message == "both strata have fewer groups than the 4 that 4 folds need: 'x' (1), 'y' (2)"
    assert step == "Add groups or use cv=3."


def test_there_must_be_two_classes():
    with pytest.raises(DatasetError, match="only one class, 'x'"):
        check_counts(np.zeros(3, int), ["x"], 2, "tuning needs")


def test_of_many_classes_the_smallest_are_listed():
    names = [f"c{number}" for number in range(30)]
    message, _ = refusal(names, np.repeat([1, 2], [25, 5]), 3, "tuning needs")
    assert message.endswith("'c19' (1) and 10 more with 1 to 2")
    assert message.startswith("all 30 classes have fewer images than the 3 that tuning needs: 'c0' (1), ")
    assert list_sizes(["b", "a"], np.array([7, 3])) == "'a' (3), 'b' (7)"
    assert list_sizes(names, np.full(30, 4)).endswith("'c19' (4) and 10 more with 4")
