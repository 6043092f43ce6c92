"""Promised: Parquet is read whatever the types of its columns, with images and class names of Hugging Face."""

import json
import sys

import numpy as np
import pyarrow
import pytest

from dataset_files import (
    names_below,
    refusal,
    write_parquet,
)
from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError, MissingDependencyError
from featx.images.sources import read_image


def test_parquet_manifest_is_read(tmp_path):
    path = write_parquet(tmp_path, path=["a.png", "memory://b.png"], label=[3, 10], group=["g", "h"], other=[None, 1.5])
    dataset = load_dataset(path)
    assert dataset.images == [f"{tmp_path}/a.png", "memory://b.png"]
    assert (dataset.labels.tolist(), dataset.groups.tolist()) == (["3", "10"], ["g", "h"])


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_label_in_parquet_is_refused_with_its_row(tmp_path, blank):
    assert "no label in row 2" in refusal(write_parquet(tmp_path, path=["a", "b"], label=["x", blank]))


def test_missing_number_as_a_parquet_label_is_refused(tmp_path):
    assert "no label in row 2" in refusal(write_parquet(tmp_path, path=["a", "b"], label=[1.0, np.nan]))


def test_parquet_without_paths_is_refused_with_its_columns(tmp_path):
    assert "columns where, label" in refusal(write_parquet(tmp_path, where=["a"], label=["x"]))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"this is no Parquet file" * 10])
def test_damaged_parquet_is_refused(tmp_path, data):
    (tmp_path / "m.parquet").write_bytes(data)
    assert "cannot read" in refusal(tmp_path / "m.parquet")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    path = write_parquet(tmp_path, path=["a"], label=["x"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "featx[parquet]" in refusal(path, error=MissingDependencyError)


@pytest.mark.parametrize(
    "kind", [pyarrow.int64(), pyarrow.float64(), pyarrow.float32(), pyarrow.string(), pyarrow.decimal128(30, 2)]
)
def test_whole_numbers_in_parquet_are_named_alike_whatever_their_type(folder, kind):
    numbers = [3, 2**60]
    column = pyarrow.array(list(map(float if pyarrow.types.is_floating(kind) else str, numbers))).cast(kind)
    path = write_parquet(folder, path=["a.png", "b.png"], label=["x", "y"], group=column)
    assert load_dataset(path).groups.tolist() == list(map(str, numbers))


@pytest.mark.parametrize("kind", [pyarrow.binary(), pyarrow.large_binary(), pyarrow.large_string(), pyarrow.string()])
def test_text_in_parquet_is_read_whatever_its_type(folder, kind):
    path = write_parquet(
        folder,
        path=pyarrow.array(["a.png", "b.png"], kind),
        label=pyarrow.array(["é", "BM"], kind).dictionary_encode(),
    )
    dataset = load_dataset(path)
    assert (names_below(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["é", "BM"])


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
    dataset = load_dataset(write_parquet(folder, **{column: cells, "label": ["x", "y"]}))
    assert [read_image(image).shape for image in dataset.images] == [(3, 4, 3)] * 2
    assert len(set(dataset.names)) == 2
    assert all(len(name) < 200 and "\\x" not in name for name in dataset.names)


def test_hugging_faces_names_of_classes_are_used(folder):
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    metadata = {b"huggingface": json.dumps(features).encode()}
    dataset = load_dataset(write_parquet(folder, metadata, path=["a.png", "b.png"], label=[1, 0]))
    assert dataset.labels.tolist() == ["dog", "cat"]
    with pytest.raises(DatasetError, match="no label in row 2"):
        load_dataset(write_parquet(folder, metadata, path=["a.png", "b.png"], label=[1, -1]))


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
        load_dataset(write_parquet(folder, **columns))
    assert words in str(caught.value)


def test_columns_that_are_not_asked_for_may_be_of_any_type(folder):
    path = write_parquet(folder, path=["a.png", "b.png"], label=["x", "y"], boxes=[[1, 2], [3]], more=[{"a": 1}, None])
    assert load_dataset(path).labels.tolist() == ["x", "y"]
