"""Promised: a file's split reaches every image, by path or by name; what it leaves open is refused and counted."""

import re
import shutil
import subprocess

import pytest

from dataset_files import refusal, write_files
from featx.datasets.load import collect_images, load_dataset
from featx.datasets.split_names import part_of
from featx.exceptions import DatasetError

IMAGES = ("cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png")
PARTS = ("training", "test", "validation", "training")
WORDS = ("train", "test", "val", "training")


def grown(folder, names=IMAGES):
    return write_files(folder, *names)


def table(folder, paths, words=WORDS, header="path,split", separator=","):
    lines = [header, *(f"{path}{separator}{word}" for path, word in zip(paths, words, strict=True))]
    (folder / "split.csv").write_text("\n".join(lines))
    return folder / "split.csv"


@pytest.mark.parametrize(
    "form",
    [
        "{folder}/{stem}.png",
        "./{folder}/{stem}.png",
        "data/{folder}/{stem}.png",
        "{root}/data/{folder}/{stem}.png",
        "{folder}\\{stem}.png",
        "{folder}/{stem}",
        "/home/other/data/{folder}/{stem}.png",
        "D:\\other\\{folder}\\{stem}.png",
        "{stem}.png",
        "{stem}",
        "elsewhere/{stem}.jpg",
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_images_are_found_by_path_or_by_name(tmp_path, form, separator):
    data = grown(tmp_path / "data")
    pieces = [name.removesuffix(".png").split("/") for name in IMAGES]
    paths = [form.format(folder=folder, stem=stem, root=tmp_path) for folder, stem in pieces]
    # Rows in another order than the images'.
    split = table(tmp_path, paths[::-1], WORDS[::-1], f"path{separator}split", separator)
    dataset = load_dataset(data, split_from=split)
    assert dataset.split.tolist() == list(PARTS)
    assert dataset.labels.tolist() == ["cat", "cat", "dog", "dog"]
    assert collect_images([data], split_from=split).split.tolist() == list(PARTS)


def test_names_that_several_images_share_do_not_count(tmp_path):
    data = grown(tmp_path / "data", ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"])
    assert "names none of the 4 images. Write paths as they are below" in refusal(
        data, split_from=table(tmp_path, ["1.png", "2.png"], ["train", "test"])
    )


def test_images_without_a_part_are_counted_and_refused(tmp_path):
    data = grown(tmp_path / "data")
    message = refusal(data, split_from=table(tmp_path, IMAGES[:2], WORDS[:2]))
    assert f"does not name 2 images of 4: {data}/dog/3.png, {data}/dog/4.png" in message


def test_names_without_an_image_are_counted(tmp_path):
    split = table(tmp_path, [*IMAGES, "x.png", "y.png"], [*WORDS, "train", "val"])
    dataset = load_dataset(grown(tmp_path / "data"), split_from=split)
    assert dataset.split.tolist() == list(PARTS)
    assert "names 2 images that the data set does not have: x.png, y.png" in dataset.notes[0]


def test_an_image_in_two_parts_is_refused(tmp_path):
    split = table(tmp_path, [*IMAGES, IMAGES[0]], [*WORDS, "test"])
    assert "gives cat/1.png two parts" in refusal(grown(tmp_path / "data"), split_from=split)
    same = table(tmp_path, [*IMAGES, IMAGES[0]], [*WORDS, "train"])
    assert load_dataset(tmp_path / "data", split_from=same).split.tolist() == list(PARTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,split\ncat/1.png,0\n", "has '0' as split"),
        ("path,split\ncat/1.png,\n", "no split in line 2"),
        ("path,kind\ncat/1.png,train\n", "columns path, kind; expected path and split"),
        ("cat/1.png,train\n", "does not name its columns"),
        ('"path" "split"\n"1" "cat/1.png" "train"\n', "separates its values by blanks (path split)"),
        ("", "expected path and split"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, words):
    (tmp_path / "split.csv").write_text(text)
    assert words in refusal(grown(tmp_path / "data"), split_from=tmp_path / "split.csv")


def typed(message, folder):
    """Run what a message prints in brackets, as it is, and return the table that it writes."""
    (command,) = re.findall(r"`(\(.*?\) > split.tsv)`", message)
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True)
    return folder / "split.tsv"


@pytest.mark.skipif(shutil.which("bash") is None, reason="the command is one of a Unix shell")
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize(
    ("form", "suffix"),
    [("{}.txt", ""), ("{}1.txt", ".png"), ("{}list.txt", ".png"), ("{}_files_01.csv", "")],
)
def test_lists_of_the_parts_are_joined_by_the_command_that_is_printed(tmp_path, end, form, suffix):
    lists = tmp_path / "meta data"
    lists.mkdir()
    line = "\r\n" if end == "\r\n" else "\n"
    for word in dict.fromkeys(WORDS[:3]):
        names = [name for name, part in zip(IMAGES, PARTS, strict=True) if part_of(word) == part]
        text = line.join(name.removesuffix(".png") + suffix for name in names)
        (lists / form.format(word)).write_bytes((text + end).encode())
    # Neither of these is a part of the same split.
    (lists / "classes.txt").write_text("cat")
    (lists / "train2.txt").write_text("dog/3.png")
    data = grown(tmp_path / "data")
    message = refusal(data, split_from=lists / form.format("train"))
    assert "list of one part's images" in message
    assert load_dataset(data, split_from=typed(message, tmp_path)).split.tolist() == list(PARTS)


@pytest.mark.parametrize("order", ["{path},{part}", "{part},{path}"])
def test_a_table_without_names_of_columns_is_told_what_to_write(tmp_path, order):
    data = grown(tmp_path / "data")
    lines = [order.format(path=path, part=part) for path, part in zip(IMAGES, WORDS, strict=True)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    message = refusal(data, split_from=tmp_path / "mine.csv")
    header = re.search(r"above it, here (\w+) and (\w+)\.", message).groups()
    (tmp_path / "mine.csv").write_text("\n".join([",".join(header), *lines]))
    assert load_dataset(data, split_from=tmp_path / "mine.csv").split.tolist() == list(PARTS)


@pytest.mark.parametrize(("word", "part"), [("train", "training"), ("val", "validation"), ("test", "test")])
def test_a_file_of_one_part_is_no_split_and_that_is_said(tmp_path, word, part):
    dataset = load_dataset(grown(tmp_path / "data"), split_from=table(tmp_path, IMAGES, [word] * 4))
    assert dataset.split is None
    assert dataset.notes[-1].startswith(f"all images of {tmp_path}/data are of the {part} part")


def test_a_list_of_images_of_no_part_is_refused_as_one(tmp_path):
    (tmp_path / "mine.txt").write_text("\n".join(IMAGES))
    message = refusal(grown(tmp_path / "data"), split_from=tmp_path / "mine.txt")
    assert "is a list of images; expected a table with the columns path and split. Write the part" in message


def test_the_files_split_goes_before_that_of_the_folders(tmp_path):
    names = ["train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "test/dog/4.png"]
    split = table(tmp_path, names, ["train", "train", "val", "val"])
    dataset = load_dataset(grown(tmp_path / "data", names), split_from=split)
    assert dataset.split.tolist() == ["training", "training", "validation", "validation"]
    assert "in place of the one that the data set came with" in " ".join(dataset.notes)


def test_a_manifest_and_a_sample_take_one(tmp_path):
    grown(tmp_path)
    (tmp_path / "m.csv").write_text("path,label\n" + "".join(f"{name},x\n" for name in IMAGES))
    assert load_dataset(tmp_path / "m.csv", split_from=table(tmp_path, IMAGES)).split.tolist() == list(PARTS)
    rows = [f"sample:digits[{i}]" for i in range(1797)]
    words = ["test" if i % 3 == 0 else "train" for i in range(1797)]
    split = load_dataset("sample:digits", split_from=table(tmp_path, rows, words)).split
    assert (split[::3] == "test").all()
    assert (split[1::3] == "training").all()


def test_several_sources_take_none(tmp_path):
    data = grown(tmp_path / "data")
    with pytest.raises(DatasetError, match="that of one data set"):
        collect_images([data, data], split_from=table(tmp_path, IMAGES))
