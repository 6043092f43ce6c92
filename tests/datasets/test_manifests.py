"""Promised: tables of images are read however programs write them; what may be meant otherwise is refused."""

import json
import os

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError
from featx.images.sources import read_image

HEADED = "path,label\na.png,x\nb.png,y\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two images, the current one, and another two in sub/."""
    for name in ("a.png", "b.png", "sub/c.png", "sub/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 3)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(folder, text, name="m.csv", encoding="utf-8", **options):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return load_dataset(folder / name, **options)


def parquet(folder, metadata=None, **columns):
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), folder / "m.parquet")
    return folder / "m.parquet"


def refusal(*args, **options):
    with pytest.raises(DatasetError) as caught:
        load(*args, **options)
    return str(caught.value)


def names(dataset, folder):
    return [os.path.relpath(name, folder) for name in dataset.names]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        HEADED,
        "path;label\na.png;x\nb.png;y\n",
        "path\tlabel\na.png\tx\nb.png\ty\n",
        "path|label\na.png|x\nb.png|y\n",
        "sep=;\npath;label\na.png;x\nb.png;y\n",
        '"sep=,"\r\npath,label\r\na.png,x\r\nb.png,y\r\n',
        "sep=\t\r\npath\tlabel\r\na.png\tx\r\nb.png\ty\r\n",
        "path;label;score\na.png;x;0,5\nb.png;y;0,7\n",
        '"path","label","said, by; whom"\na.png,x,"1;2\n3"\nb.png,y,\n',
        "path,label\ra.png,x\rb.png,y\r",
        "path,label,\r\na.png,x,\r\nb.png,y,\r\n",
    ],
)
def test_the_separator_is_the_one_that_makes_names_of_columns(folder, text, encoding):
    dataset = load(folder, text, encoding=encoding)
    assert names(dataset, folder) == ["a.png", "b.png"]
    assert dataset.labels.tolist() == ["x", "y"]
    assert dataset.notes == []


def test_a_separator_inside_values_of_another_is_kept(folder):
    assert load(folder, "path;label\na.png;x,1\nb.png;y,2\n").labels.tolist() == ["x,1", "y,2"]
    dataset = load(folder, "where;what\na.png;x\nb.png;y\n", path_column="where", label_column="what")
    assert (names(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["x", "y"])


@pytest.mark.parametrize(
    "path", ["Path", "PATH", "filename", "file_name", "File Name", "image", "image_path", "image-id"]
)
@pytest.mark.parametrize("label", ["Label", "class", "Category", "target", "class_name", "ClassId"])
def test_columns_of_usual_names_are_taken_and_named(folder, path, label):
    dataset = load(folder, f"number,{path},{label}\n1,a.png,x\n2,b.png,y\n")
    assert (names(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["x", "y"])
    told = [f"the column {path} is taken as the path", f"the column {label} is taken as the label"]
    assert [note.partition(": ")[2] for note in dataset.notes] == told


def test_an_exact_name_goes_before_others(folder):
    dataset = load(folder, "filename,path,class,label\nq.png,a.png,1,x\nq.png,b.png,2,y\n")
    assert (names(dataset, folder), dataset.labels.tolist(), dataset.notes) == (["a.png", "b.png"], ["x", "y"], [])
    other = load(folder, "Path,label,Label\na.png,x,1\nb.png,y,2\n", label_column="Label")
    assert other.labels.tolist() == ["1", "2"]


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
    assert words in refusal(folder, text, name="m.txt")


def test_a_column_that_does_not_exist_is_refused_with_those_that_do(folder):
    message = refusal(folder, "where,what\na.png,x\n", path_column="wher")
    assert "has no column 'wher', but where, what. Did you mean where" in message
    assert "has no column 'q', but path, label. Name one of them by `--label-column`" in refusal(
        folder, HEADED, label_column="q"
    )


def test_naming_a_column_says_that_its_values_are_classes(folder):
    text = "path,labels\na.png,car dog\nb.png,car\na.png,dog\n"
    assert load(folder, text, label_column="labels").classes == ["car", "car dog", "dog"]
    boxes = "path,label,xmin,ymin\na.png,x,0,0\na.png,y,1,1\n"
    assert load(folder, boxes, label_column="label").classes == ["x", "y"]
    assert load(folder, boxes, labelled=False).labels is None


def test_boxes_of_one_object_an_image_leave_the_classes(folder):
    text = "Filename;Width;Roi.X1;Roi.Y1;ClassId\na.png;4;0;0;3\nb.png;4;1;1;14\n"
    assert load(folder, text).labels.tolist() == ["3", "14"]


def test_rows_without_any_value_are_left_out_and_counted(folder):
    dataset = load(folder, "path,label,\r\na.png,x,\r\n,,\r\n , \r\nb.png,y,\r\n\r\n,,\r\n")
    assert dataset.labels.tolist() == ["x", "y"]
    assert dataset.notes == [f"3 rows without any value left out of {folder}/m.csv"]


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
    dataset = load(folder, f"path,{column}{more}\na.png,{first}{more and ',x'}\nb.png,{second}{more and ',y'}\n")
    found = {"label": dataset.labels, "group": dataset.groups, "stratum": dataset.strata}[column]
    assert found.tolist() == read.split()
    told = [] if values == read else [f"{folder}/m.csv: whole numbers in the column {column} are named without .0"]
    assert dataset.notes == told


def test_whole_numbers_in_json_lines_are_named_alike_whatever_their_type(folder):
    text = '{"path": "a.png", "label": 1}\n{"path": "b.png", "label": 1.0}\n'
    assert load(folder, text, name="m.jsonl").labels.tolist() == ["1", "1"]


@pytest.mark.parametrize(
    "kind", [pyarrow.int64(), pyarrow.float64(), pyarrow.float32(), pyarrow.string(), pyarrow.decimal128(30, 2)]
)
def test_whole_numbers_in_parquet_are_named_alike_whatever_their_type(folder, kind):
    numbers = [3, 2**60]
    column = pyarrow.array(list(map(float if pyarrow.types.is_floating(kind) else str, numbers))).cast(kind)
    path = parquet(folder, path=["a.png", "b.png"], label=["x", "y"], group=column)
    assert load_dataset(path).groups.tolist() == list(map(str, numbers))


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


@pytest.mark.parametrize(
    "text",
    [
        '"path" "label"\n"1" "a.png" "x"\n"2" "b.png" "y"\n',
        "path label\na.png x\nb.png y\n",
        "path   label   score\na.png   x    0.5\n",
    ],
)
@pytest.mark.parametrize("name", ["m.csv", "m.txt"])
def test_blanks_between_values_are_refused_as_what_they_are(folder, text, name):
    message = refusal(folder, text, name=name)
    assert "separates its values by blanks (path label" in message
    assert "write.csv" in message


def test_a_list_with_blanks_and_without_names_is_refused_as_one(folder):
    message = refusal(folder, "a.png 0\nb.png 1\n", name="m.txt")
    assert "does not name its columns: its first line has the image a.png 0" in message
    assert "Write commas or tabs between the values, and a line with their names above it, path and label." in message


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ("# made by me, on Monday\n", ["1 line that begins with # left out of {}"]),
        ('\n# 5" of label, path\n#\n', ["2 lines that begin with # left out of {}"]),
        ("#image;of;mine\r\n", ["1 line that begins with # left out of {}"]),
    ],
)
def test_comments_above_the_names_are_left_out(folder, above, told):
    dataset = load(folder, f"{above}path,label\na.png,x\nb.png,y\n")
    assert dataset.labels.tolist() == ["x", "y"]
    assert dataset.notes == [note.format(folder / "m.csv") for note in told]
    # Lines are still those of the file.
    line = above.count("\n") + 2
    assert f"no label in line {line}." in refusal(folder, f"{above}path,label\na.png,\n")


def test_lines_are_those_of_the_file(folder):
    assert "no label in line 5." in refusal(folder, '\n\npath,label\na.png,"x"\nb.png,\n')
    assert "no label in line 5 and 1 more row." in refusal(folder, 'path,label\n"a.png","x\ny"\n,,\nb.png,\nc.png,\n')
    assert "too many values in line 4" in refusal(folder, "sep=,\npath,label\na.png,x\nb.png,y,z\n")


@pytest.mark.skipif(os.name == "nt", reason="there they are separators")
def test_paths_of_windows_are_found_and_said_once(folder):
    dataset = load(folder, "path,label\nsub\\c.png,x\nsub\\d.png,y\n")
    assert names(dataset, folder) == ["sub/c.png", "sub/d.png"]
    assert [note.partition(": ")[2] for note in dataset.notes] == ["\\ in paths, such as sub\\c.png, is taken as /"]
    Image.new("RGB", (4, 3)).save(folder / "sub\\c.png")
    assert names(load(folder, "path,label\nsub\\c.png,x\nsub\\d.png,y\n"), folder) == ["sub\\c.png", "sub/d.png"]


@pytest.mark.skipif(os.name == "nt", reason="there they are paths")
def test_drives_of_windows_are_refused_with_where_paths_start(folder):
    text = "path,label\nD:\\x\\a.png,x\n"
    assert f"a path of Windows. Write paths that start at the manifest's folder, {folder}." in refusal(folder, text)
    with pytest.raises(DatasetError, match=r"manifest's folder, the current one\.$"):
        load_dataset("m.csv")


def test_a_home_folder_is_expanded(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "sub"))
    monkeypatch.setenv("USERPROFILE", str(folder / "sub"))
    assert names(load(folder, "path,label\n~/c.png,x\na.png,y\n"), folder) == ["sub/c.png", "a.png"]


def test_images_in_one_sub_folder_are_found_and_said(folder):
    dataset = load(folder, "image_id,label\nc,x\nd,y\n")
    assert names(dataset, folder) == ["sub/c.png", "sub/d.png"]
    assert dataset.notes[-1].endswith(f"paths start at {folder}/sub and end in .png: {folder}/sub/c.png")
    (folder / "deep").mkdir()
    below = load_dataset_of(folder / "deep", "path,label\na.png,x\nb.png,y\n")
    assert names(below, folder) == ["a.png", "b.png"]
    assert "paths start at the current folder" in below.notes[-1]
    (folder / "other").mkdir()
    for name in ("c.png", "d.png"):
        Image.new("RGB", (4, 3)).save(folder / "other" / name)
    assert "names c.png, which may be" in refusal(folder, "path,label\nc.png,x\nd.png,y\n")


def load_dataset_of(folder, text):
    (folder / "m.csv").write_text(text)
    return load_dataset(folder / "m.csv")


@pytest.mark.parametrize(
    ("column", "values", "split"),
    [
        ("split", "train VAL Test", "training validation test"),
        ("Split", "training valid testing", "training validation test"),
        ("split", "TRAIN validate eval", "training validation test"),
        ("subset", "train dev test", "training validation test"),
        ("is_valid", "False True 0", "training validation training"),
        ("is_test", "0 1 0", "training test training"),
    ],
)
def test_a_column_gives_the_split(folder, column, values, split):
    rows = [f"{name}.png,x,{value}\n" for name, value in zip("abc", values.split(), strict=True)]
    assert load(folder, f"path,label,{column}\n{''.join(rows)}").split.tolist() == split.split()


@pytest.mark.parametrize("values", ["train train", "TRAIN training"])
def test_one_part_alone_is_no_split(folder, values):
    first, second = values.split()
    dataset = load(folder, f"path,label,split\na.png,x,{first}\nb.png,y,{second}\n")
    assert dataset.split is None
    assert "are of the training part, so there is no split" in dataset.notes[-1]


def test_a_column_of_another_meaning_is_no_split(folder):
    dataset = load(folder, "path,label,set\na.png,x,A\nb.png,y,B\n")
    assert (dataset.split, dataset.notes) == (None, [])


def test_classes_that_a_part_lacks_are_named(folder):
    dataset = load(folder, "path,label,split\na.png,x,train\nb.png,y,train\nc.png,x,test\n")
    assert dataset.notes == ["the test images lack 1 class: y"]


def test_without_labels_what_is_wrong_with_them_is_said(folder):
    dataset = load(folder, "path,label,split\na.png,,0\nb.png,x,1\n", labelled=False)
    assert (names(dataset, folder), dataset.labels, dataset.split) == (["a.png", "b.png"], None, None)
    assert [note.partition(":")[0] for note in dataset.notes] == ["without labels", "without a split"]


def test_json_lines_are_read(folder):
    lines = [{"file_name": "a.png", "label": 3, "split": "train"}, {"file_name": "b.png", "label": 3, "split": "test"}]
    dataset = load(folder, "\n".join(map(json.dumps, lines)), name="metadata.jsonl")
    assert (names(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["3", "3"])
    assert dataset.split.tolist() == ["training", "test"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"path": "a.png", "label": ["x", "y"]}', "a list as label in line 1"),
        ('\n{"path": "a.png", "label": {"x": 1}}', "an object as label in line 2"),
        ('{"path": "a.png", "label": "x"}\n[1]', "no object in line 2"),
        ('{"path": "a.png"', "line 1"),
        ('{"path": "a.png", "label": null}', "no label in line 1"),
    ],
)
def test_json_lines_of_other_things_are_refused_with_the_line(folder, text, words):
    assert words in refusal(folder, text, name="m.jsonl")


@pytest.mark.parametrize("name", ["m.xlsx", "m.ods", "m.csv"])
def test_a_spreadsheet_is_refused_with_what_to_do(folder, name):
    assert "is a spreadsheet. Save it as CSV" in refusal(folder, b"PK\x03\x04" + b"\0" * 99, name=name)


@pytest.mark.parametrize("kind", [pyarrow.binary(), pyarrow.large_binary(), pyarrow.large_string(), pyarrow.string()])
def test_text_in_parquet_is_read_whatever_its_type(folder, kind):
    path = parquet(
        folder,
        path=pyarrow.array(["a.png", "b.png"], kind),
        label=pyarrow.array(["é", "BM"], kind).dictionary_encode(),
    )
    dataset = load_dataset(path)
    assert (names(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["é", "BM"])


@pytest.mark.parametrize("column", ["path", "image"])
@pytest.mark.parametrize("kind", ["bytes", "struct", "struct without path", "path only"])
def test_images_in_parquet_are_read(folder, column, kind):
    data = (folder / "a.png").read_bytes()
    cells = {
        "bytes": [data, data],
        "struct": [{"bytes": data, "path": "1.png"}, {"bytes": data, "path": "2.png"}],
        "struct without path": [{"bytes": data, "path": None}] * 2,
        "path only": [{"bytes": None, "path": "a.png"}, {"bytes": None, "path": "b.png"}],
    }[kind]
    dataset = load_dataset(parquet(folder, **{column: cells, "label": ["x", "y"]}))
    assert [read_image(image).shape for image in dataset.images] == [(3, 4, 3)] * 2
    assert len(set(dataset.names)) == 2
    assert all(len(name) < 200 and "\\x" not in name for name in dataset.names)


def test_hugging_faces_names_of_classes_are_used(folder):
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    metadata = {b"huggingface": json.dumps(features).encode()}
    dataset = load_dataset(parquet(folder, metadata, path=["a.png", "b.png"], label=[1, 0]))
    assert dataset.labels.tolist() == ["dog", "cat"]
    with pytest.raises(DatasetError, match="no label in row 2"):
        load_dataset(parquet(folder, metadata, path=["a.png", "b.png"], label=[1, -1]))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"path": ["a", "b"], "label": [["x"], ["y", "z"]]}, "column label of type list<"),
        ({"path": ["a", "b"], "label": [{"x": 1}, {"x": 2}]}, "column label of type struct<"),
        ({"path": [["a"], ["b"]], "label": ["x", "y"]}, "column path of type list<"),
        ({"path": ["a", "b"], "label": [b"\xff\xfe", b"x"]}, "no text or number as label in row 1, but bytes"),
        ({"path": ["a", None], "label": ["x", "y"]}, "no path in row 2"),
        ({"path": ["a", "b", "c"], "label": [None, "x", None]}, "no label in row 1 and 1 more row"),
        ({"path": ["a", "b"], "label": [np.nan, 1.0]}, "no label in row 1"),
        ({"path": ["a", "b"], "label": pyarrow.nulls(2)}, "no label in row 1 and 1 more row"),
    ],
)
def test_other_types_in_parquet_are_refused_by_type(folder, columns, words):
    with pytest.raises(DatasetError) as caught:
        load_dataset(parquet(folder, **columns))
    assert words in str(caught.value)


def test_columns_that_are_not_asked_for_may_be_of_any_type(folder):
    path = parquet(folder, path=["a.png", "b.png"], label=["x", "y"], boxes=[[1, 2], [3]], more=[{"a": 1}, None])
    assert load_dataset(path).labels.tolist() == ["x", "y"]
