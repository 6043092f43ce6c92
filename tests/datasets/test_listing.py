"""Promised: a split that a source lists is used if it has several parts, and what its parts lack is said."""

import pytest

from dataset_files import load_table
from featx.datasets.listing import Listing
from featx.exceptions import DatasetError


@pytest.mark.parametrize("values", ["train train", "TRAIN training"])
def test_one_part_alone_is_no_split(folder, values):
    first, second = values.split()
    dataset = load_table(folder, f"path,label,split\na.png,x,{first}\nb.png,y,{second}\n")
    assert dataset.split is None
    assert "are of the training part, so there is no split" in dataset.notes[-1]


def test_classes_that_a_part_lacks_are_named(folder):
    dataset = load_table(folder, "path,label,split\na.png,x,train\nb.png,y,train\nc.png,x,test\n")
    assert dataset.notes == ["the test images lack 1 class: y"]


@pytest.mark.parametrize(
    ("labels", "split", "words"),
    [
        ("xy", ["validation", "test"], "test and validation images only"),
        ("xy", ["training", "test"], "the test images of S have the classes y, the training images others: x"),
    ],
)
def test_a_split_that_cannot_be_trained_and_tested_on_is_refused_where_labels_are_required(labels, split, words):
    def listing():
        return Listing(["1.png", "2.png"], labels=list(labels), split=list(split))

    with pytest.raises(DatasetError, match=words):
        listing().dataset("S", labelled=True)
    assert listing().dataset("S", labelled=False).split.tolist() == split


def test_names_of_images_are_the_images_unless_the_source_names_them():
    assert Listing(["1.png"]).dataset("S", labelled=False).names == ["1.png"]
    assert Listing([b"bytes"], names=["S[0]"]).dataset("S", labelled=False).names == ["S[0]"]
