"""Promised: tables of images become labels, groups, strata and a split; what may be meant otherwise is refused."""

import pytest

from dataset_files import load_table, names_below, refusal, table_refusal, write_table
from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError


def test_manifest_of_paths_alone_serves_only_without_labels(tmp_path):
    path = write_table(tmp_path, "path\nb.png\na.png\n")
    assert names_below(load_dataset(path, labelled=False), tmp_path) == ["b.png", "a.png"]
    assert "has no labels" in refusal(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty; expected the columns path and label"),
        ("where,label\na.png,x\n", "columns where, label; expected path"),
        ("where;label\na.png;x\n", "columns where, label; expected path"),
        ("path,label\n", "lists no image"),
        ("path,label\na.png,x\nb.png,\n", "no label in line 3"),
        ("path,label\na.png,x\n\nb.png, \nc.png,\n", "no label in line 4 and 1 more row."),
        ('path,label\n"a\nb.png",x\n,y\n', "no path in line 4"),
        ("path,label,group\na.png,x,1\nb.png,x,\n", "no group in line 3"),
        ("path,label\na.png,x\nb.png\n", "no label in line 3"),
        ("path,label\na.png,x\nb,c.png,y\n", "too many values in line 3. Quote values that hold a comma"),
        ("path,label,label\na.png,x,y\n", "column label twice"),
        ('path,label\n"a.png,x\n', "cannot read"),
        ("path,label\n" + "a" * 200_000 + ",x\n", "cannot read"),
    ],
)
def test_malformed_manifest_is_refused_with_the_place(tmp_path, text, reason):
    path = write_table(tmp_path, text)
    message = refusal(path)
    assert reason in message.replace(str(path), "")
    assert str(path) in message


def test_a_manifest_may_name_strata_beside_groups(tmp_path):
    (tmp_path / "m.csv").write_text("path,label,stratum\na.png,x,mild\nb.png,y,severe\nc.png,x,mild\n")
    dataset = load_dataset(tmp_path / "m.csv")
    assert dataset.strata.tolist() == ["mild", "severe", "mild"]
    assert dataset.groups is None
    assert dataset.take([1]).strata.tolist() == ["severe"]
    (tmp_path / "m.csv").write_text("path,label,stratum\na.png,x,\n")
    with pytest.raises(DatasetError, match="no stratum in line 2"):
        load_dataset(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("filename,image,label\na.png,b.png,x\n", "may be the path: filename, image. Name one by `--path-column NAME`"),
        ("path,class,target\na.png,x,y\n", "may be the label: class, target. Name one by `--label-column NAME`"),
        ("path,Group,GROUP,label\na.png,1,2,x\n", "may be the group: Group, GROUP"),
        (
            "where,label\na.png,x\n",
            "columns where, label; expected path and label. Name the column of image files by",
        ),
        (
            "path,what\na.png,x\n",
            "no labels, but the columns path, what. Name the column of classes by",
        ),
        (
            "a.png,x\nb.png,y\n",
            "first line has the image a.png. Write a line with their names above it, here path and",
        ),
        ("x\ta.png\ny\tb.png\n", "above it, here label and path"),
        ("a.png,1,1\nb.png,1,1\n", "above it, path and label among them"),
        ("train,s3://b/a.jpg,x\n", "its first line has the image s3://b/a.jpg"),
        ("a.png 0\nb.png 1\n", "does not name its columns"),
        ("path,label\nC:\\a.png,x\n", "C:\\a.png in line 2, a path of Windows"),
        ("path,label\n\\\\server\\a.png,x\n", "in line 2, a path of Windows"),
        (
            "path,label,split\na.png,x,0\nb.png,y,1\n",
            "has '0', '1' as split, first in line 2; expected train, val",
        ),
        ("path,label,split\na.png,x,train\nb.png,y,\n", "no split in line 3"),
        ("path,label,split\na.png,x,train\nb.png,y,test\n", "the test images of"),
        ("path,label,split\na.png,x,val\nb.png,x,test\n", "has test and validation images only"),
        (
            "path,cat,dog\na.png,1,0\nb.png,0,1\n",
            "0 and 1 in place of a label (cat, dog), one for each class",
        ),
        ("path,cat,dog\na.png,1,1\nb.png,0,1\n", "several classes to an image"),
        ("path,labels\na.png,car dog\nb.png,car\na.png,dog\n", "several classes to an image: labels is 'car dog'"),
        ("path,label,xmin,ymin\na.png,x,0,0\na.png,y,1,1\n", "object detection"),
        ("path,label\nc.png,x\nq.png,y\n\nd.png\n", "no label in line 5"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_to_do(folder, text, words):
    assert words in table_refusal(folder, text, name="m.txt")


def test_naming_a_column_says_that_its_values_are_classes(folder):
    text = "path,labels\na.png,car dog\nb.png,car\na.png,dog\n"
    assert load_table(folder, text, label_column="labels").classes == ["car", "car dog", "dog"]
    boxes = "path,label,xmin,ymin\na.png,x,0,0\na.png,y,1,1\n"
    assert load_table(folder, boxes, label_column="label").classes == ["x", "y"]
    assert load_table(folder, boxes, labelled=False).labels is None


def test_boxes_of_one_object_an_image_leave_the_classes(folder):
    text = "Filename;Width;Roi.X1;Roi.Y1;ClassId\na.png;4;0;0;3\nb.png;4;1;1;14\n"
    assert load_table(folder, text).labels.tolist() == ["3", "14"]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ("0.0 1.0", "0 1"),
        ("1 1.0", "1 1"),
        ("-1.0 1.5", "-1 1.5"),
        ("10.0 1e3", "10 1e3"),
        ("007 1.0", "007 1"),
        ("1.00 2.50", "1 2.50"),
        ("1. 20.", "1 20"),
        ("1.0 other", "1.0 other"),
        ("v1.0 v2.0", "v1.0 v2.0"),
        ("1.1.0 2.0", "1.1.0 2.0"),
    ],
)
@pytest.mark.parametrize("column", ["label", "group", "stratum"])
def test_whole_numbers_are_named_alike(folder, values, read, column):
    first, second = values.split()
    more = "" if column == "label" else ",label"
    dataset = load_table(folder, f"path,{column}{more}\na.png,{first}{more and ',x'}\nb.png,{second}{more and ',y'}\n")
    found = {"label": dataset.labels, "group": dataset.groups, "stratum": dataset.strata}[column]
    assert found.tolist() == read.split()
    told = [] if values == read else [f"{folder}/m.csv: whole numbers in the column {column} are named without .0"]
    assert dataset.notes == told


def test_groups_of_two_files_are_the_same_with_and_without_a_gap(folder):
    pandas = pytest.importorskip("pandas")
    train = pandas.DataFrame({"path": ["a.png", "b.png"], "label": ["x", "y"], "group": [0, 5]})
    test = train.assign(group=[0, None]).ffill()
    assert test.group.dtype == "float64"
    for suffix, write in (("csv", "to_csv"), ("parquet", "to_parquet"), ("tsv", "to_csv")):
        getattr(train, write)(folder / f"train.{suffix}", index=False)
        getattr(test, write)(folder / f"test.{suffix}", index=False)
        assert set(load_dataset(folder / f"test.{suffix}").groups) <= set(
            load_dataset(folder / f"train.{suffix}").groups
        )


def test_without_labels_what_is_wrong_with_them_is_said(folder):
    dataset = load_table(folder, "path,label,split\na.png,,0\nb.png,x,1\n", labelled=False)
    assert (names_below(dataset, folder), dataset.labels, dataset.split) == (["a.png", "b.png"], None, None)
    assert [note.partition(":")[0] for note in dataset.notes] == ["without labels", "without a split"]
