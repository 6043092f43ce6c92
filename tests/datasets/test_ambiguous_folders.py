"""Promised: folders that may be something other than classes are refused, with a command for what they may be."""

import pytest

from dataset_files import refusal, write_files
from featx.datasets.ambiguous_folders import is_generic
from featx.datasets.load import load_dataset


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["train/a/1.png", "val/a/1.png", "more/a/1.png"],
            "holds train, val, which may be parts of a split, beside more, which is not a part.",
        ),
        (["train/a/1.png", "train/b/1.png", "unlabeled/1.png"], "beside unlabeled, which is not a part."),
        (["train/1.png", "train_masks/1.png"], "beside train_masks"),
        (
            ["train/a/1.png", "train/b/1.png", "other/a/1.png", "third/b/1.png"],
            "beside other, third, which are not parts.",
        ),
        (["train/a/1.png", "train/b/1.png", "unlabeled/1.heic"], "`featx fit {}/train -o model.skops`"),
        (["trainval/a/1.png", "test/a/1.png"], "`featx fit {}/trainval --test {}/test -o model.skops`"),
        (["data/a/1.png", "data/b/1.png", "docs/1.png"], "beside data, which has the folders a, b"),
        (["cats_train/1.png", "cats_test/1.png", "dogs_train/1.png"], "in every folder's name"),
    ],
)
def test_folders_that_may_not_be_classes_are_refused(tmp_path, names, words):
    message = refusal(write_files(tmp_path, *names))
    assert words.replace("{}", str(tmp_path)) in message
    dataset = load_dataset(tmp_path, labelled=False)
    assert len(dataset) == sum(name.endswith(".png") for name in names)


@pytest.mark.parametrize("name", ["train", "Test_set", "PNG", "gif", "JPEGImages", "img_data", "masks2", "data-01"])
def test_names_of_parts_and_kinds_of_files_are_generic(name):
    assert is_generic(name)


@pytest.mark.parametrize("name", ["cat", "trains", "image of a cat", "0", "masked owl", ""])
def test_names_of_things_are_not_generic(name):
    assert not is_generic(name)


def test_names_like_options_are_typed_as_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(write_files(tmp_path, "-train/a/1.png", "-test/a/1.png", "-x y/2.png"))
    assert "`featx fit ./-train --test ./-test -o model.skops`" in refusal(".")
