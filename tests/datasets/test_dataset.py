"""Promised: an ImageDataset has a value of each column for every image, and keeps them when rows are taken."""

import copy
import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from dataset_files import write_files
from featx.datasets.coded_texts import CodedTexts
from featx.datasets.dataset import ImageDataset
from featx.datasets.load import load_dataset
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


def test_columns_that_were_read_are_arrays_of_texts_when_they_are_asked_for(tmp_path):
    places = [f"{part}/{name}" for part in ("train", "test") for name in "ab"]
    root = write_files(tmp_path, *(f"{place}/{n}.png" for place in places for n in "01"))
    dataset = load_dataset(root)
    for other in (dataset, pickle.loads(pickle.dumps(dataset)), copy.copy(dataset), replace(dataset, notes=[])):
        assert other.labels.tolist() == list("aabbaabb")
        assert other.labels.dtype == "<U1"
        assert other.split.tolist() == ["training"] * 4 + ["test"] * 4
        assert other.groups is None
        assert other.labels is other.labels
        taken = load_dataset(root).take([6, 0])
        assert (taken.labels.tolist(), taken.classes) == (["b", "a"], ["a", "b"])
        assert taken.take([1]).classes == ["a"]
    # As with any array: a label can be corrected in place.
    dataset.labels[0] = "b"
    assert dataset.take([0]).labels.tolist() == ["b"]
    assert dataset.coded("labels").texts.tolist() == list("babbaabb")


def test_the_classes_of_many_images_take_a_byte_each(tmp_path):
    labels = [f"a class with a long name {n % 10}" for n in range(10_000)]
    names = [str(n) for n in range(len(labels))]
    tracemalloc.start()
    try:
        dataset = ImageDataset(names, names, CodedTexts.of(labels))
        assert len(dataset.classes) == 10
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 2 * len(labels)
    assert dataset.labels.tolist() == labels
