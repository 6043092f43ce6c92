"""Promised: folders of classes and folders of parts of a split are told apart, at any depth."""

import pytest

from dataset_files import refusal, write_files
from featx.datasets.load import load_dataset


@pytest.mark.parametrize(
    ("names", "classes", "split"),
    [
        # A part's name is a class where it lies among classes.
        (["train/1.png", "car/1.png"], "car train", None),
        (["valid/1.png", "invalid/1.png"], "invalid valid", None),
        (
            ["train/train/1.png", "train/car/1.png", "val/train/1.png", "val/car/1.png"],
            "car train",
            "training validation",
        ),
        (["train/train/1.png", "train/car/1.png", "val/train/1.png"], "car train", "training validation"),
        (["train/steam/1.png", "train/electric/1.png", "car/1.png", "plane/1.png"], "car plane train", None),
        # One more folder above, and several.
        (["x/a/1.png", "x/b/1.png"], "a b", None),
        (["x/y/z/train/a/1.png", "x/y/z/test/a/1.png"], "a", "training test"),
        (["train/a/1.png", "train/b/1.png"], "a b", None),
        (["train/images/a/1.png", "train/images/b/1.png", "val/images/a/1.png"], "a b", "training validation"),
        (["a/1.png"], "a", None),
        (["a/x/1.png"], "a", None),
        (["a/1.heic", "b/x/1.png", "b/y/1.png"], "b", None),
        # The other parts, or kinds of files, in formats that are not read.
        (["train/a/1.png", "train/b/1.png", "test/1.heic"], "a b", None),
        (["train/a/1.png", "train/b/1.png", "val/a/1.heic", "val/b/2.heic", "test/a/3.dcm"], "a b", None),
        (["x/seg_train/a/1.png", "x/seg_train/b/1.png", "x/seg_test/a/1.nef"], "a b", None),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "test/a/1.dcm"], "a b", "training validation"),
        (["train/a/1.png", "train/b/1.heic", "test/a/1.heic"], "a", None),
        (["jpg/a/1.png", "jpg/b/1.png", "heic/a/1.heic"], "a b", None),
        (["train/jpg/a/1.png", "train/heic/a/1.heic", "test/jpg/a/1.png"], "a", "training test"),
        (["train/steam/1.png", "train/electric/1.png", "car/1.heic", "plane/1.heic"], "train", None),
        # A part with one class, and an empty one.
        (["train/a/1.png", "train/b/1.png", "test/b/1.png"], "a b", "training test"),
        (["train/a/1.png", "train/b/1.png", "test/b/1.png", "val/readme.txt"], "a b", "training test"),
        (["train/a/x/1.png", "train/b/y/1.png", "test/a/z/1.png"], "a b", "training test"),
    ],
)
def test_classes_and_parts_are_told_apart(tmp_path, names, classes, split):
    dataset = load_dataset(write_files(tmp_path, *names))
    assert dataset.classes == classes.split()
    assert (None if dataset.split is None else list(dict.fromkeys(dataset.split.tolist()))) == (split and split.split())


def test_classes_that_hold_folders_are_said(tmp_path):
    (note,) = load_dataset(write_files(tmp_path, "a/x/1.png", "a/y/1.png", "b/1.png")).notes
    assert "the classes are the 2 folders of" in note
    assert "a holds x, y, whose images are all of class a" in note
    note = load_dataset(write_files(tmp_path / "one", "a/x/1.png", "a/y/1.png", "b/1.heic")).notes[0]
    assert note.startswith("the only class is the one folder of")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/a/1.png", "test/b/1.png"], "test has the classes b,"),
        (["train/1.png", "test/1.png"], "hold images without class folders"),
        (["train/1.png"], "has no labels"),
        (["train/1.png", "test/1.heic"], "has no labels"),
        (["seg_train/1.png", "seg_test/1.heic"], "has no labels"),
        (
            ["train/a/1.heic", "val/a/1.png", "val/b/1.png"],
            "Convert those to train on; or pass the others alone: `featx",
        ),
        (["train/images/1.png", "val/images/2.png"], "hold images without class folders"),
        (["train/a/1.png", "training/a/1.png"], "both mean the training part"),
        (["val/a/1.png", "test/a/1.png"], "test and validation images only"),
        (
            ["a/train/1.png", "a/test/1.png", "b/1.png"],
            "parts of a split (test, train), but {}/b has images outside such folders. Make such folders in {}/b.",
        ),
        (
            ["a/train/images/c/1.png", "a/test/images/c/1.png", "b/train/images/c/1.png", "b/test/images/c/1.png"],
            "one of several data sets; or make a manifest with the columns path, label and split.",
        ),
        (
            ["a/train/c/1.png", "a/test/c/1.png", "b/train/1.png", "b/2.png", "d/3.png"],
            "but {}/b, {}/d have images outside such folders. Pass {}/a alone, if it is one of several data sets",
        ),
        (["train/a/1.png", "val/a/1.png", "validation/a/1.png"], "`featx fit {}/train --test {}/validation -o"),
        (
            ["train_1/a/1.png", "train_2/a/1.png", "test/a/1.png"],
            "`featx fit {}/train_1 --test {}/test -o model.skops`",
        ),
        (["val/a/1.png", "validation/a/1.png"], "both mean the validation part. Keep one of them in this folder."),
    ],
)
def test_folders_that_cannot_be_told_are_refused(tmp_path, names, words):
    message = refusal(write_files(tmp_path, *names))
    assert words.replace("{}", str(tmp_path)) in message
    dataset = load_dataset(tmp_path, labelled=False)
    assert len(dataset) == sum(name.endswith(".png") for name in names)
