"""Promised: --plot-images and --plot-predictions draw the images that were trained on and predicted, and no others."""

import json

import numpy as np
import pytest

from commands import NETWORK, featx
from featx import load_dataset
from featx.cli import sheets
from featx.reports import image_sheets

pytest.importorskip("matplotlib")

QUICK = (*NETWORK, "--grid", "logistic.C=0.01", "-q")


@pytest.fixture
def drawn(monkeypatch):
    """What `plot_images` was called with, by the path."""
    calls, draw = {}, image_sheets.plot_images

    def keep(images, labels, path, **options):
        calls[path.name] = {"images": list(images), "labels": None if labels is None else list(labels), **options}
        return draw(images, labels, path, **{**options, "n_images": 2})

    monkeypatch.setattr(image_sheets, "plot_images", keep)
    return calls


def test_a_fit_draws_what_it_trained_on_and_what_it_held_out(folder, tmp_path, drawn):
    pictures = ("--plot-images", tmp_path / "train.png", "--plot-predictions", tmp_path / "test.svg")
    featx("fit", folder, "-o", tmp_path / "m.skops", "--test-size", "0.25", "--seed", "3", *pictures, *QUICK)
    train, test = drawn["train.png"], drawn["test.svg"]
    assert (len(train["images"]), len(test["images"])) == (30, 10)
    assert sorted(train["images"] + test["images"]) == load_dataset(folder).images
    for found in (train, test):
        assert found["labels"] == [path.split("/")[-2] for path in found["images"]]
    assert (train["title"], test["title"]) == ("training images", "held-out images")
    assert all((tmp_path / name).stat().st_size > 1000 for name in drawn)
    assert {found["random_state"] for found in (train, test)} == {3}


def test_images_of_a_test_set_are_drawn_and_those_left_out_are_not(folder, tmp_path, drawn):
    data = load_dataset(folder)
    split = np.where(np.arange(len(data)) % 4, "training", "test")
    rows = [f"{path},{label},{part}" for path, label, part in zip(data.images, data.labels, split, strict=True)]
    (tmp_path / "lost.png").write_bytes(b"no picture")
    first = ["path,label,split", f"{tmp_path / 'lost.png'},one,training"]
    (tmp_path / "a.csv").write_text("\n".join([*first, *rows]))
    pictures = ("--plot-images", tmp_path / "train.png", "--plot-predictions", tmp_path / "test.png")
    arguments = ("--test", tmp_path / "a.csv", "--on-error", "skip", "--epochs", "1", *pictures, *NETWORK, "-q")
    # Copies of test images are not trained on.
    featx("finetune", tmp_path / "a.csv", "-o", tmp_path / "t.skops", "--trainable-stages", "1", *arguments)
    images = np.array(data.images)
    assert sorted(drawn["train.png"]["images"]) == sorted(images[split == "training"])
    assert drawn["test.png"]["images"] == images[split == "test"].tolist()
    assert drawn["test.png"]["labels"] == data.labels[split == "test"].tolist()


def test_predictions_are_drawn_with_and_without_labels(folder, tmp_path, drawn):
    model = tmp_path / "m.skops"
    featx("fit", folder, "-o", model, *QUICK)
    found = json.loads(featx("predict", model, folder, "--format", "json").stdout)
    picture = ("--plot-predictions", tmp_path / "all.png", "-q")
    featx("predict", model, folder, *picture)
    call = drawn["all.png"]
    assert call["images"] == [entry["path"] for entry in found]
    assert call["labels"] == load_dataset(folder).labels.tolist()
    assert call["predictions"] == [entry["top"][0]["label"] for entry in found]
    assert call["probabilities"] == [entry["top"][0]["probability"] for entry in found]
    featx("predict", model, call["images"][3], call["images"][30], *picture)
    call = drawn["all.png"]
    assert (call["labels"], len(call["images"]), call["title"]) == (None, 2, "images")


@pytest.mark.parametrize("option", ["--plot-images", "--plot-predictions"])
@pytest.mark.parametrize(
    ("name", "message"), [("a.jpg", ".png, .svg, .pdf"), ("nowhere/a.png", "there is no folder")], ids=["kind", "place"]
)
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_read(option, name, message, folder, tmp_path):
    refused = featx("fit", folder, "-o", tmp_path / "m.skops", option, tmp_path / name, *QUICK, code=2)
    assert message in " ".join(refused.stderr.split())
    if option == "--plot-predictions":
        (tmp_path / "m.skops").write_bytes(b"")
        refused = featx("predict", tmp_path / "m.skops", folder, option, tmp_path / name, code=2)
        assert message in " ".join(refused.stderr.split())


def test_nothing_is_drawn_where_nothing_is_asked_for():
    sheets.draw_sheets({"plot_images": None, "plot_predictions": None}, None, None, None, None)
    sheets.draw_predictions({"plot_predictions": None}, None, None, None)
