"""Promised: data sets as tools and people leave them are read as what they are, or refused with what to type."""

import itertools
import re
import shlex
from collections import Counter

import pytest
from PIL import Image

from featx.datasets.load import load_dataset
from featx.exceptions import DatasetError
from layouts import LAYOUTS

# An image's name tells the truth about it: the first letter of its class, then its part: ct1.png is a cat to train on.
PARTS = {"t": "training", "v": "validation", "s": "test"}


def expanded(text):
    """Return the names that a shell makes of words with braces."""
    for word in shlex.split(text):
        pieces = enumerate(re.split(r"[{}]", word))
        yield from map("".join, itertools.product(*(piece.split(",") if n % 2 else [piece] for n, piece in pieces)))


def grown(folder, layout):
    for name in expanded(layout.files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(path)
    for name, content in layout.texts.items():
        if callable(content):
            content(folder)
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / layout.data


def counted(values):
    return ", ".join(f"{value} {number}" for value, number in Counter(values).items())


def read(folder, layout, **more):
    options = {name: folder / value for name, value in layout.options.items()}
    return load_dataset(grown(folder, layout), **options, **more)


@pytest.mark.parametrize("layout", [pytest.param(x, id=x.name) for x in LAYOUTS if x.classes])
def test_a_layout_is_read_as_what_it_is(layout, tmp_path):
    dataset = read(tmp_path, layout)
    assert counted(sorted(dataset.labels.tolist())) == layout.classes
    assert ("" if dataset.split is None else counted(dataset.split.tolist())) == layout.split
    for row, name in enumerate(dataset.names):
        truth = re.fullmatch(r"(\w)([tvs]?)\d\.\w+\]?", re.split(r"[/\[]", name)[-1])
        if truth:
            assert dataset.labels[row][0] == truth[1], name
        if truth and layout.split:
            assert dataset.split[row] == PARTS[truth[2]], name


@pytest.mark.parametrize("layout", [pytest.param(x, id=x.name) for x in LAYOUTS if not x.classes])
def test_a_layout_that_cannot_be_told_is_refused_with_what_to_type(layout, tmp_path):
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, layout)
    message = str(caught.value)
    assert "\n" not in message
    for words in layout.refusal:
        assert words.replace("{}", str(tmp_path)) in message
    # What is to be typed works.
    for command in re.findall(r"`(featx fit .*?)`", message):
        words = shlex.split(command)
        datasets = [load_dataset(words[2])] + [load_dataset(words[i + 1]) for i, w in enumerate(words) if w == "--test"]
        assert set(datasets[-1].classes) <= set(datasets[0].classes)
        assert len(datasets[0].classes) > 1


@pytest.mark.parametrize("layout", [pytest.param(x, id=x.name) for x in LAYOUTS if x.files and ".xlsx" not in x.data])
def test_every_image_of_a_layout_is_read_where_no_label_is_needed(layout, tmp_path):
    source = grown(tmp_path, layout)
    if source.is_dir() and source.name != "data":
        dataset = load_dataset(source, labelled=False)
        assert len(dataset) == len(list(expanded(layout.files)))


def test_there_are_layouts_of_every_tool():
    tools = Counter(layout.name.partition(":")[0] for layout in LAYOUTS)
    assert len(LAYOUTS) >= 24
    assert tools.keys() >= {
        "Keras",
        "fastai",
        "torchvision",
        "Ultralytics",
        "Roboflow",
        "Hugging Face",
        "Kaggle",
        "Excel",
    }
