"""Promised: no row is filed under weights that it was not made with, whenever and wherever their file is replaced."""

import functools
import os
import shutil
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torchvision.models import get_model, get_model_weights

import featx.networks.backbone
import featx.networks.weights
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, load_model, resolve_backbone, save_model
from featx.exceptions import ModelFileError, WeightsError
from featx.networks.weights import file_weights

rng = np.random.default_rng(0)
X = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(12)]
y = [0, 1] * 6
NAME = "squeezenet1_1"


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    monkeypatch.setattr(featx.networks.backbone, "_loaded", type(featx.networks.backbone._loaded)())


@functools.cache
def state_of(seed):
    torch.manual_seed(seed)
    return get_model(NAME, weights=None).state_dict()


def write(path, seed):
    state = state_of(seed)
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


# How a file is read matters where it is digested and loaded, not to those that do this through the transformer.
THROUGH_MODELS = pytest.mark.parametrize(
    "net", [".pth", pytest.param(".safetensors", marks=pytest.mark.long)], indirect=True
)


@pytest.fixture(params=[".pth", ".safetensors"])
def net(request, tmp_path):
    """Return a file of weights and a function that puts the second weights in its place, or the first ones again."""
    first, second = (write(tmp_path / f"{seed}{request.param}", seed) for seed in (1, 2))
    path = Path(shutil.copy(first, tmp_path / f"net{request.param}"))
    return path, lambda n=2: shutil.copy({1: first, 2: second}[n], path)


def transformer(path, **options):
    return CNNFeatureTransformer(NAME, weights=path, image_size=32, precision="float32", **options)


def when_digested(monkeypatch, action):
    """Do something between the digests of the images and the first forward pass."""
    keys = featx.extraction.extract.image_keys

    def late(*args, **options):
        found = keys(*args, **options)
        action()
        return found

    monkeypatch.setattr("featx.extraction.extract.image_keys", late)


# Each error in a process costs the start of two others.
@pytest.mark.parametrize(
    ("net", "backend", "workers"),
    [
        (".pth", "loky", 1),
        (".safetensors", "loky", 1),
        (".pth", "threading", 2),
        pytest.param(".pth", "loky", 2, marks=pytest.mark.long),
        pytest.param(".safetensors", "loky", 2, marks=pytest.mark.long),
    ],
    indirect=["net"],
)
def test_weights_that_are_replaced_before_they_are_loaded_file_no_row(net, tmp_path, monkeypatch, backend, workers):
    path, replace = net
    options = {"cache": tmp_path / "cache", "batch_size": 2}
    with monkeypatch.context() as patch:
        when_digested(patch, replace)
        with joblib.parallel_config(backend, n_jobs=workers), pytest.raises(WeightsError) as caught:
            transformer(path, **options).fit_transform(X)
    assert str(path) in str(caught.value)
    assert "have changed since their digest was computed" in str(caught.value)
    assert "have the same file on every machine" in caught.value.next_step
    for number in (1, 2):
        replace(number)
        served = transformer(path, **options).fit_transform(X)
        np.testing.assert_allclose(served, transformer(path, cache=None).fit_transform(X), atol=1e-4)


def test_what_is_replaced_in_place_after_loading_changes_no_tensor(net):
    path, replace = net
    weights = file_weights(path)
    state = weights.load()
    before = {name: value.clone() for name, value in state.items()}
    replace()
    assert all(torch.equal(value, before[name]) for name, value in state.items())
    with pytest.raises(WeightsError, match="have changed since their digest"):
        weights.load()


@pytest.mark.parametrize("keep_times", [True, False])
def test_a_file_that_keeps_size_and_mtime_has_another_digest(net, keep_times):
    path, replace = net
    times = os.stat(path)
    first = file_weights(path).digest
    assert file_weights(path).digest == first
    replace()
    if keep_times:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file_weights(path).digest != first


def test_a_settled_file_is_digested_once_in_a_process(net, monkeypatch):
    path, _ = net
    monkeypatch.setattr("featx.cache.digests.FRESH_NS", 0)
    digest = file_weights(path).digest
    monkeypatch.setattr("featx.networks.state_files.hashlib.file_digest", lambda *_: pytest.fail("it is read again"))
    assert file_weights(path).digest == digest


@THROUGH_MODELS
@pytest.mark.parametrize("kind", ["transformer", "pipeline", "fine-tuned"])
def test_a_model_does_not_predict_with_weights_that_it_was_not_fitted_with(net, kind):
    path, replace = net
    model = {
        "transformer": lambda: transformer(path, cache=None),
        "pipeline": lambda: make_pipeline(transformer(path, cache=None), LogisticRegression()),
        "fine-tuned": lambda: CNNFineTuneClassifier(NAME, weights=path, image_size=32, epochs=1, cache=None),
    }[kind]().fit(X, y)
    predict = model.transform if kind == "transformer" else model.predict
    expected = predict(X)
    replace()
    with pytest.raises(WeightsError, match="other weights than when this was fitted"):
        predict(X)
    replace(1)
    np.testing.assert_array_equal(predict(X), expected)


@THROUGH_MODELS
@pytest.mark.parametrize("kind", ["pipeline", "fine-tuned"])
def test_a_loaded_model_is_refused_or_stopped_when_its_weights_are_replaced(net, tmp_path, kind, monkeypatch):
    path, replace = net
    network = CNNFineTuneClassifier(NAME, weights=path, image_size=32, epochs=1, cache=None)
    model = network if kind == "fine-tuned" else make_pipeline(transformer(path, cache=None), LogisticRegression())
    save_model(model.fit(X, y), tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    featx.networks.backbone._loaded.clear()
    replace()
    with pytest.raises(WeightsError, match="other weights than when this was fitted"):
        loaded.predict(X)
    with pytest.raises(ModelFileError, match="other weights"):
        load_model(tmp_path / "model.skops")


def test_fine_tuning_trains_on_what_was_digested(net, monkeypatch):
    path, replace = net
    cut = featx.finetuning.fit.Trunk.cut

    def late(*args, **options):
        replace()
        return cut(*args, **options)

    monkeypatch.setattr(featx.finetuning.fit.Trunk, "cut", late)
    with pytest.raises(WeightsError, match="have changed since their digest"):
        CNNFineTuneClassifier(NAME, weights=path, image_size=32, epochs=1, cache=None).fit(X, y)


def test_published_weights_are_compared_when_they_are_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    entry = get_model_weights(NAME)["IMAGENET1K_V1"]
    target = tmp_path / "checkpoints" / entry.url.rpartition("/")[2]
    write(target, 1)
    prefix = file_weights(target).digest[:8]
    monkeypatch.setattr(featx.networks.weights.Path, "stem", f"{NAME}-{prefix}")
    source = resolve_backbone(NAME, image_size=32)
    write(target, 2)
    with pytest.raises(WeightsError, match="have changed since their digest"):
        source.load("cpu")


def test_weights_of_timm_and_of_the_embedded_network_are_compared_when_they_are_loaded(tmp_path):
    timm = pytest.importorskip("timm")
    from featx.networks.efficientnet_lite import EfficientNetLite0

    for name, make in (("timm:test_resnet", lambda: timm.create_model("test_resnet")),
                       ("efficientnet_lite0", EfficientNetLite0)):  # fmt: skip
        path = tmp_path / f"{name.replace(':', '-')}.pth"
        torch.save(make().state_dict(), path)
        source = resolve_backbone(name, weights=path)
        torch.save(make().state_dict(), path)
        with pytest.raises(WeightsError, match="have changed since their digest"):
            source.load("cpu")


def test_a_file_under_another_name_says_how_its_images_are_prepared(tmp_path, remarks):
    entries = get_model_weights("mobilenet_v2")
    names = [entries[version].url.rpartition("/")[2] for version in ("IMAGENET1K_V1", "IMAGENET1K_V2")]
    state = get_model("mobilenet_v2", weights=None).state_dict()
    for name in ("own.pth", *names):
        torch.save(state, tmp_path / name)
    sides = [resolve_backbone("mobilenet_v2", weights=tmp_path / name).preprocessing.resize for name in names]
    assert sides == [256, 232]
    resolve_backbone("mobilenet_v2", weights=tmp_path / "own.pth", image_size=160)
    resolve_backbone("mobilenet_v2", weights=None)
    assert remarks() == []
    for _ in range(2):
        source = resolve_backbone("mobilenet_v2", weights=tmp_path / "own.pth")
    assert source.preprocessing.resize == 256
    (remark,) = remarks()
    for words in ("own.pth", "IMAGENET1K_V1", "resized to 256", "cut to 224", "image_size", names[0]):
        assert words in remark
