"""Promised: a folder is searched once, links are followed, and what is left out is counted by its kind."""

import os
import sys

import numpy as np
import pytest

from dataset_files import names_below, refusal, write_files
from featx.datasets.folders import Folder, Skipped
from featx.datasets.load import load_dataset


@pytest.mark.parametrize("folder", ["", "a/"])
def test_notes_do_not_depend_on_the_order_of_the_file_system(tmp_path, folder):
    rng = np.random.default_rng(0)
    root = write_files(tmp_path, "a/1.png", *(f"{folder}{i:02}.txt" for i in rng.permutation(40)))
    (note,) = load_dataset(root).notes
    shown = [f"{root}/{folder}{i:02}.txt" for i in range(3)]
    assert note == f"40 files that are not images left out: {', '.join(shown)} and 37 more"


def test_linked_class_folder_is_followed(tmp_path):
    root = write_files(tmp_path, "elsewhere/1.png", "data/a/1.png") / "data"
    (root / "b").symlink_to("../elsewhere")
    (root / "a" / "more").symlink_to("../../elsewhere")
    dataset = load_dataset(root)
    assert names_below(dataset, root) == ["a/1.png", "a/more/1.png", "b/1.png"]
    assert dataset.labels.tolist() == ["a", "a", "b"]


@pytest.mark.parametrize("target", ["self", ".", "..", "../..", "gone"])
def test_looping_or_dangling_link_neither_hangs_nor_mixes_classes(tmp_path, target):
    root = write_files(tmp_path, "data/a/1.png", "data/b/1.png") / "data"
    (root / "a" / "self").symlink_to(target)
    (root / "self").symlink_to("self")
    dataset = load_dataset(root)
    assert names_below(dataset, root) == ["a/1.png", "b/1.png"]


def test_formats_that_are_not_read_are_counted_by_name(tmp_path):
    dataset = load_dataset(
        write_files(tmp_path, "a/1.png", "a/2.heic", "a/3.HEIC", "b/1.png", "b/2.svg", "b/3.zip", "b/4.txt")
    )
    assert len(dataset) == 2
    formats, others = dataset.notes
    assert formats.startswith("3 images in formats that are not read left out: 2 .heic (HEIC), 1 .svg (SVG), such as")
    assert "HEIC: Convert it to JPEG" in formats
    assert formats.endswith("SVG: Draw it as PNG: `rsvg-convert a.svg -o a.png`")
    alone = load_dataset(write_files(tmp_path / "x", "a/1.png", "a/2.heic", "a/3.heif"))
    assert ". Convert it to JPEG" in alone.notes[0]
    none = refusal(write_files(tmp_path / "y", "a/1.heic", "a/2.svg"))
    assert none.endswith("SVG: Draw it as PNG: `rsvg-convert a.svg -o a.png`.")
    assert others.startswith("2 files that are not images left out")


@pytest.mark.parametrize("suffix", [".heic", ".svg", ".dcm", ".jp2", ".nef", ".psd", ".eps", ".mp4", ".jxl", ".HEIF"])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_folder_of_a_format_that_is_not_read_is_refused_by_its_name(tmp_path, suffix, labelled):
    message = refusal(write_files(tmp_path, f"a/1{suffix}", f"b/2{suffix}", "b/notes.txt"), labelled=labelled)
    assert f"no image in a format that is read, but 2 {suffix.lower()} (" in message
    assert "Images end in" not in message


def test_ppm_pgm_and_avif_are_images(tmp_path):
    names = ["a/1.ppm", "a/2.pgm", "b/3.pnm", "b/4.avif"]
    assert len(load_dataset(write_files(tmp_path, *names))) == 4


@pytest.mark.parametrize("name", ["__MACOSX/a/1.png", "@eaDir/x/1.png", ".git/1.png", "a/@eaDir/2.png", "a/._1.png"])
def test_what_systems_leave_is_no_class(tmp_path, name):
    dataset = load_dataset(write_files(tmp_path, "a/1.png", "b/1.png", name))
    assert (dataset.classes, len(dataset)) == (["a", "b"], 2)
    assert dataset.notes[0].startswith("1 hidden entry left out")


@pytest.mark.any_file_name
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_that_are_no_text_are_kept(tmp_path):
    for name in (b"train/\xff/1.png", b"train/b/1.png", b"val/\xff/2.png", b"val/b/2.png"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"x")
    dataset = load_dataset(tmp_path)
    assert dataset.classes == ["b", "\udcff"]
    assert dataset.split.tolist() == ["training", "training", "validation", "validation"]
    assert all(map(os.path.exists, dataset.images))


def test_each_folder_is_listed_once_and_no_file_is_asked_for(tmp_path, monkeypatch):
    parts = [f"deep/{part}/{c}/{i}.png" for part in ("train", "val") for c in "ab" for i in range(3)]
    write_files(tmp_path, *parts)
    listed, asked = [], []
    scandir, stat = os.scandir, os.stat
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    monkeypatch.setattr(os, "stat", lambda path, **more: asked.append(str(path)) or stat(path, **more))
    assert len(load_dataset(tmp_path)) == 12
    assert len(listed) == len(set(listed)) == 8
    assert not [path for path in asked if path.endswith(".png")]


def test_linked_parts_and_classes_are_followed(tmp_path):
    write_files(
        tmp_path, "store/one/a/1.png", "store/one/b/1.png", "store/two/2.png", "data/val/b/3.png", "data/val/a/3.png"
    )
    (tmp_path / "data" / "train").symlink_to("../store/one")
    (tmp_path / "store" / "one" / "c").symlink_to("../two")
    (tmp_path / "data" / "val" / "c").symlink_to("../../store/two")
    (tmp_path / "data" / "val" / "up").symlink_to("..")
    dataset = load_dataset(tmp_path / "data")
    assert dataset.labels.tolist() == ["a", "b", "c", "a", "b", "c"]
    assert dataset.split.tolist() == ["training"] * 3 + ["validation"] * 3


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_a_folder_that_may_not_be_read_is_refused(tmp_path):
    write_files(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        assert "cannot look into the folder" in refusal(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)


def test_filled_folders_hold_images_at_some_depth(tmp_path):
    write_files(tmp_path, "a/b/c/1.png", "d/e/1.txt", "f/1.png")
    assert [folder.name for folder in Folder(str(tmp_path)).with_images] == ["a", "f"]


def test_images_are_sorted_by_their_whole_paths(tmp_path):
    paths = ["a-b/1.png", "a/1.png", "a/b.png", "a/b/2.png", "a/b/c/3.png", "a/b0.png", "a/bb.png", "a.png", "z.png"]
    write_files(tmp_path, *paths)
    found = Folder(str(tmp_path)).below(Skipped())
    assert found == sorted(str(tmp_path / path) for path in paths)
