"""Promised: what featx does on a GPU is right in the order of its calls and in where its tensors are.

The GPU is pretended: tests/support/pretended_gpu.py says what that shows. tests/promises/test_gpu.py is for real ones.
"""

import logging
import weakref

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from backbones import Net, net
from featx import CNNFeatureTransformer, EmbeddingCache, ParameterError, resolve_backbone
from featx.exceptions import BackboneError
from featx.finetuning import training
from featx.finetuning.training import Training
from featx.finetuning.trunk import Trunk
from featx.networks import device as devices
from featx.networks import precision as precisions
from featx.networks.backbone import Backbone
from featx.networks.device import fetched_later, sent
from featx.networks.pooling import POOLINGS
from featx.process import forget
from pretended_gpu import pretended_gpu
from trainings import assert_same_training, classifier, coloured

PICTURES = np.random.default_rng(0).integers(0, 256, (12, 40, 48, 3), dtype=np.uint8)
IS_NATIVE = precisions._is_native


@pytest.fixture
def gpu(monkeypatch):
    forget("networks")
    with pretended_gpu(monkeypatch) as gpu:
        yield gpu
    forget("networks")


def rows_of(backbone, device="cuda", X=PICTURES, **options):
    named = {"weights": None, "image_size": 64, "cache": None, "batch_size": 4, "precision": "float32"}
    if isinstance(backbone, nn.Module):
        del named["weights"]
    return CNNFeatureTransformer(backbone, device=device, **{**named, **options}).fit_transform(X)


@pytest.fixture(scope="module")
def trained(settled):
    """A small network whose statistics are those of images."""
    return {"backbone": "small_cnn", "weights": settled("small_cnn")}


def assert_close(some, others, atol=1e-4):
    np.testing.assert_allclose(some, others, rtol=0, atol=atol * np.abs(others).max())


# --- what is pretended


def test_the_pretended_gpu_refuses_what_a_gpu_refuses(gpu):
    here, there = torch.ones(3), torch.ones(3).to("cuda")
    assert (there.device, there.is_cuda, here.is_cuda) == (torch.device("cuda:0"), True, False)
    with pytest.raises(RuntimeError, match="same device"):
        there + here
    with pytest.raises(RuntimeError, match="same device"):
        nn.Linear(3, 2)(there)
    with pytest.raises(TypeError, match="numpy"):
        np.asarray(there * 2)
    with pytest.raises(RuntimeError, match="indices"):
        here[torch.zeros(1, dtype=torch.long, device="cuda")]
    assert (there * torch.tensor(2.0)).cpu().numpy().tolist() == [2, 2, 2]
    assert nn.Linear(3, 2).to("cuda")(there).device.type == "cuda"
    later = (there * 5).to("cpu", non_blocking=True)
    assert later.tolist() != [5, 5, 5]  # it has not arrived
    torch.cuda.synchronize()
    assert later.tolist() == [5, 5, 5]


# --- embeddings


@pytest.mark.parametrize("name", ["small_cnn", "resnet18", "mobilenet_v3_small", "efficientnet_lite0"])
def test_embeddings_are_those_of_the_processor(gpu, name):
    found = rows_of(name, weights="DEFAULT" if name == "efficientnet_lite0" else None)
    assert gpu.log.count("convolution") > 5
    assert_close(found, rows_of(name, "cpu", weights="DEFAULT" if name == "efficientnet_lite0" else None))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_embeddings_in_half_precision_are_those_of_the_processor(gpu, precision):
    found = rows_of("efficientnet_lite0", weights="DEFAULT", precision=precision)
    assert found.dtype == np.float32
    assert_close(found, rows_of("efficientnet_lite0", "cpu", weights="DEFAULT", precision=precision), 0.05)


def test_a_vision_transformer_has_the_embeddings_of_the_processor(gpu):
    options = {"image_size": 32, "X": PICTURES[:2], "pooling": "cls"}
    found = rows_of("vit_b_32", **options)
    assert_close(found, rows_of("vit_b_32", "cpu", **options))


def test_every_pooling_is_that_of_the_processor(gpu, own_cache):
    views = [("block2", pooling) for pooling in POOLINGS if pooling != "cls"]
    for device in ("cuda", "cpu"):
        rows_of("small_cnn", device, prefetch=views, cache=EmbeddingCache(own_cache / device))
    for view in views:
        options = {"layer": view[0], "pooling": view[1]}
        found, expected = (
            rows_of("small_cnn", device, cache=EmbeddingCache(own_cache / device), **options)
            for device in ("cuda", "cpu")
        )
        assert_close(found, expected)


def test_the_next_batch_is_begun_before_the_last_one_is_waited_for(gpu):
    """So that the GPU always has something to do; and between the two, nothing waits for it."""
    rows_of("small_cnn", X=PICTURES[:4])  # loaded and fused
    gpu.log.clear()
    rows_of("small_cnn")
    calls = [call for call in gpu.log if call != "convolution"]
    begun = ["to the GPU, pinned", "stream waits for stream", "record_stream", "copy from the GPU", "event"]
    assert calls == [*begun, *begun, "wait: event", *begun, "wait: event", "wait: event"]


def test_a_copy_has_a_stream_of_its_own_and_is_waited_for_by_what_is_computed_with_it(gpu):
    streams, moved = [], torch.Tensor.to

    def noting(self, *args, **options):
        streams.append(torch.cuda.current_stream())
        return moved(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", noting)
        sent(devices.pinned(torch.ones(2), "cuda"), "cuda")
        sent(devices.pinned(torch.ones(2), "cuda"), "cuda")
    assert streams[0] is streams[1] is not torch.cuda.current_stream()
    assert gpu.log == ["to the GPU, pinned", "stream waits for stream", "record_stream"] * 2
    assert gpu.waits == []


def test_rows_are_read_once_they_have_arrived(gpu):
    fetched = fetched_later([torch.full((3,), 5.0).to("cuda")], "cuda")
    assert fetched()[0].numpy().tolist() == [5, 5, 5]
    assert not fetched()[0].is_pinned()


def test_rows_that_are_finished_are_kept_where_the_next_batch_fails(gpu, own_cache, monkeypatch):
    embed, sizes = Backbone.embed, []

    def failing(self, pixels, *args, **options):
        if self.device != "meta":
            sizes.append(len(pixels))
            if len(sizes) == 3:
                raise BackboneError("the third batch")
        return embed(self, pixels, *args, **options)

    monkeypatch.setattr(Backbone, "embed", failing)
    with pytest.raises(BackboneError, match="the third batch"):
        rows_of("small_cnn", cache=EmbeddingCache(own_cache))
    assert [spec.rows for spec in EmbeddingCache(own_cache).info()] == [8]


def test_unreadable_images_among_the_others_are_left_out(gpu, tmp_path, photos):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    paths = [str(tmp_path / "bad.jpg"), *list(photos.values())[:5], str(tmp_path / "bad.jpg")]
    rows = rows_of("small_cnn", X=paths, batch_size=1, on_error="skip")
    assert np.isnan(rows[[0, 6]]).all()
    assert np.isfinite(rows[1:6]).all()


# --- modules of one's own


def test_a_module_is_used_on_two_devices_by_turns(gpu):
    """One that was moved from one to the other would fail the second time."""
    module = net().eval()
    first = rows_of(module, "cpu", image_size=32)
    for device in ("cuda", "cpu", "cuda"):
        assert_close(rows_of(module, device, image_size=32), first)
    assert next(module.parameters()).device.type == "cpu"


def test_a_module_on_the_gpu_is_left_there_and_recognised(gpu, own_cache, forwards):
    module = net().eval()
    expected = rows_of(module, "cpu", image_size=32, cache=own_cache)
    moved = net().eval().to("cuda")
    assert forwards.since() == len(PICTURES)
    assert np.array_equal(rows_of(moved, image_size=32, cache=own_cache), expected)
    assert forwards.since() == 0
    assert_close(rows_of(moved, "cpu", image_size=32), expected)
    assert_close(rows_of(moved, "cuda", image_size=32), expected)
    assert all(tensor.is_cuda for tensor in (*moved.parameters(), *moved.buffers()))


class Looking(Net):
    """A network that cannot be traced, for it looks at values, and that drops out at random."""

    def forward(self, x):
        return super().forward(x if x.mean() > -100 else -x)


def test_a_module_that_cannot_be_traced_runs_on_the_gpu(gpu):
    module = net(Looking).eval()
    assert_close(rows_of(module, image_size=32), rows_of(module, "cpu", image_size=32))


def test_a_tensor_that_does_not_move_with_its_module_is_explained(gpu):
    class Fixed(Net):
        def __init__(self):
            super().__init__()
            self.other = torch.ones(8, 1, 1)

        def forward(self, x):
            return self.features(x) * self.other

    with pytest.raises(BackboneError, match=r"same device(.|\n)*register_buffer"):
        rows_of(net(Fixed).eval(), image_size=32)


@pytest.mark.parametrize("trainable_stages", ["all", 1])
def test_buffers_of_a_trained_module_move_with_it(gpu, trainable_stages):
    """A graph that was made before would have those of before: `Net` adds one to its input."""
    X, y = coloured()
    module = net()
    module.features[1].running_mean.fill_(0.1)
    options = {"weights": "DEFAULT", "trainable_stages": trainable_stages, "boundary_cache_bytes": 0}
    fitted = classifier(backbone=module, device="cuda", **options).fit(X, y)
    expected = classifier(backbone=module, device="cpu", **options).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X), expected.predict_proba(X), atol=1e-3)


# --- memory


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED")]
)
def test_a_batch_too_large_for_the_memory_is_computed_in_parts(gpu, monkeypatch, caplog, error):
    expected, convolve, sizes = rows_of("small_cnn", batch_size=12), torch.nn.functional.conv2d, []

    def scarce(x, *args, **options):
        sizes.append(len(x))
        if len(x) > 5:
            raise error
        return convolve(x, *args, **options)

    monkeypatch.setattr(torch.nn.functional, "conv2d", scarce)
    with caplog.at_level(logging.WARNING, "featx"):
        found = rows_of("small_cnn", batch_size=12)
    assert "parts of 3 images" in caplog.text
    assert gpu.log.count("empty_cache") == 2
    assert list(dict.fromkeys(sizes)) == [12, 6, 3]
    assert_close(found, expected)


# --- training


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_training_is_that_of_the_processor(gpu, trained, precision, monkeypatch):
    scalers, make = [], training.make_scaler

    def noted(settings):
        scalers.append(make(settings))
        return scalers[-1]

    monkeypatch.setattr(training, "make_scaler", noted)
    X, y = coloured(count=36)
    options = {**trained, "trainable_stages": 2, "epochs": 3, "learning_rate": 1e-4, "early_stopping": False}
    options |= {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}, "augmentation": "flips", "batch_size": 12}
    fitted = classifier(device="cuda", precision=precision, **options).fit(X, y)
    expected = classifier(device="cpu", precision="float32", **options).fit(X, y)
    assert [scaler.is_enabled() for scaler in scalers] == [precision == "float16", False]
    close = {"rtol": 1e-3} if precision == "float32" else {"rtol": 0.1, "atol": 0.05}
    np.testing.assert_allclose(fitted.history_["loss"], expected.history_["loss"], **close)


@pytest.mark.parametrize("head_init", ["random", "logistic", "warmup"])
@pytest.mark.parametrize("options", [{}, {"boundary_cache_bytes": 0}, {"trainable_stages": 0}], ids=str)
def test_every_beginning_of_the_head_and_every_feed_work_there(gpu, trained, head_init, options):
    X, y = coloured()
    fitted = classifier(device="cuda", **trained, head_init=head_init, **options).fit(X, y)
    assert fitted.predict(X).shape == y.shape


def test_batch_statistics_are_estimated_there(gpu):
    X, y = coloured()
    options = {"backbone": "small_cnn", "trainable_stages": "all", "batch_norm": "update"}
    fitted = classifier(device="cuda", **options, warmup_learning_rate=1e-3).fit(X, y)
    expected = classifier(device="cpu", **options, warmup_learning_rate=1e-3).fit(X, y)
    np.testing.assert_allclose(fitted.history_["loss"], expected.history_["loss"], rtol=1e-2)


def test_a_training_is_resumed_bit_for_bit(gpu, trained, tmp_path):
    X, y = coloured()
    options = {**trained, "device": "cuda", "precision": "float16", "trainable_stages": 1, "epochs": 3}
    options |= {"augmentation": "flips", "dropout": 0.3, "early_stopping": False, "batch_size": 12}
    whole, run = classifier(**options).fit(X, y), Training._epoch

    def stopped(self, epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        run(self, epoch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "_epoch", stopped)
        classifier(**options, checkpoint=str(tmp_path / "c.pt")).fit(X, y)
    state = torch.load(tmp_path / "c.pt", weights_only=True)["state"]
    assert bool(state["scaler"])
    assert_same_training(classifier(**options, checkpoint=str(tmp_path / "c.pt")).fit(X, y), whole)


def test_images_that_are_trained_on_come_from_pinned_memory(gpu):
    X, y = coloured()
    for options in ({}, {"boundary_cache_bytes": 0}):
        gpu.log.clear()
        classifier(device="cuda", trainable_stages=2, early_stopping=False, head_init="random", **options).fit(X, y)
        pinned = gpu.log.count("to the GPU, pinned")
        assert pinned >= 2
        assert gpu.log.count("record_stream") == pinned


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_what_did_not_fit_is_freed_before_the_parts_are_computed(gpu, monkeypatch, caplog, part):
    """Else the outputs of all layers would lie in the memory while the first part is computed."""
    kept, freed, features, loss = [], [], Trunk.features, Training._loss

    def noting(self, inputs):
        found = features(self, inputs)
        if len(inputs) > 6:
            hook = lambda gradient: None  # noqa: E731 - it lives as long as what the gradients are computed from
            found.register_hook(hook)
            kept.append(weakref.ref(hook))
            if part == "forward":
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return found

    class Lacking(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            if len(gradient) > 6:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return gradient

    monkeypatch.setattr(Trunk, "features", noting)
    monkeypatch.setattr(Training, "_loss", lambda self, logits, y: loss(self, Lacking.apply(logits), y))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(all(hook() is None for hook in kept)))
    options = {"batch_size": 12, "trainable_stages": 2, "early_stopping": False, "head_init": "random"}
    with caplog.at_level(logging.WARNING, "featx"):
        classifier(device="cuda", **options).fit(*coloured())
    assert "parts of 6 images" in caplog.text
    assert freed == [True]


# --- devices, seeds and what users pass


@pytest.mark.parametrize(("capability", "native"), [((7, 5), False), ((8, 0), True), ((12, 0), True)])
def test_auto_is_bfloat16_from_compute_capability_8_on(monkeypatch, capability, native):
    monkeypatch.setattr(precisions, "_is_native", IS_NATIVE)
    forget("networks")
    with pretended_gpu(monkeypatch, capability=capability):
        assert IS_NATIVE("cuda:0") is native
        source = resolve_backbone("efficientnet_lite0", image_size=96)
        crops = precisions.sample_crops(4)
        monkeypatch.setattr(precisions, "sample_crops", lambda: crops)
        agreement = precisions.measure_agreement(source, crops, device="cuda", precision="bfloat16")
        wanted = "bfloat16" if native and agreement.close else "float32"
        assert precisions.choose_precision(source, "auto", device="auto") == wanted
    forget("networks")


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    with pretended_gpu(monkeypatch, count=2):
        assert devices.resolve_device("auto") == "cuda"
        assert devices.resolve_device("cuda:1") == "cuda:1"
        with pytest.raises(ParameterError, match=r"got device='cuda:2'; this machine has no such device") as raised:
            rows_of("small_cnn", "cuda:2", X=["missing.png"])
        assert raised.value.next_step == "It has auto, cpu, cuda:0, cuda:1."
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
        with pytest.raises(ParameterError, match="forked") as raised:
            devices.resolve_device("cuda")
        assert "loky" in raised.value.next_step


def test_the_gpus_random_numbers_are_left_alone(gpu):
    module = net().eval()
    torch.manual_seed(5)
    before, here = torch.cuda.get_rng_state(), torch.get_rng_state()
    classifier(device="cuda", dropout=0.2).fit(*coloured())
    rows_of("small_cnn", "cpu", random_state=3)
    rows_of(module, image_size=32)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert torch.equal(torch.get_rng_state(), here)


@pytest.mark.parametrize("as_list", [True, False])
def test_images_and_labels_on_the_gpu_are_taken(gpu, trained, as_list):
    there = torch.from_numpy(PICTURES).to("cuda")
    y = torch.from_numpy(np.arange(len(PICTURES)) % 2).to("cuda")
    X = list(there) if as_list else there
    features = CNNFeatureTransformer("small_cnn", weights=None, image_size=64, device="cuda", cache=None)
    assert np.array_equal(features.fit_transform(X), features.fit_transform(PICTURES))
    assert set(make_pipeline(features, LogisticRegression()).fit(PICTURES, y.cpu().numpy()).predict(X)) <= {0, 1}
    fitted = classifier(device="cuda", **trained).fit(X, y)
    assert fitted.classes_.tolist() == [0, 1]


def test_a_processor_is_not_asked_for_gpus(monkeypatch):
    def asked(*args):
        raise AssertionError("CUDA was asked")

    for name in ("device_count", "is_available", "_lazy_init"):
        monkeypatch.setattr(torch.cuda, name, asked)
    assert devices.resolve_device("cpu:0") == "cpu"
    rows_of("small_cnn", "cpu")


def test_a_device_has_one_name_however_it_is_written(gpu):
    assert {devices.physical_device(name) for name in ("cuda", "cuda:0")} == {"GPU-0000"}
