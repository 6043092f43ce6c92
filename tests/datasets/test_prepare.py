"""Promised: a data set is surveyed, drawn from and split; one that cannot be is refused with what would work."""

import numpy as np
import pytest

from featx import DatasetError
from featx.datasets.prepare import SplitOptions
from featx.datasets.split import split_dataset
from labelled import named

WITHOUT_ONE = "which leaves 1 of the 3 classes out"


def divide(dataset, *, cv=None, test_size=None):
    return split_dataset(dataset, cv=cv, test_size=test_size)


def advice(labels, divide, settings, **options):
    with pytest.raises(DatasetError) as caught:
        SplitOptions(divide, settings, **options).prepare(named(labels)[0])
    return caught.value.next_step


@pytest.mark.parametrize(
    ("labels", "settings", "expected"),
    [
        # A class of one: no number of folds will do.
        ("aaaaaabbbbbbc", {"cv": 5}, f"use min_images=2 (--min-images 2), {WITHOUT_ONE}."),
        ("aaaaaabbbbbbc", {"test_size": 0.25}, f"use min_images=2 (--min-images 2), {WITHOUT_ONE}."),
        # Two images at three folds, and eight at fifty.
        ("aaaaaabbbbbbcc", {"cv": 3}, f"use min_images=3 (--min-images 3), {WITHOUT_ONE}."),
        ("a" * 8 + "b" * 9, {"cv": 50}, "use cv=8 (--cv 8)."),
        ("aaaaabbbbbccc", {"cv": 2}, f"use cv=3 (--cv 3) or min_images=4 (--min-images 4), {WITHOUT_ONE}."),
        # Nothing but images helps.
        ("aab", {"cv": 3}, None),
    ],
)
def test_advice_is_what_works(labels, settings, expected):
    found = advice(labels, divide, settings)
    assert found == ("Add images." if expected is None else f"Add images, or {expected}")


def test_the_split_is_that_of_the_images_that_are_left(remarks):
    data, keys = named("ababab" + "abab", "012345" + "0678", split="tttttt" + "jjjj")
    prepared = SplitOptions(divide, {}).prepare(data, keys)
    assert prepared.rows.tolist() == list(range(1, 10))
    assert prepared.dataset.names == [data.names[row] for row in prepared.rows]
    assert (prepared.split.train.tolist(), prepared.split.test.tolist()) == ([0, 1, 2, 3, 4], [5, 6, 7, 8])
    assert prepared.notes == remarks()
    assert "one training image is a copy" in prepared.notes[0]


def test_what_is_found_is_logged_only_where_the_content_is_known(remarks):
    data, keys = named("ababAabab", "012345678")
    options = SplitOptions(divide, {"cv": 2}, min_images=2)
    assert options.prepare(data).notes == options.prepare(data, keys).notes == remarks()
    assert len(remarks()) == 2


def test_other_settings_that_work_are_named():
    def picky(dataset, *, stop, cv=None):
        if stop and len(dataset.classes) > 2:
            raise DatasetError("too many classes", "Merge some.")
        return split_dataset(dataset, cv=cv)

    options = {"alternatives": [((("stop=False", "--no-stop"),), {"stop": False})]}
    found = advice("aaabbbccc", picky, {"stop": True, "cv": 3}, **options)
    assert found == "Merge some. Or use stop=False (--no-stop)."


def drawn(labels, keys=None, *, split=None, groups=None, settings=None, **options):
    data, keys = named(labels, keys or [f"{row}" for row in range(len(labels))], split=split, groups=groups)
    return SplitOptions(divide, settings or {"cv": 3}, **options).prepare(data, keys)


def per_class(prepared, part=slice(None)):
    labels, counts = np.unique(prepared.dataset.labels[part], return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


def test_at_most_so_many_images_of_each_class_are_drawn_and_that_is_said(remarks):
    found = drawn("a" * 20 + "b" * 10 + "c" * 4, per_class=5)
    assert per_class(found) == {"a": 5, "b": 5, "c": 4}
    assert found.notes == remarks() == ["14 of 34 images drawn by per_class=5; fewer are of 'c' (4)"]
    assert [found.whole.names[row] for row in found.rows] == found.dataset.names
    assert len(found.keys) == 14
    assert len(found.split.folds) == 3
    more = drawn("a" * 20 + "b" * 10 + "c" * 4, per_class=7)
    assert set(found.rows) < set(more.rows)
    assert set(drawn("a" * 20 + "b" * 10 + "c" * 4, per_class=5, random_state=1).rows) != set(found.rows)


def test_nothing_is_drawn_unless_asked_for():
    found = drawn("a" * 20 + "b" * 10)
    assert found.rows.tolist() == list(range(30))
    assert found.notes == []


@pytest.mark.parametrize("apart", [False, True])
def test_of_a_given_split_the_training_part_alone_is_drawn_from(apart):
    labels, split = "ab" * 20, "t" * 20 + "v" * 8 + "j" * 12
    found = drawn(labels, split=split, settings={}, per_class=3, validation_apart=apart)
    parts = found.dataset.split
    assert per_class(found, parts == "training") == {"a": 3, "b": 3}
    assert ((parts == "validation").sum(), (parts == "test").sum()) == (8, 12)
    assert found.notes == ["6 of 20 training images drawn by per_class=3"]
    assert (len(found.split.train), len(found.split.validation), len(found.split.test)) == (6, 8, 12)


def test_a_test_part_is_held_out_of_what_is_drawn():
    found = drawn("a" * 40 + "b" * 40, settings={"test_size": 0.25}, per_class=8)
    assert (len(found.split.train), len(found.split.test)) == (12, 4)


def test_copies_count_once_and_come_along():
    keys = [str(row // 2) for row in range(40)]
    found = drawn("a" * 20 + "b" * 20, keys, per_class=6)
    assert per_class(found) == {"a": 12, "b": 12}
    assert len(set(found.keys)) == 12
    assert found.notes[-1] == "24 of 40 images drawn by per_class=6, copies counted once"
    assert all(not set(found.dataset.together[a]) & set(found.dataset.together[b]) for a, b in found.split.folds)


def test_copies_that_are_not_drawn_are_forgotten():
    keys = ["same", "same", *map(str, range(38))]
    options = {"per_class": 2, "settings": {"test_size": 0.5}}
    draws = [drawn("a" * 20 + "b" * 20, keys, **options, random_state=seed).dataset.together for seed in range(9)]
    assert any(together is None for together in draws)


def test_classes_that_are_too_small_are_left_out_before_the_draw():
    found = drawn("a" * 20 + "b" * 10 + "c" * 4, per_class=3, min_images=5)
    assert per_class(found) == {"a": 3, "b": 3}


def test_groups_stay_whole_in_what_is_split():
    groups = [f"g{row // 4}" for row in range(80)]
    found = drawn("a" * 40 + "b" * 40, groups=groups, settings={"test_size": 0.3}, per_class=15)
    data = found.dataset
    assert per_class(found) == {"a": 15, "b": 15}
    assert not set(data.groups[found.split.train]) & set(data.groups[found.split.test])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"cv": 5}, "per_class=5 (--per-class 5)"), ({"test_size": 0.25}, "per_class=3 (--per-class 3)")],
)
def test_a_larger_number_is_advised_where_it_works(settings, expected):
    labels = "a" * 9 + "b" * 9
    assert expected in advice(labels, divide, settings, per_class=1)
    assert "per_class" not in advice("a" * 9 + "b", divide, settings, per_class=4)
