"""Promised: a finetuned network is saved, loaded and pickled like any other model, and its file is small."""

import zipfile

import joblib
import pytest
from sklearn.base import clone

from featx import (
    Augmentation,
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    ModelFileError,
    load_dataset,
    load_model,
    save_model,
)
from featx.display.json_values import as_json
from images import write_dark_and_light

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32, "epochs": 2, "learning_rate": 1e-3}


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise, one dark and one light."""
    return write_dark_and_light(tmp_path / "data", 10, 40)


def tiny(**parameters):
    return CNNFineTuneClassifier(**{**TINY, "head_init": "logistic", **parameters})


@pytest.mark.parametrize("augmentation", ["light", Augmentation(rotation=10, horizontal_flip=True)])
def test_a_saved_network_predicts_the_same_wherever_it_is_loaded(folder, tmp_path, augmentation, monkeypatch):
    data = load_dataset(folder)
    model = tiny(augmentation=augmentation, trainable_stages=2, checkpoint=tmp_path / "a.ckpt", n_jobs=2)
    model.fit(data.images, data.labels)
    save_model(model, tmp_path / "finetuned.skops")
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "elsewhere"))
    loaded = load_model(tmp_path / "finetuned.skops")
    assert (loaded.predict_proba(data.images) == model.predict_proba(data.images)).all()
    assert loaded.augmentation == augmentation
    assert loaded.checkpoint is None
    assert loaded.n_jobs is None
    assert loaded.batch_size == model.batch_size
    assert as_json(loaded.history_) == as_json(model.history_)
    assert loaded.history_["iterations"]["loss"].dtype == "float32"


def test_a_head_of_several_layers_is_cloned_saved_and_loaded(folder, tmp_path):
    data = load_dataset(folder)
    given = tiny(head_init="auto", hidden_units=(8, 4), dropout=0.5, trainable_stages=0, epochs=1)
    model = clone(given).fit(data.images, data.labels)
    assert [model.head_[f"{name}.weight"].shape[0] for name in ("hidden", "hidden2", "output")] == [8, 4, 2]
    save_model(model, tmp_path / "stack.skops")
    loaded = load_model(tmp_path / "stack.skops")
    assert loaded.hidden_units == (8, 4)
    assert (loaded.predict_proba(data.images) == model.predict_proba(data.images)).all()
    loaded.export_weights(tmp_path / "stack.safetensors")
    features = CNNFeatureTransformer(**{**_shared(), "weights": str(tmp_path / "stack.safetensors")})
    assert features.fit_transform(data.images).shape == (20, 512)


def test_a_model_file_holds_only_the_tensors_that_were_trained(folder, tmp_path):
    data = load_dataset(folder)
    sizes = []
    for stages in (0, 1):
        save_model(tiny(trainable_stages=stages).fit(data.images, data.labels), tmp_path / "finetuned.skops")
        sizes.append((tmp_path / "finetuned.skops").stat().st_size)
    whole = sum(p.numel() * 4 for p in CNNFeatureTransformer(**_shared()).source().build().parameters())
    assert sizes[0] < sizes[1] < whole / 3


def _shared():
    return {name: TINY[name] for name in ("backbone", "weights", "image_size")}


def test_a_model_of_other_weights_is_refused(folder, tmp_path):
    data = load_dataset(folder)
    model = tiny().fit(data.images, data.labels)
    model.random_state = 1
    save_model(model, tmp_path / "finetuned.skops")
    with zipfile.ZipFile(tmp_path / "finetuned.skops") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["schema.json"] = parts["schema.json"].replace(b"random;seed=1", b"random;seed=7")
    with zipfile.ZipFile(tmp_path / "other.skops", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(ModelFileError, match="other weights of squeezenet1_1"):
        load_model(tmp_path / "other.skops")


def test_a_finetuned_network_survives_pickling(folder, tmp_path):
    data = load_dataset(folder)
    model = tiny().fit(data.images, data.labels)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert (again.predict_proba(data.images) == model.predict_proba(data.images)).all()
