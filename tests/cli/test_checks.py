"""Promised: names in options are checked before anything is loaded, as the library would check them."""

import json
import zipfile

import pytest

from featx import BackboneError, CacheError, FeatxError, ParameterError
from featx.cli.checks import check_figure_paths, check_model_files, check_names, check_reading
from featx.exceptions import ModelFileError
from images import write_images


@pytest.mark.parametrize("first", ["photos", "photos/dark/0.png", "nosuch"])
def test_a_model_that_is_passed_last_is_told_to_come_first(first, tmp_path, monkeypatch):
    monkeypatch.chdir(write_images(tmp_path, "photos/dark/0.png", "photos/dark/1.png"))
    model, classes = tmp_path / "m.skops", '{"classes": ["a", "b"]}'
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("schema.json", json.dumps({"content": {"featx": {"content": json.dumps(classes)}}}))
    with pytest.raises(ModelFileError, match="the model comes first") as caught:
        check_model_files(first, [], images=["photos/dark/1.png", str(model)])
    assert caught.value.next_step == f"`featx predict {model} photos/dark/1.png {first}`"
    with pytest.raises(ModelFileError, match=f"^(cannot read )?{first} is |^cannot read {first}:"):
        check_model_files(first, [], images=["photos/dark/1.png"])


def options(**changes):
    """Return the options of a command that reads images, as they are by default."""
    return {
        "backbone": "efficientnet_lite0", "weights": "DEFAULT", "layer": None, "pooling": "auto", "image_size": None,
        "device": "cpu", "precision": "auto", "n_jobs": None, "cache": "none", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weights": "None", "backbone": "resnet18", "layer": "layer3", "pooling": "avgmax", "image_size": 64},
        {"layer": ["stage6", "head"], "pooling": ["avg", "max"]},
        {"backbone": ["resnet18", "mnasnet0_5"], "strategies": ["frozen", "finetuned", "frozen:svm"]},
        {"trainable_stages": 2, "trainable_layers": None, "augmentation": "flips"},
        {"trainable_stages": ["nosuch"], "trainable_layers": 3, "augmentation": "none"},
        {"backbone": "timm:resnet18", "trainable_stages": ["nosuch"], "trainable_layers": None, "augmentation": "none"},
    ],
    ids=["defaults", "one", "several", "backbones", "stages", "layers", "timm, whose stages are not known yet"],
)
def test_names_that_there_are_pass(changes):
    if "timm" in str(changes):
        pytest.importorskip("timm")
    check_names(options(**changes))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"backbone": ["resnet18", "resnet5"]}, BackboneError, "Did you mean resnet50"),
        ({"layer": ["stage6", "stage9"]}, BackboneError, "no layer 'stage9'"),
        ({"strategies": ["frozen@stage9"]}, BackboneError, "no layer 'stage9'"),
        ({"strategies": ["frozn"]}, ParameterError, "Did you mean frozen"),
        ({"pooling": ["avg", "avgg"]}, ParameterError, "avgg"),
        ({"trainable_stages": ["stage9"], "trainable_layers": None, "augmentation": "none"}, FeatxError, "stage9"),
        ({"trainable_stages": 1, "trainable_layers": None, "augmentation": "flip"}, ParameterError, "flips"),
        ({"device": "cudaa"}, ParameterError, "Did you mean cuda"),
        ({"n_jobs": 0}, ParameterError, "n_jobs=0"),
    ],
)
def test_any_one_name_that_there_is_not_is_told_of(changes, error, words):
    with pytest.raises(error, match=words):
        check_names(options(**changes))


def test_a_model_is_read_with_a_device_and_a_cache_but_no_precision(tmp_path):
    (tmp_path / "file").touch()
    reading = {"device": "cpu", "n_jobs": -1, "cache": str(tmp_path / "cache")}
    check_reading(reading)
    assert not (tmp_path / "cache").exists()
    with pytest.raises(CacheError, match="file"):
        check_reading({**reading, "cache": str(tmp_path / "file")})


def test_pictures_are_checked_as_files_and_by_their_names(tmp_path):
    check_figure_paths(plot=None, plot_confusion=tmp_path / "a.png", plot_history=tmp_path / "b.SVG")
    with pytest.raises(ParameterError, match=r"got plot_history='.*b\.jpg'; .*\.png, \.svg, \.pdf"):
        check_figure_paths(plot=tmp_path / "a.png", plot_history=tmp_path / "b.jpg")
    with pytest.raises(ParameterError, match="there is no folder"):
        check_figure_paths(plot=None, plot_images=tmp_path / "missing" / "a.png")
    assert not list(tmp_path.iterdir())
