"""Promised: the Oxford flowers have their official split and labels, or are refused with what is wrong."""

import numpy as np
import pytest
import scipy.io

from dataset_files import names_below, refusal, write_files
from featx.comparison.design import design_comparison
from featx.datasets.load import collect_images, load_dataset
from featx.datasets.split import join_test
from featx.workflows.finetune import plan_finetuning
from featx.workflows.fit import plan_fit
from labelled import frozen, tiny


@pytest.fixture
def flowers(tmp_path):
    """Six flowers of two kinds in a flat folder, with the files that the data set comes with."""
    write_files(tmp_path, *(f"jpg/image_{number:05}.jpg" for number in range(1, 7)))
    scipy.io.savemat(tmp_path / "setid.mat", {"trnid": [[1, 6]], "valid": [[2, 5]], "tstid": [[3, 4]]})
    scipy.io.savemat(tmp_path / "imagelabels.mat", {"labels": np.uint8([[77, 1, 1, 77, 77, 1]])})
    return tmp_path


@pytest.mark.parametrize("data", [".", "jpg"])
def test_the_oxford_flowers_are_read_with_their_labels(flowers, data):
    dataset = load_dataset(flowers / data, split_from=flowers / "setid.mat")
    assert dataset.labels.tolist() == ["77", "1", "1", "77", "77", "1"]
    assert dataset.split.tolist() == ["training", "validation", "test", "test", "validation", "training"]


def test_flowers_that_are_sorted_into_classes_keep_them(flowers):
    for number in range(1, 7):
        (flowers / str(number % 2)).mkdir(exist_ok=True)
        (flowers / "jpg" / f"image_{number:05}.jpg").rename(flowers / str(number % 2) / f"image_{number:05}.jpg")
    dataset = load_dataset(flowers, split_from=flowers / "setid.mat")
    assert dataset.labels.tolist() == ["0"] * 3 + ["1"] * 3
    assert dataset.split.tolist() == ["validation", "test", "training", "training", "test", "validation"]


def test_other_files_of_matrices_are_refused(flowers):
    assert "expected trnid, valid and tstid" in refusal(flowers / "jpg", split_from=flowers / "imagelabels.mat")
    (flowers / "setid.mat").write_bytes(b"no matrices")
    assert "cannot read" in refusal(flowers / "jpg", split_from=flowers / "setid.mat")
    assert "does not exist" in refusal(flowers / "jpg", split_from=flowers / "nothing.mat")


def test_flowers_beyond_the_list_are_refused(flowers):
    write_files(flowers, "jpg/image_00007.jpg")
    message = refusal(flowers / "jpg", split_from=flowers / "setid.mat")
    assert "does not name 1 image of 7" in message
    assert "Download it again, take them out of the data set" in message
    write_files(flowers, "jpg/mine.jpg")
    message = refusal(flowers / "jpg", split_from=flowers / "setid.mat")
    assert "does not name 2 images of 8" in message
    assert "pass their folder, jpg" in message


@pytest.mark.parametrize(("name", "first"), [("tstid", "trnid"), ("valid", "trnid")])
def test_a_flower_in_two_parts_is_refused(flowers, name, first):
    sets = {"trnid": [[1, 6, 6]], "valid": [[2, 5]], "tstid": [[3, 4]]}
    scipy.io.savemat(flowers / "setid.mat", sets)
    assert len(load_dataset(flowers, split_from=flowers / "setid.mat")) == 6
    scipy.io.savemat(flowers / "setid.mat", {**sets, name: [[*sets[name][0], 6]]})
    message = refusal(flowers, split_from=flowers / "setid.mat")
    assert f"gives image 6 two parts: it is in {first} and in {name}" in message


def moved(folder, places):
    """Move files of the data set, by their names."""
    for old, new in places.items():
        (folder / new).parent.mkdir(parents=True, exist_ok=True)
        (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"jpg": "102flowers/jpg"},
        {"setid.mat": "jpg/setid.mat", "imagelabels.mat": "jpg/imagelabels.mat"},
        {name: f"flowers-102/{name}" for name in ("jpg", "setid.mat", "imagelabels.mat")},
    ],
    ids=["as unpacked", "a folder deeper", "files beside the images", "torchvision"],
)
def test_the_folder_as_downloaded_has_labels_and_the_official_split(flowers, places):
    moved(flowers, places)
    dataset = load_dataset(flowers)
    assert dataset.labels.tolist() == ["77", "1", "1", "77", "77", "1"]
    assert dataset.split.tolist() == ["training", "validation", "test", "test", "validation", "training"]
    assert [name.rpartition("/")[2] for name in names_below(dataset, flowers)] == [
        f"image_{number:05}.jpg" for number in range(1, 7)
    ]
    assert "setid.mat: 2 training, 2 validation, 2 test" in dataset.notes[-1]
    assert "left out" not in " ".join(dataset.notes)
    assert collect_images([flowers]).split.tolist() == dataset.split.tolist()


def test_the_current_folder_may_be_that_of_the_flowers(flowers, monkeypatch):
    monkeypatch.chdir(flowers)
    dataset = load_dataset(".")
    assert (dataset.names[0], dataset.notes[-1][:48]) == (
        "jpg/image_00001.jpg",
        "the split is the official one, in setid.mat: 2 t",
    )
    assert load_dataset("jpg", split_from="setid.mat").classes == ["1", "77"]


def test_labels_without_setid_give_no_split(flowers):
    (flowers / "setid.mat").unlink()
    dataset = load_dataset(flowers)
    assert dataset.labels.tolist() == ["77", "1", "1", "77", "77", "1"]
    assert dataset.split is None
    assert "there is no setid.mat" in dataset.notes[0]


def test_another_split_goes_before_the_official_one(flowers):
    words = ["train", "train", "train", "train", "test", "test"]
    rows = [f"image_{number:05}.jpg,{word}" for number, word in enumerate(words, 1)]
    (flowers / "mine.csv").write_text("\n".join(["path,split", *rows]))
    dataset = load_dataset(flowers, split_from=flowers / "mine.csv")
    assert dataset.split.tolist() == ["training"] * 4 + ["test"] * 2
    assert dataset.classes == ["1", "77"]
    assert "setid" not in " ".join(dataset.notes)


def test_outlines_and_other_files_of_the_data_set_are_left_out(flowers):
    write_files(flowers, "segmim/segmim_00001.jpg", "segmim/segmim_00002.jpg", "README.txt")
    (flowers / "distancematrices102.mat").write_bytes(b"")
    dataset = load_dataset(flowers)
    assert len(dataset) == 6
    assert "2 outlines of flowers left out" in " ".join(dataset.notes)
    assert "README.txt" in " ".join(dataset.notes)


def test_labels_without_their_file_are_asked_for(flowers):
    (flowers / "imagelabels.mat").unlink()
    assert "has setid.mat of the Oxford flowers, but not imagelabels.mat" in refusal(flowers)
    assert collect_images([flowers]).split.tolist()[:2] == ["training", "validation"]


@pytest.mark.parametrize(("place", "data", "named"), [("/", None, None), ("", "jpg", "."), ("jpg", ".", "..")])
def test_the_folder_above_is_named_where_it_has_the_labels(flowers, monkeypatch, place, data, named):
    monkeypatch.chdir(flowers / place)
    message = refusal(data or flowers / "jpg")
    assert f"Pass its folder: `featx fit {named or flowers} -o model.skops`" in message
    assert len(load_dataset(named or flowers)) == 6


def test_files_without_their_images_are_named(flowers):
    moved(flowers, {"jpg": "photos/all"})
    message = refusal(flowers)
    assert "imagelabels.mat of the Oxford flowers, but not their images in one folder, jpg" in message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("imagelabels.mat", None, "cannot read"),
        ("setid.mat", None, "cannot read"),
        ("imagelabels.mat", bytes(10**6 + 1), "it has 1,000,001 bytes, more than 1,000,000"),
        ("imagelabels.mat", {"other": [[1]]}, "has no labels of these images"),
        ("imagelabels.mat", {"labels": [[1, 1, 2]]}, "it has 3, and one is image 6"),
        ("imagelabels.mat", {"labels": [[1, 1, 2, 2, 0.5, 1]]}, "other than positive whole numbers as labels"),
        ("imagelabels.mat", {"labels": [["a", "b"]]}, "other than positive whole numbers as labels"),
        ("setid.mat", {"trnid": [[1]], "valid": [[2]]}, "has no tstid"),
        ("setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[0]]}, "positive whole numbers as tstid"),
        ("setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[3]]}, "does not name 3 images of 6"),
        ("setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[9]]}, "names image 9, but"),
    ],
)
def test_files_that_are_damaged_or_do_not_fit_are_refused(flowers, name, content, words):
    if content is None:
        (flowers / name).write_bytes(b"no matrices")
    elif isinstance(content, bytes):
        (flowers / name).write_bytes(content)
    else:
        scipy.io.savemat(flowers / name, content)
    assert words in refusal(flowers)
    # No label is needed there.
    assert "without labels" in " ".join(load_dataset(flowers, labelled=False).notes)


def test_images_of_other_names_are_refused(flowers):
    write_files(flowers, "jpg/mine.jpg")
    message = refusal(flowers)
    assert "imagelabels.mat has no label of 1 image of 7" in message
    assert "jpg/mine.jpg" in message


def test_a_part_of_the_images_has_its_part_of_the_split(flowers):
    (flowers / "jpg" / "image_00006.jpg").unlink()
    dataset = load_dataset(flowers)
    assert dataset.split.tolist().count("training") == 1
    assert "names 1 image that the data set does not have" in " ".join(dataset.notes)


def test_commands_use_the_official_split_or_percentages_of_their_own(tmp_path, remarks):
    labels, numbers = np.arange(24) % 2 + 1, np.arange(1, 25)
    write_files(tmp_path, *(f"jpg/image_{number:05}.jpg" for number in numbers))
    scipy.io.savemat(tmp_path / "imagelabels.mat", {"labels": labels})
    scipy.io.savemat(tmp_path / "setid.mat", {"trnid": numbers[:8], "valid": numbers[8:12], "tstid": numbers[12:]})
    data = load_dataset(tmp_path)

    def sizes(split):
        return len(split.train), len(split.validation), len(split.test)

    assert sizes(plan_fit(data, frozen()).data.split) == (8, 4, 12)
    assert sizes(plan_finetuning(data, tiny()).data.split) == (8, 4, 12)
    assert len(design_comparison(data).repeats[0].test) == 12
    assert remarks() == []
    assert sizes(plan_fit(data, frozen(), test_size=0.25).data.split) == (18, 0, 6)
    assert sizes(plan_finetuning(data, tiny(), test_size=0.25).data.split) == (18, 0, 6)
    assert plan_fit(data, frozen(), cv=3).data.split.folds is not None
    joined = join_test(data, test_size=0.25)
    repeat = design_comparison(joined, test_size=0.25, train_sizes=[0.25, 0.5]).repeats[0]
    assert (len(repeat.test), [len(rows) for rows in repeat.trains]) == (6, [6, 12])
    assert "gives way to test_size=0.25" in remarks()[0]
