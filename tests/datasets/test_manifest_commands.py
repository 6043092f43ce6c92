"""Promised: a command that a refusal prints, typed in a shell as it is, makes a table that is read as it says."""

import re
import shutil
import subprocess

import pytest
from PIL import Image

from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are those of a Unix shell")


def grown(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(folder / name, "PNG")
    return folder


def typed(folder, error):
    """Run what a message prints in brackets, as it is, from a folder; return what each command has written."""
    written = []
    for command, table in re.findall(r"`(\(.*?\) > (.*?))`", str(error)):
        subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True)
        path = folder / table.strip("'")
        written.append(path.rename(path.with_name(f"{len(written)}{path.suffix}")))
    return written


def refusal(*args, **options):
    with pytest.raises(DatasetError) as caught:
        load_dataset(*args, **options)
    return caught.value


def rows(path, folder):
    dataset = load_dataset(path)
    names = [name.removeprefix(f"{folder}/./") for name in dataset.names]
    parts = [""] * len(names) if dataset.split is None else dataset.split.tolist()
    return sorted(zip(names, dataset.labels.tolist(), parts, strict=True))


@pytest.mark.parametrize("here", [True, False])
def test_outer_folders_become_the_classes(tmp_path, monkeypatch, here):
    data = tmp_path / "my data's"
    names = ["big cat/day, late/1.JPG", "big cat/night/2.png", "dog/day, late/-3.png", "dog/night/4.png"]
    grown(data, *names, "loose.png", "dog/night/.5.png")
    (data / "dog" / "night" / "notes.txt").write_text("no image")
    monkeypatch.chdir(tmp_path)
    error = refusal(data.name if here else data)
    assert "big cat, dog, with the folders day, late, night in each" in error.message
    (command,) = re.findall(r"`(\(.*?\) > .*?)`", str(error))
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    assert rows(data / "classes.tsv", data) == [(name, name.split("/")[0], "") for name in names]


@pytest.mark.parametrize(("above", "between"), [("", ""), ("images/", ""), ("", "all/")])
def test_either_level_inside_the_parts_becomes_the_classes(tmp_path, above, between):
    parts = {"train": "training", "test": "test"}
    cams = ("cam1", "cam2")
    names = [f"{part}/{above}{c}/{between}{k}/1.png" for part in ("test", "train") for c in cams for k in "ab"]
    error = refusal(grown(tmp_path, *names))
    assert "holds cam1, cam2, with the folders a, b in each" in error.message
    inner, outer = typed(tmp_path, error)
    assert rows(inner, tmp_path) == [(name, name.split("/")[-2], parts[name.split("/")[0]]) for name in names]
    assert rows(outer, tmp_path) == [(name, re.search(r"cam.", name)[0], parts[name.split("/")[0]]) for name in names]


def test_parts_inside_several_data_sets_become_those_of_one(tmp_path):
    parts = {"train": "training", "test": "test"}
    names = [f"{cam}/{part}/{c}/1.png" for cam in ("cam1", "cam2") for part in ("test", "train") for c in "ab"]
    error = refusal(grown(tmp_path, *names))
    assert f"Pass {tmp_path}/cam1 alone" in error.next_step
    (table,) = typed(tmp_path, error)
    assert rows(table, tmp_path) == [(n, n.split("/")[2], parts[n.split("/")[1]]) for n in names]
    assert load_dataset(tmp_path / "cam1").classes == ["a", "b"]


@pytest.mark.parametrize(
    "names",
    [
        # Days, runs and kinds of files in each class; one name that all share; own images; few among many.
        ["cat/2023-01/1.png", "cat/2023-02/1.png", "dog/2023-01/1.png", "dog/2023-02/1.png"],
        ["cat/patient_1/1.png", "cat/patient_2/1.png", "dog/patient_1/1.png", "dog/patient_2/1.png"],
        ["cat/images/1.png", "cat/masks/1.png", "dog/images/1.png", "dog/masks/1.png"],
        ["cat/images/1.png", "dog/images/1.png"],
        ["cat/good/1.png", "cat/bent/1.png", "dog/good/1.png", "dog/torn/1.png"],
        ["cat/1.png", "cat/a/1.png", "cat/b/1.png", "dog/a/1.png", "dog/b/1.png"],
        ["cat/a/1.png", "cat/b/1.png", "dog/a/1.png", "dog/b/1.png", "emu/1.png", "fox/1.png"],
    ],
)
def test_pieces_of_classes_are_no_doubt(tmp_path, names):
    dataset = load_dataset(grown(tmp_path, *names))
    assert dataset.labels.tolist() == [name.split("/")[0] for name in names]


@pytest.mark.parametrize(
    "names",
    [
        ["tr/0/1.png", "tr/1/1.png", "te/0/1.png", "te/1/1.png"],
        ["entrenamiento/a/1.png", "entrenamiento/b/1.png", "prueba/b/1.png"],
        ["cat/day/1.png", "cat/night/1.png", "dog/day/1.png", "dog/night/1.png", "dog/dusk/1.png", "emu/1.png"],
        ["amazon/images/a/1.png", "amazon/images/b/1.png", "dslr/images/a/1.png", "dslr/images/b/1.png"],
        [
            "A/a/1.png",
            "A/x/1.png",
            "B/b/1.png",
            "B/a/1.png",
            "B/y/1.png",
            "C/a/1.png",
            "C/b/1.png",
            "D/a/1.png",
            "D/b/1.png",
        ],
        ["A/a/1.png", "A/b/1.png", "B/a/1.heic", "B/b/1.heic", "C/a/1.png", "C/b/1.png"],
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, names):
    assert "it cannot be told which of them are the classes" in str(refusal(grown(tmp_path, *names)))
