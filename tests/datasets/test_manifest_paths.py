"""Promised: the images of a manifest are found where its paths point, also from Windows or another folder."""

import os

import pytest
from PIL import Image

from dataset_files import load_table, names_below, table_refusal, write_files, write_table
from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError
from featx.images.sources import read_image


def test_manifest_paths_are_relative_absolute_or_urls(tmp_path, monkeypatch):
    root = write_files(tmp_path, "sub/1.png")
    text = f'path,label\nsub/1.png,x\n{root}/sub/1.png,y\nmemory://a.png,z\n"a,b.png",x\n'
    path = write_table(root, text)
    monkeypatch.chdir("/")
    dataset = load_dataset(path)
    assert dataset.images == [*[f"{root}/sub/1.png"] * 2, "memory://a.png", f"{root}/a,b.png"]
    assert dataset.labels.tolist() == ["x", "y", "z", "x"]
    assert dataset.groups is None
    assert read_image(dataset.images[0]).shape == (3, 4, 3)


@pytest.mark.skipif(os.name == "nt", reason="there they are separators")
def test_paths_of_windows_are_found_and_said_once(folder):
    dataset = load_table(folder, "path,label\nsub\\c.png,x\nsub\\d.png,y\n")
    assert names_below(dataset, folder) == ["sub/c.png", "sub/d.png"]
    assert [note.partition(": ")[2] for note in dataset.notes] == ["\\ in paths, such as sub\\c.png, is taken as /"]
    Image.new("RGB", (4, 3)).save(folder / "sub\\c.png")
    assert names_below(load_table(folder, "path,label\nsub\\c.png,x\nsub\\d.png,y\n"), folder) == [
        "sub\\c.png",
        "sub/d.png",
    ]


@pytest.mark.skipif(os.name == "nt", reason="there they are paths")
def test_drives_of_windows_are_refused_with_where_paths_start(folder):
    text = "path,label\nD:\\x\\a.png,x\n"
    assert f"a path of Windows. Write paths that start at the manifest's folder, {folder}." in table_refusal(
        folder, text
    )
    with pytest.raises(DatasetError, match=r"manifest's folder, the current one\.$"):
        load_dataset("m.csv")


def test_a_home_folder_is_expanded(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "sub"))
    monkeypatch.setenv("USERPROFILE", str(folder / "sub"))
    assert names_below(load_table(folder, "path,label\n~/c.png,x\na.png,y\n"), folder) == ["sub/c.png", "a.png"]


def test_images_in_one_sub_folder_are_found_and_said(folder):
    dataset = load_table(folder, "image_id,label\nc,x\nd,y\n")
    assert names_below(dataset, folder) == ["sub/c.png", "sub/d.png"]
    assert dataset.notes[-1].endswith(f"paths start at {folder}/sub and end in .png: {folder}/sub/c.png")
    (folder / "deep").mkdir()
    below = load_table(folder / "deep", "path,label\na.png,x\nb.png,y\n")
    assert names_below(below, folder) == ["a.png", "b.png"]
    assert "paths start at the current folder" in below.notes[-1]
    (folder / "other").mkdir()
    for name in ("c.png", "d.png"):
        Image.new("RGB", (4, 3)).save(folder / "other" / name)
    assert "names c.png, which may be" in table_refusal(folder, "path,label\nc.png,x\nd.png,y\n")
