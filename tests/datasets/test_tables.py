"""Promised: tables are read in every usual encoding, and as JSON Lines; other files are refused."""

import json
import sys
import tracemalloc

import pytest

from dataset_files import (
    load_table,
    names_below,
    refusal,
    table_refusal,
    write_table,
)
from featx.datasets.load import load_dataset


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        "path,label,group\né.png,ä,1\nb.png,y,2\n",
        " path , label,group \n é.png , ä,1 \nb.png,y ,2\n",
        "group,other,label,path\r\n1,,ä,é.png\r\n2,?,y,b.png",
        '"path","label","group"\n\n"é.png","ä","1"\n\n"b.png","y","2"\n\n',
    ],
)
def test_manifest_is_read_however_it_is_written(tmp_path, text, encoding):
    dataset = load_dataset(write_table(tmp_path, text, encoding=encoding))
    assert names_below(dataset, tmp_path) == ["é.png", "b.png"]
    assert (dataset.labels.tolist(), dataset.groups.tolist()) == (["ä", "y"], ["1", "2"])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_manifest_in_another_encoding_is_refused(tmp_path, encoding):
    assert "UTF-8" in refusal(write_table(tmp_path, "path,label\né.png,x\n", encoding=encoding))


def test_json_lines_are_read(folder):
    lines = [{"file_name": "a.png", "label": 3, "split": "train"}, {"file_name": "b.png", "label": 3, "split": "test"}]
    dataset = load_table(folder, "\n".join(map(json.dumps, lines)), name="metadata.jsonl")
    assert (names_below(dataset, folder), dataset.labels.tolist()) == (["a.png", "b.png"], ["3", "3"])
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
    assert words in table_refusal(folder, text, name="m.jsonl")


def test_whole_numbers_in_json_lines_are_named_alike_whatever_their_type(folder):
    text = '{"path": "a.png", "label": 1}\n{"path": "b.png", "label": 1.0}\n'
    assert load_table(folder, text, name="m.jsonl").labels.tolist() == ["1", "1"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_the_memory_is_a_small_multiple_of_the_text(folder, suffix):
    paths = [f"/photographs/of/the/year/2024/{i:030d}.jpg" for i in range(5000)]
    if suffix == ".csv":
        text = "path,label\n" + "".join(f"{path},class{i % 10}\n" for i, path in enumerate(paths))
    else:
        text = "".join(json.dumps({"path": path, "label": f"class{i % 10}"}) + "\n" for i, path in enumerate(paths))
    (folder / f"table{suffix}").write_text(text)
    load_dataset(folder / f"table{suffix}")  # what is imported and compiled at first
    tracemalloc.start()
    try:
        images = load_dataset(folder / f"table{suffix}").images
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert images == paths
    assert peak < 2 * (len(text) + sum(map(sys.getsizeof, paths)))
