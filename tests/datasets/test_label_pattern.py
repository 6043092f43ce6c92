r"""Promised: classes in file names are read by a regular expression, and what does not match is named."""

import re
import shlex

import pytest

from commands import featx
from dataset_files import load_table, names_below, refusal, refused, table_refusal, write_files
from featx import DatasetError, ParameterError
from featx.datasets.label_pattern import compile_pattern, suggest_pattern
from featx.datasets.load import collect_images, load_dataset

PATTERN = r"(?P<label>cat|dog)\.\d+"
NAMES = ("cat.0.jpg", "cat.1.jpg", "deep/er/dog.0.jpg", "dog.12.png")


def labelled(dataset, folder):
    return dict(zip(names_below(dataset, folder), dataset.labels.tolist(), strict=True))


def test_labels_are_found_at_any_depth(tmp_path):
    dataset = load_dataset(write_files(tmp_path, *NAMES, "notes.txt"), label_pattern=PATTERN)
    assert labelled(dataset, tmp_path) == dict(zip(NAMES, ["cat", "cat", "dog", "dog"], strict=True))
    assert dataset.split is None
    assert dataset.notes == [f"1 file that is not an image left out: {tmp_path}/notes.txt"]


def test_the_current_folder_and_one_with_a_slash_are_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(write_files(tmp_path, "sub/cat.0.jpg", "sub/dog.0.jpg"))
    for source in (".", "sub", "sub/", tmp_path):
        assert load_dataset(source, label_pattern="(^|/)(?P<label>[a-z]+)[.]0").labels.tolist() == ["cat", "dog"]


def test_the_pattern_is_searched_in_the_path_below_the_folder(tmp_path):
    folder = write_files(tmp_path / "cat.7", "dog/x1.png", "newt/x2.png")
    dataset = load_dataset(folder, label_pattern=r"^(?P<label>\w+)/x\d")
    assert dataset.labels.tolist() == ["dog", "newt"]
    # It goes before the names of the folders.
    assert load_dataset(folder, label_pattern=r"(?P<label>x\d)").classes == ["x1", "x2"]
    assert "finds no label in 2 paths of 2" in refusal(folder, label_pattern=PATTERN)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("train/cat.0.jpg", "train/dog.0.jpg", "test/cat.1.jpg", "test/dog.1.jpg"), "test training"),
        (("cat/train/cat.0.jpg", "dog/train/dog.0.jpg", "cat/val/cat.1.jpg", "dog/val/dog.1.jpg"), "training valid"),
        (("d/seg_train/cat.0.jpg", "d/seg_train/dog.0.jpg", "d/seg_test/cat.1.jpg"), "test training"),
    ],
    ids=["parts with flat files", "parts inside classes", "longer names below another folder"],
)
def test_folders_for_parts_of_a_split_are_recognised(tmp_path, names, parts):
    dataset = load_dataset(write_files(tmp_path, *names), label_pattern=PATTERN)
    for name, part in zip(names_below(dataset, tmp_path), dataset.split.tolist(), strict=True):
        assert part == ("training" if "train" in name else "validation" if "val" in name else "test")
    assert "comes with a split" in dataset.notes[0]


@pytest.mark.parametrize("other", ["cat.1.jpg", "extra/cat.1.jpg"])
def test_a_split_of_some_images_is_not_read_and_that_is_said(tmp_path, other):
    folder = write_files(tmp_path, "train/cat.0.jpg", "test/dog.0.jpg", other)
    dataset = load_dataset(folder, label_pattern=PATTERN)
    assert dataset.split is None
    assert dataset.notes == [
        f"no split is read: test, train may be its parts, but not every image of {folder} is in one"
    ]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?P<label>cat", "expected a regular expression, and it is none: missing )"),
        (r"(cat|dog)\.\d+", "expected a group named label"),
        (r"(?P<class_>cat)", "expected a group named label"),
        (r"(?P<label>\d{9999999999})", "it is none: the repetition number is too large"),
        ("", "expected a "),
    ],
)
def test_a_pattern_without_a_label_is_refused_before_a_file_is_looked_for(pattern, words):
    for load in (load_dataset, lambda source, **options: collect_images([source], **options)):
        error = refused("/none", load=load, error=ParameterError, label_pattern=pattern)
        assert words in str(error)


def test_images_that_do_not_match_are_counted_and_named(tmp_path):
    folder = write_files(tmp_path, *NAMES, *(f"newt.{n}.png" for n in range(5)))
    message = refusal(folder, label_pattern=PATTERN)
    assert "in 5 paths of 9: newt.0.png, newt.1.png, newt.2.png and 2 more. Change it" in message
    # An empty label is none, and neither is a group that took no part.
    assert "in 9 paths of 9" in refusal(folder, label_pattern="(?P<label>x?)")
    assert "in 7 paths of 9" in refusal(folder, label_pattern=r"(?P<label>cat)?\.")
    with pytest.raises(DatasetError, match="5 paths"):
        collect_images([folder], label_pattern=PATTERN)


def test_a_folder_without_images_is_refused_as_before(tmp_path):
    assert "holds no image" in refusal(write_files(tmp_path, "a.txt"), label_pattern=PATTERN)


def test_a_manifest_without_labels_has_its_paths_labelled(tmp_path):
    write_files(tmp_path, *NAMES)
    dataset = load_table(tmp_path, "path,group\n" + "".join(f"{name},g\n" for name in NAMES), label_pattern=PATTERN)
    assert labelled(dataset, tmp_path) == dict(zip(NAMES, ["cat", "cat", "dog", "dog"], strict=True))
    assert dataset.groups.tolist() == ["g"] * 4
    message = table_refusal(tmp_path, "path\ncat.0.jpg\nnewt.0.png\n", label_pattern=PATTERN)
    assert "in 1 path of 2: newt.0.png" in message


def test_labels_that_are_known_stay_and_that_is_said(tmp_path):
    write_files(tmp_path, *NAMES[:2])
    dataset = load_table(tmp_path, "path,label\ncat.0.jpg,a\ncat.1.jpg,b\n", label_pattern=PATTERN)
    assert dataset.labels.tolist() == ["a", "b"]
    assert f"label_pattern='{PATTERN}' has no effect: {tmp_path}/m.csv has labels" in dataset.notes
    assert "has no effect: sample:digits has labels" in load_dataset("sample:digits", label_pattern=PATTERN).notes[0]


def test_files_by_themselves_are_labelled_too(tmp_path):
    write_files(tmp_path, *NAMES)
    paths = [tmp_path / name for name in NAMES]
    assert collect_images(paths, label_pattern=PATTERN).labels.tolist() == ["cat", "cat", "dog", "dog"]
    assert collect_images([tmp_path, paths[0]], label_pattern=PATTERN).labels.tolist()[-1] == "cat"
    with pytest.raises(DatasetError, match=r"in 1 path of 2: .*own\.png") as caught:
        collect_images([paths[0], "https://user:pass@host/own.png"], label_pattern=PATTERN)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"), {"cat", "dog"}),
        (("american_bulldog_1.jpg", "american_bulldog_12.jpg", "Abyssinian_3.jpg"), {"american_bulldog", "Abyssinian"}),
        (("images/cat-1.png", "images/dog-1.png", "images/dog-2.png"), {"cat", "dog"}),
        (("train/cat.0.jpg", "train/dog.1.jpg", "test/cat.2.jpg", "test/dog.3.jpg"), {"cat", "dog"}),
    ],
)
def test_what_to_type_is_suggested_and_works(tmp_path, names, labels):
    message = refusal(write_files(tmp_path, *names))
    words = shlex.split(re.search(r"`(--label-pattern .*?)`", message)[1])
    assert set(load_dataset(tmp_path, label_pattern=words[1]).classes) == labels
    assert "a manifest with the columns path and label. Or, if the file names begin with the class" in message


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1.jpg", "IMG_2.jpg"),
        ("a_1.jpg", "b_2.jpg", "c_3.jpg", "d_4.jpg"),
        ("cat.0.jpg", "dog.jpg"),
        ("1.jpg", "2.jpg"),
        (),
    ],
)
def test_other_names_suggest_nothing(names):
    assert suggest_pattern(names) == ""


def test_a_compiled_pattern_is_that_of_python():
    assert compile_pattern("(?i)(?P<label>cat)").search("a/CAT.1.jpg")["label"] == "CAT"


def test_commands_take_it_and_name_it_in_their_errors(tmp_path):
    write_files(tmp_path, *NAMES)
    output = tmp_path / "e.h5"
    for command in (("fit", tmp_path, "-o", tmp_path / "m.skops"), ("extract", tmp_path, "-o", output)):
        found = featx(*command, "--label-pattern", "(?P<label>newt)", code=2).output
        assert "--label-pattern '(?P<label>newt)' finds no label in 4 paths of 4" in found
        found = featx(*command, "--label-pattern", r"(?P<label>newt)\.\d", code=2).output
        assert r"--label-pattern '(?P<label>newt)\.\d' finds no label" in " ".join(found.split())  # as it was typed
        assert "got --label-pattern cat; expected a group" in featx(*command, "--label-pattern", "cat", code=2).output
