"""Promised: a split that a source lists is used if it has several parts, and what its parts lack is said."""

import pytest
from dataset_files import load_table


@pytest.mark.parametrize("values", ["train train", "TRAIN training"])
def test_one_part_alone_is_no_split(folder, values):
    first, second = values.split()
    dataset = load_table(folder, f"path,label,split\na.png,x,{first}\nb.png,y,{second}\n")
    assert dataset.split is None
    assert "are of the training part, so there is no split" in dataset.notes[-1]


def test_classes_that_a_part_lacks_are_named(folder):
    dataset = load_table(folder, "path,label,split\na.png,x,train\nb.png,y,train\nc.png,x,test\n")
    assert dataset.notes == ["the test images lack 1 class: y"]
