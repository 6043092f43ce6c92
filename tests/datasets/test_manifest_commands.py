"""Promised: a command that a refusal prints, typed in a shell as it is, makes a table that is read as it says."""

import re
import shutil
import subprocess

import pytest

from dataset_files import refused, write_files
from featx.datasets.load import load_dataset

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are those of a Unix shell")


def typed(folder, error):
    """Run what a message prints in brackets, as it is, from a folder; return what each command has written."""
    written = []
    for command, table in re.findall(r"`(\(.*?\) > (.*?))`", str(error)):
        subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True)
        path = folder / table.strip("'")
        written.append(path.rename(path.with_name(f"{len(written)}{path.suffix}")))
    return written


def rows(path, folder):
    dataset = load_dataset(path)
    names = [name.removeprefix(f"{folder}/./") for name in dataset.names]
    parts = [""] * len(names) if dataset.split is None else dataset.split.tolist()
    return sorted(zip(names, dataset.labels.tolist(), parts, strict=True))


@pytest.mark.parametrize("here", [True, False])
def test_outer_folders_become_the_classes(tmp_path, monkeypatch, here):
    data = tmp_path / "my data's"
    names = ["big cat/day, late/1.JPG", "big cat/night/2.png", "dog/day, late/-3.png", "dog/night/4.png"]
    write_files(data, *names, "loose.png", "dog/night/.5.png")
    (data / "dog" / "night" / "notes.txt").write_text("no image")
    monkeypatch.chdir(tmp_path)
    error = refused(data.name if here else data)
    assert "big cat, dog, with the folders day, late, night in each" in error.message
    (command,) = re.findall(r"`(\(.*?\) > .*?)`", str(error))
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    assert rows(data / "classes.tsv", data) == [(name, name.split("/")[0], "") for name in names]


@pytest.mark.parametrize(("above", "between"), [("", ""), ("images/", ""), ("", "all/")])
def test_either_level_inside_the_parts_becomes_the_classes(tmp_path, above, between):
    parts = {"train": "training", "test": "test"}
    cams = ("cam1", "cam2")
    names = [f"{part}/{above}{c}/{between}{k}/1.png" for part in ("test", "train") for c in cams for k in "ab"]
    error = refused(write_files(tmp_path, *names))
    assert "holds cam1, cam2, with the folders a, b in each" in error.message
    inner, outer = typed(tmp_path, error)
    assert rows(inner, tmp_path) == [(name, name.split("/")[-2], parts[name.split("/")[0]]) for name in names]
    assert rows(outer, tmp_path) == [(name, re.search(r"cam.", name)[0], parts[name.split("/")[0]]) for name in names]


def test_parts_inside_several_data_sets_become_those_of_one(tmp_path):
    parts = {"train": "training", "test": "test"}
    names = [f"{cam}/{part}/{c}/1.png" for cam in ("cam1", "cam2") for part in ("test", "train") for c in "ab"]
    error = refused(write_files(tmp_path, *names))
    assert f"Pass {tmp_path}/cam1 alone" in error.next_step
    (table,) = typed(tmp_path, error)
    assert rows(table, tmp_path) == [(n, n.split("/")[2], parts[n.split("/")[1]]) for n in names]
    assert load_dataset(tmp_path / "cam1").classes == ["a", "b"]
