"""Promised: `featx finetune` trains, draws and exports, and refuses bad options in one line."""

import json

import pytest
from click.testing import CliRunner

from featx.cli import main
from images import write_dark_and_light


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise, one dark and one light."""
    return write_dark_and_light(tmp_path / "data", 10, 40)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_the_commands_train_predict_draw_and_export(folder, tmp_path):
    pytest.importorskip("matplotlib")
    (folder / "dark" / "broken.png").write_bytes(b"not a picture")
    common = ("--backbone", "squeezenet1_1", "--image-size", 32, "--on-error", "skip")
    done = run(
        *("finetune", folder, "-o", tmp_path / "finetuned.skops", "--weights", "none", "--trainable-stages", "all"),
        *("--epochs", 2, "--learning-rate", 0.001, *common, "--plot", tmp_path / "curves.svg"),
        *("--plot-confusion", tmp_path / "matrix.png", "--json", tmp_path / "finetuned.json"),
        *("--export-weights", tmp_path / "finetuned.safetensors", "--checkpoint", tmp_path / "finetuned.ckpt"),
    )
    assert done.exit_code == 0, done.output
    assert "on the test images" in done.output
    assert "epoch 1/2: loss" in done.stderr
    assert "skipped" in done.stderr
    assert json.loads((tmp_path / "finetuned.json").read_text())["n_test"] == 4
    for name in ("curves.svg", "matrix.png", "finetuned.ckpt"):
        assert (tmp_path / name).stat().st_size > 1000
    done = run("predict", tmp_path / "finetuned.skops", folder / "dark", "--format", "json", "--on-error", "skip")
    assert len(json.loads(done.stdout)) == 10
    done = run("extract", folder, "-o", tmp_path / "e.h5", *common, "--weights", tmp_path / "finetuned.safetensors")
    assert done.exit_code == 0, done.output


def test_images_are_drawn_and_counted_in_a_dry_run_too(folder):
    network = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", 32, "--head-init", "random")
    done = run("finetune", folder, *network, "--per-class", 5, "--trainable-stages", 0, "--dry-run")
    assert "note: 10 of 20 images drawn by --per-class 5\n" in done.stderr
    rows = [line.split()[:2] for line in done.stderr.splitlines() if line.endswith("%")]
    assert rows == [["dark", "5"], ["light", "5"], ["training", "6"], ["validation", "2"], ["test", "2"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trainable-stages", "99"), "got --trainable-stages 99"),
        (("--trainable-stages", "fire9"), "there is no stage 'fire9'"),
        (("--augmentation", "flip"), "Did you mean flips?"),
        (("--plot", "curves.bmp"), ".png, .svg, .pdf"),
        (("--checkpoint", "nowhere/a.ckpt"), "there is no folder"),
        (("--export-weights", "nowhere/a.safetensors"), "there is no folder"),
        (("--export-weights", "a.pth"), "got a.pth for weights. Choose a name that ends in .safetensors."),
        (("--test-size", "2.5"), "'--test-size': 2.5 is not in the range"),
        (("--learning-rate", "-1"), "'--learning-rate': -1.0 is not in the range"),
    ],
)
def test_bad_options_end_in_one_line(folder, tmp_path, arguments, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", 32)
    done = run("finetune", folder, "-o", "finetuned.skops", *options, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "epoch" not in done.stderr
    assert not (tmp_path / "finetuned.skops").exists()
