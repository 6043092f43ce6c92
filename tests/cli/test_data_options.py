"""Promised: every command that takes data reads it by the same options, and says the same of it."""

import pytest
from PIL import Image

from featx.cli import main
from featx.cli.data_options import DATA, dataset_from, images_from

COLUMNS = {"path_column": "Datei", "label_column": "Klasse"}


@pytest.fixture
def manifest(tmp_path):
    """A manifest of four images with names of columns that are not known, and a split beside it."""
    rows = []
    for number, part in enumerate(("train", "train", "test", "test")):
        Image.new("RGB", (4, 3)).save(tmp_path / f"{number}.png")
        rows.append((f"{number}.png", "xy"[number % 2], part))
    (tmp_path / "m.csv").write_text("Datei;Klasse\n;\n" + "".join(f"{name};{label}\n" for name, label, _ in rows))
    (tmp_path / "s.csv").write_text("path,split\n" + "".join(f"{name},{part}\n" for name, _, part in rows))
    return tmp_path / "m.csv"


@pytest.mark.parametrize("name", ["fit", "finetune", "compare", "extract", "predict"])
def test_every_command_that_takes_data_has_the_options(name):
    command = main.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--path-column", "--label-column"} <= options
    assert ("--split-from" in options) == (name != "predict")
    assert "{DATA}" not in command.help
    assert (DATA in command.help) == (name in ("fit", "finetune", "compare"))


@pytest.mark.parametrize("read", [dataset_from, lambda options, data: images_from(options, [data])])
def test_the_options_reach_the_data_and_notes_are_printed(manifest, read, capsys):
    options = {"quiet": False, "split_from": str(manifest.parent / "s.csv"), **COLUMNS}
    dataset = read(options, str(manifest))
    assert dataset.labels.tolist() == ["x", "y", "x", "y"]
    assert dataset.split.tolist() == ["training", "training", "test", "test"]
    assert capsys.readouterr().err == f"note: 1 row without any value left out of {manifest}\n"
    read({**options, "quiet": True}, str(manifest))
    assert capsys.readouterr().err == ""


def test_a_test_set_takes_no_split(manifest):
    options = {"quiet": True, "split_from": str(manifest.parent / "s.csv"), **COLUMNS}
    assert dataset_from(options, str(manifest), test=True).split is None


def test_columns_of_what_is_no_manifest_are_said_to_have_no_effect(manifest, capsys):
    (manifest.parent / "data").mkdir()
    (manifest.parent / "0.png").rename(manifest.parent / "data" / "0.png")
    options = {"quiet": False, **COLUMNS}
    assert len(images_from(options, [str(manifest.parent / "data"), str(manifest.parent / "1.png")])) == 2
    assert "path_column='Datei' has no effect: there is no manifest" in capsys.readouterr().err
    images_from(options, [str(manifest), str(manifest.parent / "1.png")])
    assert "no effect" not in capsys.readouterr().err
