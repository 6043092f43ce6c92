"""Promised: every repeat draws its own test rows, and smaller training sets lie inside larger ones."""

import numpy as np
import pytest

from featx import DatasetError, ParameterError
from featx.comparison.repeats import draw_repeats


def drawn(y, **options):
    return draw_repeats(np.asarray(y), **{"train_sizes": None, "test_size": 0.25, **options})


def test_fractions_are_of_all_images_and_counts_are_counts():
    y = np.arange(200) % 2
    (repeat,) = drawn(y, train_sizes=[0.75, 40, 0.1], repeats=1)
    assert [len(rows) for rows in repeat.trains] == [20, 40, 150]
    assert len(repeat.test) == 50
    assert not set(repeat.test) & set(repeat.trains[-1])
    assert set(repeat.trains[0]) < set(repeat.trains[1]) < set(repeat.trains[2])
    assert [len(rows) for rows in drawn(y, repeats=1)[0].trains] == [150]


def test_every_repeat_draws_another_stratified_test_set():
    y = np.arange(200) % 5
    tests = [repeat.test for repeat in drawn(y, repeats=3, random_state=7)]
    assert len({tuple(rows) for rows in tests}) == 3
    assert all(np.bincount(y[rows]).tolist() == 5 * [10] for rows in tests)
    assert np.array_equal(tests[1], drawn(y, repeats=1, random_state=8)[0].test)


def test_the_test_set_can_be_stratified_by_finer_labels():
    y = np.arange(160) % 2
    finer = np.arange(160) // 2 % 4
    (repeat,) = drawn(y, stratify=finer, repeats=1)
    assert np.bincount(4 * y[repeat.test] + finer[repeat.test]).tolist() == 8 * [5]
    with pytest.raises(ParameterError, match="got 3 labels to stratify by for 160 images"):
        drawn(y, stratify=finer[:3])


def test_groups_stay_on_one_side_and_a_fraction_is_met_roughly():
    groups = np.repeat(np.arange(50), 4)
    y = groups % 2
    for repeat in drawn(y, groups=groups, train_sizes=[0.2, 0.75]):
        assert not set(groups[repeat.test]) & set(groups[repeat.trains[-1]])
        assert set(repeat.trains[0]) < set(repeat.trains[1])
        assert len(repeat.trains[1]) + len(repeat.test) == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train_sizes": [0.8]}, "training size 0.8.*the most is 0.75"),
        ({"train_sizes": [1.0]}, "the most is 0.75"),
        ({"train_sizes": [76]}, "the most that the test set leaves is 75"),
        ({"train_sizes": [0]}, "got the training size 0"),
        ({"train_sizes": [True]}, "got the training size True"),
        ({"train_sizes": []}, "expected fractions or counts"),
        ({"train_sizes": "0.1"}, "expected fractions or counts"),
        ({"test_size": 1.5}, "got test_size=1.5"),
        ({"test_size": 25}, "got test_size=25"),
        ({"repeats": 0}, "got repeats=0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        drawn(np.arange(100) % 2, **options)


def test_a_class_with_one_training_image_is_named_with_the_size_that_would_do():
    y = np.repeat(["plenty", "scarce"], [80, 8])
    with pytest.raises(DatasetError, match="class 'scarce' has 1 image, fewer than the 2") as caught:
        drawn(y, train_sizes=[12])
    enough = int("".join(filter(str.isdigit, caught.value.next_step)))
    assert 12 < enough < 40
    drawn(y, train_sizes=[enough])
    with pytest.raises(DatasetError, match="class 'scarce' has 3 images, fewer than the 4"):
        drawn(np.repeat(["plenty", "scarce"], [80, 3]))


def test_strata_of_one_image_are_all_named():
    y, finer = np.repeat(["a", "b"], 20), np.array(["x"] * 19 + ["y"] + ["x"] * 19 + ["z"])
    with pytest.raises(DatasetError, match=r"2 of 4 strata have fewer images than the 2.*: 'a, y' \(1\), 'b, z' \(1\)"):
        draw_repeats(y, train_sizes=None, test_size=0.25, stratify=finer)
