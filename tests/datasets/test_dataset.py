"""Promised: folders, manifests and samples become sorted images with labels; what is left out is said."""

import os
import pickle
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from featx.datasets.dataset import ImageDataset
from featx.datasets.load import collect_images, load_dataset
from featx.exceptions import DatasetError, MissingDependencyError
from featx.images.sources import read_image


@pytest.fixture
def grow(tmp_path):
    """Make files below tmp_path: real images by their extension, text otherwise."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() in (".png", ".jpg"):
                Image.new("RGB", (4, 3)).save(path)
            else:
                path.write_text("text")
        return tmp_path

    return make


def manifest(folder, text, encoding="utf-8"):
    path = folder / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path


def parquet(folder, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "list.parquet")
    return folder / "list.parquet"


def relative(dataset, root):
    return [os.path.relpath(name, root) for name in dataset.names]


def refusal(action, *args, error=DatasetError, **options):
    with pytest.raises(error) as caught:
        action(*args, **options)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return str(caught.value)


@pytest.mark.any_file_name
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_images_at_any_depth_belong_to_their_class_and_are_sorted(grow, kind):
    root = grow("b/2.png", "b/10.JPG", "a/deep/er/1.png", "a/x.png", "c/é ü.png")
    dataset = load_dataset(kind(root))
    assert relative(dataset, root) == ["a/deep/er/1.png", "a/x.png", "b/10.JPG", "b/2.png", "c/é ü.png"]
    assert dataset.labels.tolist() == ["a", "a", "b", "b", "c"]
    assert dataset.classes == ["a", "b", "c"]
    assert (len(dataset), dataset.images, dataset.groups, dataset.notes) == (5, dataset.names, None, [])
    assert read_image(dataset.images[0]).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ("a/.hidden.png", "hidden"),
        (".hidden.png", "hidden"),
        (".thumbs/1.png", "hidden"),
        ("a/.thumbs/1.png", "hidden"),
        ("a/notes.txt", "1 file that is no image left out"),
        ("readme.md", "1 file that is no image left out"),
        ("empty/notes.txt", "class without images"),
        ("loose.png", "outside the class folders"),
    ],
)
def test_what_is_left_out_is_named_in_the_notes_and_not_fatal(grow, extra, word):
    root = grow("a/1.png", "b/1.png", extra)
    dataset = load_dataset(root)
    assert relative(dataset, root) == ["a/1.png", "b/1.png"]
    note = next(note for note in dataset.notes if word in note)
    assert next(part for part in extra.split("/") if part != "a").split("/")[0] in note
    assert note.startswith("1 ")


def test_an_empty_class_folder_is_named(grow):
    root = grow("a/1.png")
    (root / "nothing").mkdir()
    assert load_dataset(root).notes == ["1 class without images left out: nothing"]


@pytest.mark.parametrize("folder", ["", "a/"])
def test_notes_do_not_depend_on_the_order_of_the_file_system(grow, folder):
    rng = np.random.default_rng(0)
    root = grow("a/1.png", *(f"{folder}{i:02}.txt" for i in rng.permutation(40)))
    (note,) = load_dataset(root).notes
    shown = [f"{root}/{folder}{i:02}.txt" for i in range(3)]
    assert note == f"40 files that are no images left out: {', '.join(shown)} and 37 more"


def test_flat_folder_serves_only_without_labels(grow):
    root = grow("b.png", "a.png", "c.txt")
    dataset = load_dataset(root, labelled=False)
    assert relative(dataset, root) == ["a.png", "b.png"]
    assert (dataset.labels, dataset.classes) == (None, [])
    assert "has no labels" in refusal(load_dataset, root)


def test_without_labels_loose_images_are_kept_beside_folders(grow):
    root = grow("b/1.png", "a.png")
    dataset = load_dataset(root, labelled=False)
    assert relative(dataset, root) == ["a.png", "b/1.png"]
    assert dataset.labels is None


def test_linked_class_folder_is_followed(grow):
    root = grow("elsewhere/1.png", "data/a/1.png") / "data"
    (root / "b").symlink_to("../elsewhere")
    (root / "a" / "more").symlink_to("../../elsewhere")
    dataset = load_dataset(root)
    assert relative(dataset, root) == ["a/1.png", "a/more/1.png", "b/1.png"]
    assert dataset.labels.tolist() == ["a", "a", "b"]


@pytest.mark.parametrize("target", ["self", ".", "..", "../..", "gone"])
def test_looping_or_dangling_link_neither_hangs_nor_mixes_classes(grow, target):
    root = grow("data/a/1.png", "data/b/1.png") / "data"
    (root / "a" / "self").symlink_to(target)
    (root / "self").symlink_to("self")
    dataset = load_dataset(root)
    assert relative(dataset, root) == ["a/1.png", "b/1.png"]


@pytest.mark.parametrize("name", ["missing", "missing.csv", "missing.parquet", "x" * 300, "a\0b", ""])
def test_what_does_not_exist_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    refusal(load_dataset, name)


def test_what_holds_no_image_is_refused_with_what_was_found(grow):
    root = grow("a/notes.txt", "text.md")
    assert "text.md is no data set" in refusal(load_dataset, root / "text.md")
    message = refusal(load_dataset, root)
    (root / "empty").mkdir()
    assert "holds no image" in refusal(load_dataset, root / "empty")
    assert "class without images left out: a" in message
    assert ".png" in message


def test_folder_with_the_name_of_a_manifest_is_a_folder(grow):
    assert load_dataset(grow("data.csv/a/1.png") / "data.csv").classes == ["a"]


def test_manifest_paths_are_relative_absolute_or_urls(grow, monkeypatch):
    root = grow("sub/1.png")
    text = f'path,label\nsub/1.png,x\n{root}/sub/1.png,y\nmemory://a.png,z\n"a,b.png",x\n'
    path = manifest(root, text)
    monkeypatch.chdir("/")
    dataset = load_dataset(path)
    assert dataset.images == [*[f"{root}/sub/1.png"] * 2, "memory://a.png", f"{root}/a,b.png"]
    assert dataset.labels.tolist() == ["x", "y", "z", "x"]
    assert dataset.groups is None
    assert read_image(dataset.images[0]).shape == (3, 4, 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        "path,label,group\né.png,ä,1\nb.png,y,2\n",
        " path , label,group \n é.png , ä,1 \nb.png,y ,2\n",
        "group,other,label,path\r\n1,,ä,é.png\r\n2,?,y,b.png",
        '"path","label","group"\n\n"é.png","ä","1"\n\n"b.png","y","2"\n\n',
    ],
)
def test_manifest_is_read_however_it_is_written(tmp_path, text, encoding):
    dataset = load_dataset(manifest(tmp_path, text, encoding))
    assert relative(dataset, tmp_path) == ["é.png", "b.png"]
    assert (dataset.labels.tolist(), dataset.groups.tolist()) == (["ä", "y"], ["1", "2"])


def test_manifest_of_paths_alone_serves_only_without_labels(tmp_path):
    path = manifest(tmp_path, "path\nb.png\na.png\n")
    assert relative(load_dataset(path, labelled=False), tmp_path) == ["b.png", "a.png"]
    assert "has no labels" in refusal(load_dataset, path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty; expected the columns path and label"),
        ("where,label\na.png,x\n", "columns where, label; expected path"),
        ("where;label\na.png;x\n", "columns where, label; expected path"),
        ("path,label\n", "lists no image"),
        ("path,label\na.png,x\nb.png,\n", "no label in line 3"),
        ("path,label\na.png,x\n\nb.png, \nc.png,\n", "no label in line 4 and 1 more row."),
        ('path,label\n"a\nb.png",x\n,y\n', "no path in line 4"),
        ("path,label,group\na.png,x,1\nb.png,x,\n", "no group in line 3"),
        ("path,label\na.png,x\nb.png\n", "no label in line 3"),
        ("path,label\na.png,x\nb,c.png,y\n", "too many values in line 3. Quote values that hold a comma"),
        ("path,label,label\na.png,x,y\n", "column label twice"),
        ('path,label\n"a.png,x\n', "cannot read"),
        ("path,label\n" + "a" * 200_000 + ",x\n", "cannot read"),
    ],
)
def test_malformed_manifest_is_refused_with_the_place(tmp_path, text, reason):
    path = manifest(tmp_path, text)
    message = refusal(load_dataset, path)
    assert reason in message.replace(str(path), "")
    assert str(path) in message


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_manifest_in_another_encoding_is_refused(tmp_path, encoding):
    assert "UTF-8" in refusal(load_dataset, manifest(tmp_path, "path,label\né.png,x\n", encoding))


def test_parquet_manifest_is_read(tmp_path):
    path = parquet(tmp_path, path=["a.png", "memory://b.png"], label=[3, 10], group=["g", "h"], other=[None, 1.5])
    dataset = load_dataset(path)
    assert dataset.images == [f"{tmp_path}/a.png", "memory://b.png"]
    assert (dataset.labels.tolist(), dataset.groups.tolist()) == (["3", "10"], ["g", "h"])


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_label_in_parquet_is_refused_with_its_row(tmp_path, blank):
    assert "no label in row 2" in refusal(load_dataset, parquet(tmp_path, path=["a", "b"], label=["x", blank]))


def test_missing_number_as_a_parquet_label_is_refused(tmp_path):
    assert "no label in row 2" in refusal(load_dataset, parquet(tmp_path, path=["a", "b"], label=[1.0, np.nan]))


def test_parquet_without_paths_is_refused_with_its_columns(tmp_path):
    assert "columns where, label" in refusal(load_dataset, parquet(tmp_path, where=["a"], label=["x"]))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"this is no Parquet file" * 10])
def test_damaged_parquet_is_refused(tmp_path, data):
    (tmp_path / "list.parquet").write_bytes(data)
    assert "cannot read" in refusal(load_dataset, tmp_path / "list.parquet")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    path = parquet(tmp_path, path=["a"], label=["x"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "featx[parquet]" in refusal(load_dataset, path, error=MissingDependencyError)


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
    assert "has no labels" in refusal(load_dataset, "sample:photos")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("digit", "mean digits"), ("photo", "mean photos"), ("zzz", "sample:digits"), ("", "sample:")],
)
def test_unknown_sample_suggests_the_nearest(name, hint):
    assert hint in refusal(load_dataset, f"sample:{name}")


def test_collect_images_joins_files_folders_manifests_and_samples(grow):
    root = grow("flat/2.png", "flat/1.png", "flat/x.txt", "one.png")
    dataset = collect_images(
        [root / "one.png", str(root / "flat"), manifest(root, "path,label\none.png,x\n"), "memory://a.png"]
    )
    assert dataset.images[:4] == [f"{root}/{name}" for name in ("one.png", "flat/1.png", "flat/2.png", "one.png")]
    assert dataset.images[4:] == ["memory://a.png"]
    assert dataset.labels is None
    assert "x.txt" in dataset.notes[0]


def test_collect_images_is_labelled_if_all_its_sources_are(grow):
    root = grow("data/a/1.png", "one.png")
    sources = [root / "data", manifest(root, "path,label\none.png,x\n")]
    assert collect_images(sources).labels.tolist() == ["a", "x"]
    assert collect_images([*sources, root / "one.png"]).labels is None
    assert len(collect_images(["sample:photos", "sample:digits"])) == 1799


@pytest.mark.parametrize("sources", [[], ["missing.jpg"], ["missing"], ["x" * 300], ["missing.csv"], ["sample:no"]])
def test_collect_images_refuses_what_is_not_there(tmp_path, monkeypatch, sources):
    monkeypatch.chdir(tmp_path)
    refusal(collect_images, sources)


def test_take_keeps_order_and_all_columns():
    dataset = ImageDataset(
        ["a", "b", "c"], ["A", "B", "C"], np.array(["x", "y", "z"]), np.array(["1", "2", "3"]), ["n"]
    )
    taken = dataset.take(np.array([2, 0, 2]))
    assert (taken.images, taken.names) == (["c", "a", "c"], ["C", "A", "C"])
    assert (taken.labels.tolist(), taken.groups.tolist()) == (["z", "x", "z"], ["3", "1", "3"])
    assert (taken.notes, taken.classes) == (["n"], ["x", "z"])
    assert len(dataset.take([])) == 0


def test_take_without_labels_has_none():
    taken = ImageDataset(["a", "b"], ["A", "B"]).take([1])
    assert (taken.images, taken.labels, taken.groups) == (["b"], None, None)


def test_take_accepts_a_mask():
    dataset = ImageDataset(["a", "b"], ["A", "B"])
    assert dataset.take(np.array([False, True])).images == ["b"]


def test_a_manifest_may_name_strata_beside_groups(tmp_path):
    (tmp_path / "m.csv").write_text("path,label,stratum\na.png,x,mild\nb.png,y,severe\nc.png,x,mild\n")
    dataset = load_dataset(tmp_path / "m.csv")
    assert dataset.strata.tolist() == ["mild", "severe", "mild"]
    assert dataset.groups is None
    assert dataset.take([1]).strata.tolist() == ["severe"]
    (tmp_path / "m.csv").write_text("path,label,stratum\na.png,x,\n")
    with pytest.raises(DatasetError, match="no stratum in line 2"):
        load_dataset(tmp_path / "m.csv")


@pytest.mark.parametrize("column", ["labels", "groups", "strata", "split"])
def test_columns_may_be_lists_and_must_have_a_value_for_each_image(column):
    values = ["training", "test"]
    data = ImageDataset(["a.png", "b.png"], ["a", "b"], **{column: values})
    assert getattr(data, column).tolist() == values
    assert getattr(data.take([1]), column).tolist() == ["test"]
    for wrong, words in (
        (values[:1], r"shape \(1,\) for 2 images"),
        ("ab", "for 2 images"),
        ([values], "shape"),
        (["test", None], "missing values"),
        (np.array(["test", np.nan], object), "missing values"),
    ):
        with pytest.raises(DatasetError, match=f"got {column} .*{words}"):
            ImageDataset(["a.png", "b.png"], ["a", "b"], **{column: wrong})


def test_what_some_of_several_sources_have_is_said_to_be_dropped(grow):
    root = grow(
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
        dropped = [note for note in data.notes if note.startswith("not all of what was passed has")]
        assert ["labels" in " ".join(dropped), "a split" in " ".join(dropped)] == [not labels, not split]
