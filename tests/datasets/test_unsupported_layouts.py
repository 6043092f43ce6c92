"""Promised: data sets of other kinds are recognised by the files beside their images, and what to type is said."""

import re

import pytest

from featx.datasets.listing import Listing
from featx.datasets.unsupported_layouts import explain_unlabelled

YOLO = "0 0.5 0.5 0.2 0.2\n"


def explained(folder, files, *images):
    """Return why a folder of these images and other files has no labels, and what to do; files have their content."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    listing = Listing([str(folder / name) for name in images], str(folder))
    return explain_unlabelled(listing, [str(folder / name) for name in files])


@pytest.mark.parametrize(
    ("files", "images", "kind"),
    [
        ({"_classes.csv": "filename,cat,dog\n"}, ["1.jpg"], "multi-label"),
        ({"train/_annotations.coco.json": "{}"}, ["train/1.jpg"], r"object detection \(COCO\)"),
        ({"annotations/instances_val2017.json": "{}"}, ["val/1.jpg"], r"object detection \(COCO\)"),
        ({"Annotations/1.xml": "<xml/>"}, ["JPEGImages/1.jpg"], r"object detection \(Pascal VOC\)"),
        ({"1.xml": "<xml/>"}, ["1.jpg"], r"object detection \(Pascal VOC\)"),
        ({"train/labels/1.txt": YOLO}, ["train/images/1.jpg"], r"object detection \(YOLO\)"),
        ({"1.txt": YOLO}, ["1.jpg"], r"object detection \(YOLO\)"),
        ({"data-00000.arrow": ""}, [], "Hugging Face's `datasets` has saved"),
        ({"setid.mat": ""}, ["image_00001.jpg"], "setid.mat of the Oxford flowers, but not their images"),
        ({"labels.csv": "path,label\n1.jpg,cat\n"}, ["1.jpg"], r"has no class folders, but .*labels\.csv, which may"),
        ({"labels.csv": "path,label\n1.jpg,cat\n"}, [], "holds no image files, but"),
        ({"other.csv": "x,y z\n1,2\n"}, ["1.jpg"], r"has no class folders, but .*other\.csv$"),
    ],
)
def test_other_kinds_of_data_sets_are_named(tmp_path, files, images, kind):
    what, step = explained(tmp_path, files, *images)
    assert re.search(kind, what)
    assert step.endswith((".", "too."))


@pytest.mark.parametrize(
    ("files", "images"),
    [
        ({}, ["1.jpg"]),
        ({"readme.txt": "A cat on a mat, 2024."}, ["1.jpg"]),
        # A caption for each image is not a box.
        ({"1.txt": "a cat on a mat"}, ["1.jpg"]),
        ({"1.txt": "0 0.5\n"}, ["1.jpg"]),
        ({"other/1.xml": "<xml/>"}, ["1.jpg"]),
    ],
)
def test_other_files_explain_nothing(tmp_path, files, images):
    assert explained(tmp_path, files, *images) is None


def test_the_command_trains_on_the_table_of_that_name_and_tests_on_the_other(tmp_path):
    rows = "path,label\n1.jpg,cat\n"
    _, step = explained(tmp_path, {"test.csv": rows, "train.csv": rows, "val.csv": rows}, "1.jpg")
    assert f"`featx fit {tmp_path}/train.csv --test {tmp_path}/test.csv -o model.skops`" in step
    _, step = explained(tmp_path / "x", {"a table.csv": rows}, "1.jpg")
    assert f"`featx fit '{tmp_path}/x/a table.csv' -o model.skops`" in step
