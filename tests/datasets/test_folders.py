"""Promised: a folder is looked through once; formats that are not read are named; parts are known by usual names."""

import os
import sys

import pytest
from PIL import Image

from featx.datasets.folders import Folder
from featx.datasets.load import load_dataset
from featx.datasets.split_names import part_of, part_words, parts_of
from featx.exceptions import DatasetError


def grown(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".ppm", ".pgm", ".pnm", ".avif"):
            Image.new("RGB", (4, 3)).convert("L" if path.suffix == ".pgm" else "RGB").save(path)
        else:
            path.write_text("text")
    return folder


def refusal(*args, **options):
    with pytest.raises(DatasetError) as caught:
        load_dataset(*args, **options)
    return str(caught.value)


def test_formats_that_are_not_read_are_counted_by_name(tmp_path):
    dataset = load_dataset(
        grown(tmp_path, "a/1.png", "a/2.heic", "a/3.HEIC", "b/1.png", "b/2.svg", "b/3.zip", "b/4.txt")
    )
    assert len(dataset) == 2
    formats, others = dataset.notes
    assert formats.startswith("3 images in formats that are not read left out: 2 .heic (HEIC), 1 .svg (SVG), such as")
    assert "HEIC: Convert it to JPEG" in formats
    assert formats.endswith("SVG: Draw it as PNG: `rsvg-convert a.svg -o a.png`")
    alone = load_dataset(grown(tmp_path / "x", "a/1.png", "a/2.heic", "a/3.heif"))
    assert ". Convert it to JPEG" in alone.notes[0]
    none = refusal(grown(tmp_path / "y", "a/1.heic", "a/2.svg"))
    assert none.endswith("SVG: Draw it as PNG: `rsvg-convert a.svg -o a.png`.")
    assert others.startswith("2 files that are no images left out")


@pytest.mark.parametrize("suffix", [".heic", ".svg", ".dcm", ".jp2", ".nef", ".psd", ".eps", ".mp4", ".jxl", ".HEIF"])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_folder_of_a_format_that_is_not_read_is_refused_by_its_name(tmp_path, suffix, labelled):
    message = refusal(grown(tmp_path, f"a/1{suffix}", f"b/2{suffix}", "b/notes.txt"), labelled=labelled)
    assert f"no image in a format that is read, but 2 {suffix.lower()} (" in message
    assert "Images end in" not in message


def test_a_folder_of_archives_is_told_to_unpack_them(tmp_path):
    assert "1 .zip (archive). Unpack it" in refusal(grown(tmp_path, "train.zip"))
    assert "is no data set. Unpack it" in refusal(tmp_path / "train.zip")


def test_ppm_pgm_and_avif_are_images(tmp_path):
    names = ["a/1.ppm", "a/2.pgm", "b/3.pnm", "b/4.avif"]
    assert len(load_dataset(grown(tmp_path, *names))) == 4


@pytest.mark.parametrize("name", ["__MACOSX/a/1.png", "@eaDir/x/1.png", ".git/1.png", "a/@eaDir/2.png", "a/._1.png"])
def test_what_systems_leave_is_no_class(tmp_path, name):
    dataset = load_dataset(grown(tmp_path, "a/1.png", "b/1.png", name))
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
    grown(tmp_path, *parts)
    listed, asked = [], []
    scandir, stat = os.scandir, os.stat
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    monkeypatch.setattr(os, "stat", lambda path, **more: asked.append(str(path)) or stat(path, **more))
    assert len(load_dataset(tmp_path)) == 12
    assert len(listed) == len(set(listed)) == 8
    assert not [path for path in asked if path.endswith(".png")]


def test_linked_parts_and_classes_are_followed(tmp_path):
    grown(tmp_path, "store/one/a/1.png", "store/one/b/1.png", "store/two/2.png", "data/val/b/3.png", "data/val/a/3.png")
    (tmp_path / "data" / "train").symlink_to("../store/one")
    (tmp_path / "store" / "one" / "c").symlink_to("../two")
    (tmp_path / "data" / "val" / "c").symlink_to("../../store/two")
    (tmp_path / "data" / "val" / "up").symlink_to("..")
    dataset = load_dataset(tmp_path / "data")
    assert dataset.labels.tolist() == ["a", "b", "c", "a", "b", "c"]
    assert dataset.split.tolist() == ["training"] * 3 + ["validation"] * 3


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_a_folder_that_may_not_be_read_is_refused(tmp_path):
    grown(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        assert "cannot look into the folder" in refusal(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)


def test_filled_folders_hold_images_at_some_depth(tmp_path):
    grown(tmp_path, "a/b/c/1.png", "d/e/1.txt", "f/1.png")
    assert [folder.name for folder in Folder(str(tmp_path)).filled] == ["a", "f"]


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "training",
            "train Train TRAINING trn train_set training-data TrainImages 1_train 01-train train2017 trainset train_1",
        ),
        ("validation", "val valid Validation dev VAL_SET validate valset"),
        ("test", "test Testing TEST_set eval evaluation final_test Test1 holdout"),
        (None, "trainer trains test-strip tested contest value rain 0 1 station train_cats vault"),
    ],
)
def test_usual_names_of_parts_are_known(part, names):
    assert {part_of(name) for name in names.split()} == {part}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train", "car"], {"train": "training"}),
        (["seg_test", "seg_train", "seg_pred"], {"seg_test": "test", "seg_train": "training"}),
        (["asl_alphabet_train", "asl_alphabet_test"], ["training", "test"]),
        (["train_cats_dogs", "test_cats_dogs"], ["training", "test"]),
        (["my_train_data.v2", "my_val_data.v2"], ["training", "validation"]),
        (["old_train", "new_train"], {}),
        (["attest", "contest"], {}),
        (["a_b", "a_c"], {}),
    ],
)
def test_what_names_have_in_common_does_not_count(names, parts):
    assert parts_of(names) == (parts if isinstance(parts, dict) else dict(zip(names, parts, strict=True)))


def test_words_of_names_are_told_apart():
    assert part_words("trainA") == {"training"}
    assert part_words("cats_test") == {"test"}
    assert part_words("strain") == set()


@pytest.mark.parametrize(
    ("names", "classes", "split"),
    [
        # A part's name is a class where it lies among classes.
        (["train/1.png", "car/1.png"], "car train", None),
        (["valid/1.png", "invalid/1.png"], "invalid valid", None),
        (
            ["train/train/1.png", "train/car/1.png", "val/train/1.png", "val/car/1.png"],
            "car train",
            "training validation",
        ),
        (["train/train/1.png", "train/car/1.png", "val/train/1.png"], "car train", "training validation"),
        (["train/steam/1.png", "train/electric/1.png", "car/1.png", "plane/1.png"], "car plane train", None),
        # One more folder above, and several.
        (["x/a/1.png", "x/b/1.png"], "a b", None),
        (["x/y/z/train/a/1.png", "x/y/z/test/a/1.png"], "a", "training test"),
        (["train/a/1.png", "train/b/1.png"], "a b", None),
        (["train/images/a/1.png", "train/images/b/1.png", "val/images/a/1.png"], "a b", "training validation"),
        (["a/1.png"], "a", None),
        (["a/x/1.png"], "a", None),
        (["a/1.heic", "b/x/1.png", "b/y/1.png"], "b", None),
        # The other parts, or kinds of files, in formats that are not read.
        (["train/a/1.png", "train/b/1.png", "test/1.heic"], "a b", None),
        (["train/a/1.png", "train/b/1.png", "val/a/1.heic", "val/b/2.heic", "test/a/3.dcm"], "a b", None),
        (["x/seg_train/a/1.png", "x/seg_train/b/1.png", "x/seg_test/a/1.nef"], "a b", None),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "test/a/1.dcm"], "a b", "training validation"),
        (["train/a/1.png", "train/b/1.heic", "test/a/1.heic"], "a", None),
        (["jpg/a/1.png", "jpg/b/1.png", "heic/a/1.heic"], "a b", None),
        (["train/jpg/a/1.png", "train/heic/a/1.heic", "test/jpg/a/1.png"], "a", "training test"),
        (["train/steam/1.png", "train/electric/1.png", "car/1.heic", "plane/1.heic"], "train", None),
        # A part with one class, and an empty one.
        (["train/a/1.png", "train/b/1.png", "test/b/1.png"], "a b", "training test"),
        (["train/a/1.png", "train/b/1.png", "test/b/1.png", "val/readme.txt"], "a b", "training test"),
        (["train/a/x/1.png", "train/b/y/1.png", "test/a/z/1.png"], "a b", "training test"),
    ],
)
def test_classes_and_parts_are_told_apart(tmp_path, names, classes, split):
    dataset = load_dataset(grown(tmp_path, *names))
    assert dataset.classes == classes.split()
    assert (None if dataset.split is None else list(dict.fromkeys(dataset.split.tolist()))) == (split and split.split())


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["train/a/1.png", "val/a/1.png", "more/a/1.png"],
            "holds train, val, which may be parts of a split, beside more, which is not a part.",
        ),
        (["train/a/1.png", "train/b/1.png", "unlabeled/1.png"], "beside unlabeled, which is not a part."),
        (["train/1.png", "train_masks/1.png"], "beside train_masks"),
        (
            ["train/a/1.png", "train/b/1.png", "other/a/1.png", "third/b/1.png"],
            "beside other, third, which are not parts.",
        ),
        (["train/a/1.png", "test/b/1.png"], "test has the classes b,"),
        (["train/1.png", "test/1.png"], "hold images without class folders"),
        (["train/1.png"], "has no labels"),
        (["train/1.png", "test/1.heic"], "has no labels"),
        (["seg_train/1.png", "seg_test/1.heic"], "has no labels"),
        (["train/a/1.png", "train/b/1.png", "unlabeled/1.heic"], "`featx fit {}/train -o model.skops`"),
        (
            ["train/a/1.heic", "val/a/1.png", "val/b/1.png"],
            "Convert those to train on; or pass the others alone: `featx",
        ),
        (["train/images/1.png", "val/images/2.png"], "hold images without class folders"),
        (["train/a/1.png", "training/a/1.png"], "both mean the training part"),
        (["val/a/1.png", "test/a/1.png"], "test and validation images only"),
        (
            ["a/train/1.png", "a/test/1.png", "b/1.png"],
            "parts of a split (test, train), but {}/b has images outside such folders. Make such folders in {}/b.",
        ),
        (
            ["a/train/images/c/1.png", "a/test/images/c/1.png", "b/train/images/c/1.png", "b/test/images/c/1.png"],
            "one of several data sets; or make a manifest with the columns path, label and split.",
        ),
        (
            ["a/train/c/1.png", "a/test/c/1.png", "b/train/1.png", "b/2.png", "d/3.png"],
            "but {}/b, {}/d have images outside such folders. Pass {}/a alone, if it is one of several data sets",
        ),
        (["train/a/1.png", "val/a/1.png", "validation/a/1.png"], "`featx fit {}/train --test {}/validation -o"),
        (
            ["train_1/a/1.png", "train_2/a/1.png", "test/a/1.png"],
            "`featx fit {}/train_1 --test {}/test -o model.skops`",
        ),
        (["val/a/1.png", "validation/a/1.png"], "both mean the validation part. Keep one of them in this folder."),
        (["trainval/a/1.png", "test/a/1.png"], "`featx fit {}/trainval --test {}/test -o model.skops`"),
        (["data/a/1.png", "data/b/1.png", "docs/1.png"], "beside data, which has the folders a, b"),
        (["cats_train/1.png", "cats_test/1.png", "dogs_train/1.png"], "in every folder's name"),
    ],
)
def test_folders_that_cannot_be_told_are_refused(tmp_path, names, words):
    message = refusal(grown(tmp_path, *names))
    assert words.replace("{}", str(tmp_path)) in message
    dataset = load_dataset(tmp_path, labelled=False)
    assert len(dataset) == sum(name.endswith(".png") for name in names)


def test_parts_are_told_where_labels_are_not(tmp_path):
    dataset = load_dataset(grown(tmp_path, "train/a/1.png", "test/2.png"), labelled=False)
    assert (dataset.labels, dataset.split.tolist()) == (None, ["training", "test"])
    assert "without labels" in dataset.notes[-1]


def test_images_beside_the_parts_leave_neither(tmp_path):
    grown(tmp_path, "train/a/1.png", "test/a/2.png", "3.png")
    assert load_dataset(tmp_path).split.tolist() == ["training", "test"]
    dataset = load_dataset(tmp_path, labelled=False)
    assert (len(dataset), dataset.labels, dataset.split) == (3, None, None)


def test_classes_that_hold_folders_are_said(tmp_path):
    (note,) = load_dataset(grown(tmp_path, "a/x/1.png", "a/y/1.png", "b/1.png")).notes
    assert "the classes are the 2 folders of" in note
    assert "a holds x, y, whose images are all of class a" in note
    note = load_dataset(grown(tmp_path / "one", "a/x/1.png", "a/y/1.png", "b/1.heic")).notes[0]
    assert note.startswith("the only class is the one folder of")


@pytest.mark.parametrize(("root", "first"), [(".", "a/1.png"), ("./a/..//a/", "a/../a/1.png"), ("a/", "a/1.png")])
def test_names_do_not_depend_on_how_the_folder_is_written(tmp_path, monkeypatch, root, first):
    monkeypatch.chdir(grown(tmp_path, "a/1.png", "a/2.png"))
    dataset = load_dataset(root, labelled=False)
    assert dataset.names[0] == first
    assert len(dataset) == 2


def test_names_like_options_are_typed_as_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(grown(tmp_path, "-train/a/1.png", "-test/a/1.png", "-x y/2.png"))
    assert "`featx fit ./-train --test ./-test -o model.skops`" in refusal(".")
