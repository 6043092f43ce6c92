"""Promised: columns are known by their usual names; where several may be meant, none is guessed."""

import pytest

from dataset_files import load_table, names_below, table_refusal

HEADED = "path,label\na.png,x\nb.png,y\n"


@pytest.mark.parametrize(
    "path", ["Path", "PATH", "filename", "file_name", "File Name", "image", "image_path", "image-id"]
)
@pytest.mark.parametrize("label", ["Label", "class", "Category", "target", "class_name", "ClassId"])
def test_columns_of_usual_names_are_taken_and_named(folder, path, label):
    dataset = load_table(folder, f"number,{path},{label}\n1,a.png,x\n2,b.png,y\n")
    assert (names_below(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["x", "y"])
    told = [f"the column {path} is taken as the path", f"the column {label} is taken as the label"]
    assert [note.partition(": ")[2] for note in dataset.notes] == told


def test_an_exact_name_goes_before_others(folder):
    dataset = load_table(folder, "filename,path,class,label\nq.png,a.png,1,x\nq.png,b.png,2,y\n")
    assert (names_below(dataset, folder), dataset.labels.tolist(), dataset.notes) == (
        ["a.png", "b.png"],
        ["x", "y"],
        [],
    )
    other = load_table(folder, "Path,label,Label\na.png,x,1\nb.png,y,2\n", label_column="Label")
    assert other.labels.tolist() == ["1", "2"]


def test_a_column_that_does_not_exist_is_refused_with_those_that_do(folder):
    message = table_refusal(folder, "where,what\na.png,x\n", path_column="wher")
    assert "has no column 'wher', but where, what. Did you mean where" in message
    assert "has no column 'q', but path, label. Name one of them by `--label-column`" in table_refusal(
        folder, HEADED, label_column="q"
    )


def test_a_list_with_blanks_and_without_names_is_refused_as_one(folder):
    message = table_refusal(folder, "a.png 0\nb.png 1\n", name="m.txt")
    assert "does not name its columns: its first line has the image a.png 0" in message
    assert "Write commas or tabs between the values, and a line with their names above it, path and label." in message
