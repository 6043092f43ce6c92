"""Promised: folders, manifests and samples are loaded, alone or gathered; what does not exist is refused."""

import pytest

from dataset_files import refusal, table_refusal, write_files, write_table
from featx import DatasetError
from featx.datasets import load
from featx.datasets.load import collect_images, load_dataset
from featx.images.sources import read_image


@pytest.mark.parametrize("name", ["missing", "missing.csv", "missing.parquet", "x" * 300, "a\0b", ""])
def test_what_does_not_exist_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    refusal(name)


def test_what_holds_no_image_is_refused_with_what_was_found(tmp_path):
    root = write_files(tmp_path, "a/notes.txt", "text.md")
    assert "text.md is not a data set" in refusal(root / "text.md")
    message = refusal(root)
    (root / "empty").mkdir()
    assert "holds no image" in refusal(root / "empty")
    assert "class without images left out: a" in message
    assert ".png" in message


def test_folder_with_the_name_of_a_manifest_is_a_folder(tmp_path):
    assert load_dataset(write_files(tmp_path, "data.csv/a/1.png") / "data.csv").classes == ["a"]


def test_a_folder_of_archives_is_told_to_unpack_them(tmp_path):
    assert "1 .zip (archive). Unpack it" in refusal(write_files(tmp_path, "train.zip"))
    assert "is not a data set. Unpack it" in refusal(tmp_path / "train.zip")


@pytest.mark.parametrize("name", ["m.xlsx", "m.ods", "m.csv"])
def test_a_spreadsheet_is_refused_with_what_to_do(folder, name):
    assert "is a spreadsheet. Save it as CSV" in table_refusal(folder, b"PK\x03\x04" + b"\0" * 99, name=name)


def test_digits_sample_is_complete():
    dataset = load_dataset("sample:digits")
    assert len(dataset) == len(set(dataset.names)) == 1797
    assert dataset.classes == list("0123456789")
    assert {image.shape for image in dataset.images} == {(8, 8)}
    assert {image.dtype.name for image in dataset.images} == {"uint8"}
    assert max(image.max() for image in dataset.images) == 255


def test_photos_sample_has_no_labels():
    dataset = load_dataset("sample:photos", labelled=False)
    assert [name.partition("[")[2] for name in dataset.names] == ["china.jpg]", "flower.jpg]"]
    assert {read_image(image).shape for image in dataset.images} == {(427, 640, 3)}
    assert "has no labels" in refusal("sample:photos")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("digit", "mean digits"), ("photo", "mean photos"), ("zzz", "sample:digits"), ("", "sample:")],
)
def test_unknown_sample_suggests_the_nearest(name, hint):
    assert hint in refusal(f"sample:{name}")


def test_collect_images_joins_files_folders_manifests_and_samples(tmp_path):
    root = write_files(tmp_path, "flat/2.png", "flat/1.png", "flat/x.txt", "one.png")
    dataset = collect_images(
        [root / "one.png", str(root / "flat"), write_table(root, "path,label\none.png,x\n"), "memory://a.png"]
    )
    assert dataset.images[:4] == [f"{root}/{name}" for name in ("one.png", "flat/1.png", "flat/2.png", "one.png")]
    assert dataset.images[4:] == ["memory://a.png"]
    assert dataset.labels is None
    assert "x.txt" in dataset.notes[0]


def test_many_files_are_one_part(monkeypatch):
    made = []
    real = load.ImageDataset
    monkeypatch.setattr(load, "ImageDataset", lambda *args, **columns: made.append(1) or real(*args, **columns))
    names = [f"memory://{n}.png" for n in range(50)]
    assert collect_images(names).images == names
    assert collect_images([*names, "sample:digits"]).names[:50] == names
    assert len(made) == 3
    labelled = collect_images([*names, "memory://x"], label_pattern=r"(?P<label>\d|x)")
    assert labelled.labels.tolist() == [*(str(n)[0] for n in range(50)), "x"]


def test_collect_images_is_labelled_if_all_its_sources_are(tmp_path):
    root = write_files(tmp_path, "data/a/1.png", "one.png")
    sources = [root / "data", write_table(root, "path,label\none.png,x\n")]
    assert collect_images(sources).labels.tolist() == ["a", "x"]
    assert collect_images([*sources, root / "one.png"]).labels is None
    assert len(collect_images(["sample:photos", "sample:digits"])) == 1799


@pytest.mark.parametrize("sources", [[], ["missing.jpg"], ["missing"], ["x" * 300], ["missing.csv"], ["sample:no"]])
def test_collect_images_refuses_what_is_not_there(tmp_path, monkeypatch, sources):
    monkeypatch.chdir(tmp_path)
    refusal(sources, load=collect_images)


def test_what_some_of_several_sources_have_is_said_to_be_dropped(tmp_path):
    root = write_files(
        tmp_path,
        "split/train/a/1.png",
        "split/train/b/1.png",
        "split/test/a/2.png",
        "plain/a/3.png",
        "plain/b/3.png",
        "flat/4.png",
    )
    for others, labels, split in (("split", True, True), ("plain", True, False), ("flat", False, False)):
        data = collect_images([root / "split", root / others])
        assert ((data.labels is not None), (data.split is not None)) == (labels, split)
        dropped = [note for note in data.notes if "not used: not all sources have" in note]
        assert ["labels" in " ".join(dropped), "split" in " ".join(dropped)] == [not labels, not split]


def test_a_pattern_is_no_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(write_files(tmp_path, "list.csv"))
    with pytest.raises(DatasetError, match=r"\*\.csv is a pattern.*Pass one of them: list\.csv"):
        load_dataset("list*.csv")
    with pytest.raises(DatasetError, match="Pass one folder or manifest"):
        load_dataset("*.nosuch")
