"""Promised: the Oxford flowers have their official split and labels, or are refused with what is wrong."""

import numpy as np
import pytest
import scipy.io

from dataset_files import refusal, write_files
from featx.datasets.load import load_dataset


@pytest.fixture
def flowers(tmp_path):
    """Six flowers of two kinds in a flat folder, with the files that the data set comes with."""
    write_files(tmp_path, *(f"jpg/image_{number:05}.jpg" for number in range(1, 7)))
    scipy.io.savemat(tmp_path / "setid.mat", {"trnid": [[1, 6]], "valid": [[2, 5]], "tstid": [[3, 4]]})
    scipy.io.savemat(tmp_path / "imagelabels.mat", {"labels": np.uint8([[77, 1, 1, 77, 77, 1]])})
    return tmp_path


@pytest.mark.parametrize("data", [".", "jpg"])
def test_the_oxford_flowers_are_read_with_their_labels(flowers, data):
    dataset = load_dataset(flowers / data, split_from=flowers / "setid.mat")
    assert dataset.labels.tolist() == ["77", "1", "1", "77", "77", "1"]
    assert dataset.split.tolist() == ["training", "validation", "test", "test", "validation", "training"]


def test_flowers_that_are_sorted_into_classes_keep_them(flowers):
    for number in range(1, 7):
        (flowers / str(number % 2)).mkdir(exist_ok=True)
        (flowers / "jpg" / f"image_{number:05}.jpg").rename(flowers / str(number % 2) / f"image_{number:05}.jpg")
    dataset = load_dataset(flowers, split_from=flowers / "setid.mat")
    assert dataset.labels.tolist() == ["0"] * 3 + ["1"] * 3
    assert dataset.split.tolist() == ["validation", "test", "training", "training", "test", "validation"]


def test_other_files_of_matrices_are_refused(flowers):
    assert "expected trnid, valid and tstid" in refusal(flowers / "jpg", split_from=flowers / "imagelabels.mat")
    (flowers / "setid.mat").write_bytes(b"no matrices")
    assert "cannot read" in refusal(flowers / "jpg", split_from=flowers / "setid.mat")
    assert "does not exist" in refusal(flowers / "jpg", split_from=flowers / "nothing.mat")


def test_flowers_beyond_the_list_are_refused(flowers):
    write_files(flowers, "jpg/image_00007.jpg")
    message = refusal(flowers / "jpg", split_from=flowers / "setid.mat")
    assert "does not name 1 image of 7" in message
    assert "Download it again, take them out of the data set" in message
    write_files(flowers, "jpg/mine.jpg")
    message = refusal(flowers / "jpg", split_from=flowers / "setid.mat")
    assert "does not name 2 images of 8" in message
    assert "pass their folder, jpg" in message


@pytest.mark.parametrize(("name", "first"), [("tstid", "trnid"), ("valid", "trnid")])
def test_a_flower_in_two_parts_is_refused(flowers, name, first):
    sets = {"trnid": [[1, 6, 6]], "valid": [[2, 5]], "tstid": [[3, 4]]}
    scipy.io.savemat(flowers / "setid.mat", sets)
    assert len(load_dataset(flowers, split_from=flowers / "setid.mat")) == 6
    scipy.io.savemat(flowers / "setid.mat", {**sets, name: [[*sets[name][0], 6]]})
    message = refusal(flowers, split_from=flowers / "setid.mat")
    assert f"gives image 6 two parts: it is in {first} and in {name}" in message
