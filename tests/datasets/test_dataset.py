"""Promised: an ImageDataset has a value of each column for every image, and keeps them when rows are taken."""

import numpy as np
import pytest

from featx.datasets.dataset import ImageDataset
from featx.exceptions import DatasetError


def test_take_keeps_order_and_all_columns():
    dataset = ImageDataset(
        ["a", "b", "c"], ["A", "B", "C"], np.array(["x", "y", "z"]), np.array(["1", "2", "3"]), ["n"]
    )
    taken = dataset.take(np.array([2, 0, 2]))
    assert (taken.images, taken.names) == (["c", "a", "c"], ["C", "A", "C"])
    assert (taken.labels.tolist(), taken.groups.tolist()) == (["z", "x", "z"], ["3", "1", "3"])
    assert (taken.notes, taken.classes) == (["n"], ["x", "z"])
    assert len(dataset.take([])) == 0


def test_take_without_labels_has_none():
    taken = ImageDataset(["a", "b"], ["A", "B"]).take([1])
    assert (taken.images, taken.labels, taken.groups) == (["b"], None, None)


def test_take_accepts_a_mask():
    dataset = ImageDataset(["a", "b"], ["A", "B"])
    assert dataset.take(np.array([False, True])).images == ["b"]


@pytest.mark.parametrize("column", ["labels", "groups", "strata", "split"])
def test_columns_may_be_lists_and_must_have_a_value_for_each_image(column):
    values = ["training", "test"]
    data = ImageDataset(["a.png", "b.png"], ["a", "b"], **{column: values})
    assert getattr(data, column).tolist() == values
    assert getattr(data.take([1]), column).tolist() == ["test"]
    for wrong, words in (
        (values[:1], r"shape \(1,\) for 2 images"),
        ("ab", "for 2 images"),
        ([values], "shape"),
        (["test", None], "missing values"),
        (np.array(["test", np.nan], object), "missing values"),
    ):
        with pytest.raises(DatasetError, match=f"got {column} .*{words}"):
            ImageDataset(["a.png", "b.png"], ["a", "b"], **{column: wrong})
