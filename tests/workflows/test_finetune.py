"""Promised: a fine-tuned network is judged on images it never saw, saved, loaded and used like any other model."""

import json
import zipfile

import joblib
import numpy as np
import pytest
from click.testing import CliRunner
from featx.cli import main
from PIL import Image

from featx import (
    Augmentation,
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    DatasetError,
    ModelFileError,
    finetune_model,
    load_dataset,
    load_model,
    save_model,
)
from featx.display.text_tables import render_text
from featx.reports.held_out import finetuning_parts

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "epochs": 2, "learning_rate": 1e-3}


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise, one dark and one light, and an unreadable file."""
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 128)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(low, low + 128, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    return tmp_path / "data"


def tiny(**parameters):
    return CNNFineTuneClassifier(**{**TINY, "head_init": "logistic", **parameters})


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_figures_are_of_images_that_the_model_never_saw(folder):
    data = load_dataset(folder)
    seen = []

    class Noting(CNNFineTuneClassifier):
        def fit(self, X, y, groups=None):
            seen.extend(X)
            return super().fit(X, y, groups=groups)

    result = finetune_model(data, Noting(**TINY, head_init="logistic"), test_size=0.3)
    assert len(seen) == result.n_train == 14
    assert result.n_test == 6
    assert sum(map(sum, result.confusion_matrix)) == 6
    assert {row["support"] for row in result.per_class} == {3}
    assert result.metrics["accuracy"].low <= result.metrics["accuracy"].value <= 1
    assert json.loads(result.to_json())["history"]["epoch"] == [1, 2]
    baseline = json.loads(result.to_json())["baseline"]
    assert (baseline["answer"], baseline["accuracy"]) == ("dark", 0.5)
    assert baseline["verdict"] in ("better", "not distinguishable", "worse")
    assert result.baseline.text in render_text(finetuning_parts(result))


def test_another_data_set_may_be_the_test_set(folder, tmp_path):
    (tmp_path / "test" / "dark").mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(tmp_path / "test" / "dark" / "black.png")
    result = finetune_model(load_dataset(folder), tiny(), test=load_dataset(tmp_path / "test"))
    assert (result.n_train, result.n_test) == (20, 1)
    (tmp_path / "test" / "grey").mkdir()
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "test" / "grey" / "grey.png")
    with pytest.raises(DatasetError, match="'grey', which the training set does not have"):
        finetune_model(load_dataset(folder), tiny(), test=load_dataset(tmp_path / "test"))


@pytest.mark.parametrize("augmentation", ["light", Augmentation(rotation=10, horizontal_flip=True)])
def test_a_saved_network_predicts_the_same_wherever_it_is_loaded(folder, tmp_path, augmentation, monkeypatch):
    data = load_dataset(folder)
    model = tiny(augmentation=augmentation, trainable_stages=2, checkpoint=tmp_path / "a.ckpt", n_jobs=2)
    model.fit(data.images, data.labels)
    save_model(model, tmp_path / "tuned.skops")
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "elsewhere"))
    loaded = load_model(tmp_path / "tuned.skops")
    assert (loaded.predict_proba(data.images) == model.predict_proba(data.images)).all()
    assert loaded.augmentation == augmentation
    assert loaded.checkpoint is None
    assert loaded.n_jobs is None
    assert loaded.batch_size == model.batch_size
    assert loaded.history_ == model.history_


def test_a_model_file_holds_only_the_tensors_that_were_trained(folder, tmp_path):
    data = load_dataset(folder)
    sizes = []
    for stages in (0, 1):
        save_model(tiny(trainable_stages=stages).fit(data.images, data.labels), tmp_path / "tuned.skops")
        sizes.append((tmp_path / "tuned.skops").stat().st_size)
    whole = sum(p.numel() * 4 for p in CNNFeatureTransformer(**_shared()).source().build().parameters())
    assert sizes[0] < sizes[1] < whole / 3


def _shared():
    return {name: TINY[name] for name in ("backbone", "weights", "image_size")}


def test_a_model_of_other_weights_is_refused(folder, tmp_path):
    data = load_dataset(folder)
    model = tiny().fit(data.images, data.labels)
    model.random_state = 1
    save_model(model, tmp_path / "tuned.skops")
    with zipfile.ZipFile(tmp_path / "tuned.skops") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["schema.json"] = parts["schema.json"].replace(b"random;seed=1", b"random;seed=7")
    with zipfile.ZipFile(tmp_path / "other.skops", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(ModelFileError, match="other weights of squeezenet1_1"):
        load_model(tmp_path / "other.skops")


def test_a_fine_tuned_network_survives_pickling(folder, tmp_path):
    data = load_dataset(folder)
    model = tiny().fit(data.images, data.labels)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert (again.predict_proba(data.images) == model.predict_proba(data.images)).all()


def test_the_commands_train_predict_draw_and_export(folder, tmp_path):
    pytest.importorskip("matplotlib")
    (folder / "dark" / "broken.png").write_bytes(b"not a picture")
    common = ("--backbone", "squeezenet1_1", "--image-size", 32, "--on-error", "skip")
    done = run(
        *("finetune", folder, "-o", tmp_path / "tuned.skops", "--weights", "none", "--trainable-stages", "all"),
        *("--epochs", 2, "--learning-rate", 0.001, *common, "--plot", tmp_path / "curves.svg"),
        *("--plot-confusion", tmp_path / "matrix.png", "--json", tmp_path / "tuned.json"),
        *("--export-weights", tmp_path / "tuned.safetensors", "--checkpoint", tmp_path / "tuned.ckpt"),
    )
    assert done.exit_code == 0, done.output
    assert "on the test images" in done.output
    assert "epoch 1/2: loss" in done.stderr
    assert "skipped" in done.stderr
    assert json.loads((tmp_path / "tuned.json").read_text())["n_test"] == 4
    for name in ("curves.svg", "matrix.png", "tuned.ckpt"):
        assert (tmp_path / name).stat().st_size > 1000
    done = run("predict", tmp_path / "tuned.skops", folder / "dark", "--format", "json", "--on-error", "skip")
    assert len(json.loads(done.stdout)) == 10
    done = run("extract", folder, "-o", tmp_path / "e.h5", *common, "--weights", tmp_path / "tuned.safetensors")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trainable-stages", "99"), "got --trainable-stages 99"),
        (("--trainable-stages", "fire9"), "there is no stage 'fire9'"),
        (("--augmentation", "flip"), "Did you mean flips?"),
        (("--plot", "curves.bmp"), ".png, .svg, .pdf"),
        (("--checkpoint", "nowhere/a.ckpt"), "there is no folder"),
        (("--export-weights", "nowhere/a.safetensors"), "there is no folder"),
        (("--test-size", "2.5"), "'--test-size': 2.5 is not in the range"),
        (("--learning-rate", "-1"), "'--learning-rate': -1.0 is not in the range"),
    ],
)
def test_bad_options_end_in_one_line(folder, tmp_path, arguments, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", 32)
    done = run("finetune", folder, "-o", "tuned.skops", *options, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "tuned.skops").exists()
