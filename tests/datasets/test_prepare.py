"""Promised: a data set that cannot be split is refused with the settings that would work, found by trying."""

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
