"""Promised: images are listed with the class and the part of their folder, sorted; images outside of them are said."""

import pytest

from dataset_files import names_below, refusal, write_files
from featx.datasets.load import load_dataset
from featx.images.sources import read_image


@pytest.mark.any_file_name
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_images_at_any_depth_belong_to_their_class_and_are_sorted(tmp_path, kind):
    root = write_files(tmp_path, "b/2.png", "b/10.JPG", "a/deep/er/1.png", "a/x.png", "c/é ü.png")
    dataset = load_dataset(kind(root))
    assert names_below(dataset, root) == ["a/deep/er/1.png", "a/x.png", "b/10.JPG", "b/2.png", "c/é ü.png"]
    assert dataset.labels.tolist() == ["a", "a", "b", "b", "c"]
    assert dataset.classes == ["a", "b", "c"]
    assert (len(dataset), dataset.images, dataset.groups, dataset.notes) == (5, dataset.names, None, [])
    assert read_image(dataset.images[0]).shape == (3, 4, 3)


def test_an_empty_class_folder_is_named(tmp_path):
    root = write_files(tmp_path, "a/1.png")
    (root / "nothing").mkdir()
    assert load_dataset(root).notes == ["1 class without images left out: nothing"]


def test_flat_folder_serves_only_without_labels(tmp_path):
    root = write_files(tmp_path, "b.png", "a.png", "c.txt")
    dataset = load_dataset(root, labelled=False)
    assert names_below(dataset, root) == ["a.png", "b.png"]
    assert (dataset.labels, dataset.classes) == (None, [])
    assert "has no labels" in refusal(root)


def test_without_labels_loose_images_are_kept_beside_folders(tmp_path):
    root = write_files(tmp_path, "b/1.png", "a.png")
    dataset = load_dataset(root, labelled=False)
    assert names_below(dataset, root) == ["a.png", "b/1.png"]
    assert dataset.labels is None


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ("a/.hidden.png", "hidden"),
        (".hidden.png", "hidden"),
        (".thumbs/1.png", "hidden"),
        ("a/.thumbs/1.png", "hidden"),
        ("a/notes.txt", "1 file that is not an image left out"),
        ("readme.md", "1 file that is not an image left out"),
        ("empty/notes.txt", "class without images"),
        ("loose.png", "outside the class folders"),
    ],
)
def test_what_is_left_out_is_named_in_the_notes_and_not_fatal(tmp_path, extra, word):
    root = write_files(tmp_path, "a/1.png", "b/1.png", extra)
    dataset = load_dataset(root)
    assert names_below(dataset, root) == ["a/1.png", "b/1.png"]
    note = next(note for note in dataset.notes if word in note)
    assert next(part for part in extra.split("/") if part != "a").split("/")[0] in note
    assert note.startswith("1 ")


def test_parts_are_told_where_labels_are_not(tmp_path):
    dataset = load_dataset(write_files(tmp_path, "train/a/1.png", "test/2.png"), labelled=False)
    assert (dataset.labels, dataset.split.tolist()) == (None, ["training", "test"])
    assert "without labels" in dataset.notes[-1]


def test_images_beside_the_parts_leave_neither(tmp_path):
    write_files(tmp_path, "train/a/1.png", "test/a/2.png", "3.png")
    assert load_dataset(tmp_path).split.tolist() == ["training", "test"]
    dataset = load_dataset(tmp_path, labelled=False)
    assert (len(dataset), dataset.labels, dataset.split) == (3, None, None)


@pytest.mark.parametrize(("root", "first"), [(".", "a/1.png"), ("./a/..//a/", "a/../a/1.png"), ("a/", "a/1.png")])
def test_names_do_not_depend_on_how_the_folder_is_written(tmp_path, monkeypatch, root, first):
    monkeypatch.chdir(write_files(tmp_path, "a/1.png", "a/2.png"))
    dataset = load_dataset(root, labelled=False)
    assert dataset.names[0] == first
    assert len(dataset) == 2
