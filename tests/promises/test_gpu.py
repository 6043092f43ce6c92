"""Promised: a GPU computes what the processor does, in parts if its memory is small, beside decoding and in turns.

    pytest -n 0 -m gpu                             # skipped where there is no GPU
    FEATX_TEST_DEVICE=cpu pytest -n 0 -m gpu       # the tests themselves, as far as they need none
    FEATX_TEST_DEVICE=pretended pytest -n 0 -m gpu # the same, with a pretended GPU

The fixture `cuda` marks what only CUDA has.
"""

import contextlib
import gc
import json
import logging
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from featx import (
    CNNFeatureTransformer,
    EmbeddingCache,
    ParameterError,
    load_model,
    resolve_backbone,
    save_model,
)
from featx.extraction import early_images, forward
from featx.finetuning import training
from featx.images.sources import as_sources
from featx.networks import precision as precisions
from featx.networks.device import physical_device, resolve_device
from featx.networks.fused_convolution import FusedConvolution
from featx.process import forget
from gpus import DEVICE, IS_CUDA, IS_PRETENDED
from pretended_gpu import pretended_gpu
from trainings import assert_same_training, classifier, coloured

pytestmark = pytest.mark.gpu

NETWORKS = ["efficientnet_lite0", "resnet18", "mobilenet_v3_small", "vit_b_16"]
# Random weights enlarge the rounding of half precision in the others.
IN_HALF = [(name, precision) for name in NETWORKS[:2] for precision in ("bfloat16", "float16")]
# How far a row may be from that of the processor: relative to the largest value in float32, by the cosine otherwise.
FLOAT32 = 1e-4
COSINES = {"bfloat16": 0.99, "float16": 0.9995}
IS_NATIVE = precisions._is_native


@pytest.fixture
def cuda():
    """The device, for what only CUDA has."""
    return torch.device(DEVICE)


@pytest.fixture(autouse=True)
def network_memory(monkeypatch):
    """Have each test load its networks anew, and free what they took."""
    forget("networks")
    with pretended_gpu(monkeypatch) if IS_PRETENDED else contextlib.nullcontext():
        yield
    forget("networks")
    gc.collect()
    if IS_CUDA and not IS_PRETENDED:
        torch.cuda.empty_cache()


@pytest.fixture(scope="module")
def weights_of(photos, tmp_path_factory):
    """Return a function from a network's name to its trained weights, or to random ones.

    BatchNorm has the statistics of the photographs: with others, a network may enlarge the rounding of two processors a
    thousand times.
    """
    folder = tmp_path_factory.mktemp("weights")

    def file_of(name):
        path = folder / f"{name}.pth"
        if name == "efficientnet_lite0" or name.startswith("vit"):
            return "DEFAULT" if name == "efficientnet_lite0" else None
        if not path.exists():
            source = resolve_backbone(name, weights=None)
            images = torch.stack([source.preprocessing.apply(image.load()[1]) for image in as_sources(photos.values())])
            module = source.build().train()
            for part in module.modules():
                if hasattr(part, "momentum"):
                    part.momentum = None
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                module(source.preprocessing.normalise(images))
            torch.save(module.state_dict(), path)
        return str(path)

    return file_of


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (40, 48, 56, 3), dtype=np.uint8)


def rows_of(images, backbone, *, device=DEVICE, precision="float32", weights=None, cache=None, **options):
    named = {"device": device, "precision": precision, "weights": weights, "cache": cache}
    return CNNFeatureTransformer(backbone, **named, **options).fit_transform(images)


def cosines(some, others):
    some, others = some.astype(np.float64), others.astype(np.float64)
    return (some * others).sum(1) / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)


def assert_close(some, others, precision="float32"):
    if precision == "float32":
        np.testing.assert_allclose(some, others, rtol=0, atol=FLOAT32 * np.abs(others).max())
    else:
        assert cosines(some, others).min() > COSINES[precision]


@pytest.mark.parametrize(("name", "precision"), [*((name, "float32") for name in NETWORKS), *IN_HALF])
def test_embeddings_are_those_of_the_processor(photos, weights_of, name, precision):
    weights = weights_of(name)
    images = list(photos.values())
    expected = rows_of(images, name, device="cpu", weights=weights)
    assert_close(rows_of(images, name, precision=precision, weights=weights), expected, precision)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_size_of_batches_changes_no_embedding(pictures, precision):
    expected = rows_of(list(pictures), "efficientnet_lite0", precision=precision, weights="DEFAULT", batch_size=40)
    for size in (1, 7, 16):
        found = rows_of(list(pictures), "efficientnet_lite0", precision=precision, weights="DEFAULT", batch_size=size)
        if precision == "float32":
            assert_close(found, expected)
        else:
            assert cosines(found, expected).min() > 0.999


def test_rows_of_a_gpu_serve_the_processor(pictures, own_cache, forwards):
    """One key for both: what one has computed, the other does not compute again."""
    found = rows_of(list(pictures), "small_cnn", cache=EmbeddingCache(own_cache))
    assert forwards.since() == len(pictures)
    again = rows_of(list(pictures), "small_cnn", device="cpu", cache=EmbeddingCache(own_cache))
    assert forwards.since() == 0
    assert np.array_equal(found, again)


def test_a_module_on_the_gpu_is_the_one_on_the_processor(pictures, own_cache, forwards):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    expected = CNNFeatureTransformer(module, image_size=32, device="cpu", cache=own_cache).fit_transform(pictures)
    assert forwards.since() == len(pictures)
    moved = module.to(DEVICE)
    again = CNNFeatureTransformer(moved, image_size=32, device=DEVICE, cache=own_cache).fit_transform(pictures)
    assert forwards.since() == 0
    assert np.array_equal(again, expected)
    anew = CNNFeatureTransformer(moved, image_size=32, device=DEVICE, cache=None).fit_transform(pictures)
    assert_close(anew, expected)
    assert next(moved.parameters()).device.type == torch.device(DEVICE).type


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v3_small"])
def test_auto_chooses_half_precision_where_it_is_native_and_close(name, monkeypatch):
    monkeypatch.setattr(precisions, "_is_native", IS_NATIVE)
    source = resolve_backbone(name, weights="DEFAULT" if name == "efficientnet_lite0" else None)
    crops = precisions.sample_crops()
    agreement = precisions.measure_agreement(source, crops, device=DEVICE, precision="bfloat16")
    native = IS_NATIVE(DEVICE)
    wanted = "bfloat16" if native and agreement.close else "float32"
    assert precisions.choose_precision(source, "auto", device=DEVICE) == wanted
    if IS_CUDA:
        assert native == (torch.cuda.get_device_capability(DEVICE) >= (8, 0))
    if name == "efficientnet_lite0":
        assert agreement.close
        assert precisions.measure_agreement(source, crops, device=DEVICE, precision="float16").close


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_channels_come_last_all_through_the_network(pictures, monkeypatch, precision):
    seen = []
    convolve = FusedConvolution.forward

    def looking(self, x, residual=None):
        found = convolve(self, x, residual)
        # A map of one pixel or one channel is in both orders.
        seen.extend(t.is_contiguous(memory_format=torch.channels_last) for t in (x, found) if min(t.shape[1:]) > 1)
        return found

    monkeypatch.setattr(FusedConvolution, "forward", looking)
    # Without depthwise convolutions, for which cuDNN and torch have kernels of either order.
    rows_of(list(pictures), "resnet18", precision=precision)
    assert len(seen) >= 40
    assert all(seen)


def test_images_are_copied_from_pinned_memory(pictures, cuda):
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    images = list(pictures)
    rows_of(images[:8], "efficientnet_lite0", weights="DEFAULT")
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        rows_of(images, "efficientnet_lite0", weights="DEFAULT", batch_size=8)
        torch.cuda.synchronize(cuda)
    names = [event.name for event in profiler.events() if event.device_type == DeviceType.CUDA]
    pinned = [name for name in names if name.startswith("Memcpy HtoD") and "Pinned" in name]
    # One for each batch; small constants, such as the mean of the channels, come from other memory.
    assert len(pinned) >= len(images) / 8, sorted(set(names))


def test_images_are_decoded_while_the_network_computes(photos, monkeypatch):
    """Shown by the times at which threads decode, and at which a batch has begun and its rows are not there yet."""
    spans, lock, begin = {"decode": [], "network": []}, threading.Lock(), forward._begun

    def spanned(function, kind, began=None):
        def call(*args):
            start = began or time.perf_counter()
            found = function(*args)
            with lock:
                spans[kind].append((start, time.perf_counter()))
            return found

        return call

    def begun(*args):
        began = time.perf_counter()
        return spanned(begin(*args), "network", began)

    images = [np.asarray(part) for part in np.random.default_rng(0).integers(0, 256, (160, 300, 400, 3), np.uint8)]
    rows_of(list(photos.values()), "efficientnet_lite0", weights="DEFAULT")  # loaded and fused
    monkeypatch.setattr(forward, "decoded_image", spanned(early_images.decoded_image, "decode"))
    monkeypatch.setattr(forward, "_begun", begun)
    rows_of(images, "efficientnet_lite0", weights="DEFAULT", batch_size=16, n_jobs=2)
    assert len(spans["decode"]) >= 160  # what is ahead at the end of a turn is decoded again
    # What is decoded ahead is decoded before or beside the network, and hardly ever after a wait for it.
    busy = sum(end - began for began, end in _union(spans["network"]))
    both = sum(
        max(0.0, min(end, other) - max(began, start))
        for start, other in _union(spans["network"])
        for began, end in _union(spans["decode"])
    )
    decoding = sum(end - began for began, end in _union(spans["decode"]))
    assert both > 0.3 * min(busy, decoding)


def _union(spans):
    """Return spans that do not overlap and cover the same time."""
    found = []
    for began, end in sorted(spans):
        if found and began <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((began, end))
    return found


@contextlib.contextmanager
def little_memory(device, spare):
    """Leave so many bytes of the device's memory to this process, beside what it holds."""
    gc.collect()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(device) + spare) / total, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def test_a_batch_too_large_for_the_memory_is_computed_in_parts(cuda, caplog):
    device = torch.device("cuda", torch.cuda.current_device() if cuda.index is None else cuda.index)
    images = list(np.random.default_rng(0).integers(0, 256, (256, 64, 64, 3), dtype=np.uint8))
    expected = rows_of(images, "efficientnet_lite0", weights="DEFAULT", batch_size=16)
    # 256 images of 224 pixels take over 1.2 GB for the first expansion alone: 96 x 112 x 112 numbers an image.
    with caplog.at_level(logging.WARNING, "featx"), little_memory(device, 800 << 20):
        found = rows_of(images, "efficientnet_lite0", weights="DEFAULT", batch_size=256)
    assert "batches are computed in parts of" in caplog.text
    assert_close(found, expected)


def test_training_goes_on_in_parts_where_the_memory_is_too_small(cuda, caplog):
    device = torch.device("cuda", torch.cuda.current_device() if cuda.index is None else cuda.index)
    X, y = coloured(count=96)
    options = {"device": DEVICE, "image_size": 224, "batch_size": 96, "epochs": 1, "trainable_stages": "all"}
    with caplog.at_level(logging.WARNING, "featx"), little_memory(device, 1 << 30):
        fitted = classifier(**options, backbone="resnet18", batch_norm="update", head_init="random").fit(X, y)
    assert "batches are computed in parts of" in caplog.text
    assert np.isfinite(fitted.history_["loss"]).all()


@pytest.mark.skipif(IS_PRETENDED, reason="one process pretends for itself")
def test_two_processes_take_turns_and_compute_each_image_once(own_cache):
    code = """
import json, sys
import numpy as np
from featx import CNNFeatureTransformer
from featx.images.sources import as_sources
images = np.random.default_rng(1).integers(0, 256, (300, 64, 64, 3), dtype=np.uint8)
transformer = CNNFeatureTransformer("small_cnn", weights=None, precision="float32", device=sys.argv[1], batch_size=16)
print("ready", flush=True)
sys.stdin.readline()
result = transformer.fit(list(images[:1])).extract(as_sources(list(images)))
print(json.dumps([result.n_forwarded, float(result.embeddings[0].sum())]))
"""
    command = [sys.executable, "-c", code, DEVICE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as open_pipes:
        both = [open_pipes.enter_context(subprocess.Popen(command, **pipes)) for _ in range(2)]
        for process in both:
            open_pipes.callback(process.kill)
        assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
        for process in both:
            process.stdin.write("\n")
            process.stdin.flush()
        found = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    assert sum(count for count, _ in found) == 300
    assert found[0][1] == found[1][1]
    turns = [name for name in os.listdir(own_cache) if name.startswith(".turn-")]
    assert len(turns) <= 1  # of one device


def test_a_device_has_one_name_however_it_is_written(cuda):
    names = {physical_device("cuda"), physical_device(f"cuda:{torch.cuda.current_device()}")}
    assert len(names) == 1
    assert names.pop().startswith(("GPU-", "MIG-", "gpu"))


def test_a_device_that_is_not_there_is_refused_before_an_image_is_read(tmp_path):
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ParameterError, match=rf"got device='{absent}'; this machine has no such device"):
        rows_of([str(tmp_path / "missing.png")], "small_cnn", device=absent)
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else resolve_device("auto"))


@pytest.fixture
def scalers(monkeypatch):
    """Whether each training has scaled its gradients."""
    made, make = [], training.make_scaler

    def noted(settings):
        scaler = make(settings)
        made.append(scaler.is_enabled())
        return scaler

    monkeypatch.setattr(training, "make_scaler", noted)
    return made


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_fine_tuning_learns_in_every_precision(precision, scalers):
    X, y = coloured(count=60)
    options = {"device": DEVICE, "precision": precision, "trainable_stages": 2, "epochs": 4}
    fitted = classifier(**options, learning_rate=3e-4, early_stopping=False).fit(X, y)
    assert scalers == [IS_CUDA and precision == "float16"]
    assert fitted.score(X, y) > 0.9
    assert all(np.isfinite(values).all() for values in fitted.state_.values())
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.set_params(device="cpu").predict_proba(X), probabilities, atol=0.05)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_training_is_repeated_and_resumed_bit_for_bit(tmp_path, monkeypatch, precision):
    """With cuDNN's deterministic algorithms: featx draws by seeds, and leaves these to the user."""
    X, y = coloured(count=36)
    options = {"device": DEVICE, "precision": precision, "trainable_stages": 2, "epochs": 3}
    options |= {"augmentation": "flips", "dropout": 0.3, "early_stopping": False, "batch_size": 8}
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False):
        whole = classifier(**options).fit(X, y)
        assert_same_training(classifier(**options).fit(X, y), whole)
        run = training.Training._epoch

        def stopped(self, epoch):
            if epoch == 3:
                raise KeyboardInterrupt
            run(self, epoch)

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(training.Training, "_epoch", stopped)
            classifier(**options, checkpoint=str(tmp_path / "c.pt")).fit(X, y)
        assert_same_training(classifier(**options, checkpoint=str(tmp_path / "c.pt")).fit(X, y), whole)


def test_the_frozen_part_is_computed_once_on_the_gpu(own_cache):
    X, y = coloured(count=30)
    options = {"device": DEVICE, "trainable_stages": 1, "precision": "float32", "cache": own_cache}
    fitted = classifier(**options).fit(X, y)
    assert fitted.forwarded_["forwarded"] == fitted.forwarded_["needed"] > 0
    again = classifier(**options).fit(X, y)
    assert again.forwarded_["forwarded"] == 0
    # The rows serve the processor, too: they have the same keys.
    there = classifier(**{**options, "device": "cpu"}).fit(X, y)
    assert there.forwarded_["forwarded"] == 0
    # A GPU may train with TF32.
    np.testing.assert_allclose(there.predict_proba(X), fitted.predict_proba(X), atol=0.1)


def test_a_model_of_a_gpu_predicts_on_a_machine_without(pictures, tmp_path, own_cache):
    y = np.arange(len(pictures)) % 2
    features = CNNFeatureTransformer("small_cnn", weights=None, device=DEVICE, cache=None)
    model = make_pipeline(features, LogisticRegression()).fit(pictures, y)
    save_model(model, tmp_path / "m.skops")
    np.save(tmp_path / "pictures.npy", pictures)
    code = """
import sys
import numpy as np
from featx import load_model
model, pictures = load_model(sys.argv[1]), np.load(sys.argv[2])
np.save(sys.argv[3], model.set_params(cnnfeaturetransformer__device="auto").predict_proba(pictures))
"""
    files = [str(tmp_path / name) for name in ("m.skops", "pictures.npy", "found.npy")]
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, "-c", code, *files], check=True, env=hidden)
    expected = load_model(files[0]).set_params(cnnfeaturetransformer__device=DEVICE).predict_proba(pictures)
    np.testing.assert_allclose(np.load(files[2]), expected, atol=1e-3)
