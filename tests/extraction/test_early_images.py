"""Promised: images are decoded while the network is loaded and measured; what comes of it stays the same."""

import threading
import time
from collections import OrderedDict

import numpy as np
import pytest

from featx import CNNFeatureTransformer, ImageDecodeError, resolve_backbone
from featx.extraction import early_images as module
from featx.extraction.early_images import EarlyImages, early_images
from featx.images.sources import as_sources
from featx.networks import precision
from featx.networks.backbone import BackboneSource
from featx.runtime import deadlines

SMALL = {"backbone": "small_cnn", "weights": None, "image_size": 32, "n_jobs": 2}


@pytest.fixture
def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (12, 40, 50, 3), dtype=np.uint8))


@pytest.fixture
def fresh(monkeypatch):
    """No network is loaded, and none has been measured."""
    monkeypatch.setattr("featx.networks.backbone._loaded", OrderedDict())
    for name in ("_measured", "_chosen"):
        monkeypatch.setattr(precision, name, {})


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that threads have decoded early, and an event for the last of them."""
    names, done = [], threading.Event()
    real = module.decoded_image

    def noted(image, preprocessing):
        found = real(image, preprocessing)
        names.append(image.name)
        if len(names) == 12:
            done.set()
        return found

    monkeypatch.setattr(module, "decoded_image", noted)
    return names, done


def test_images_are_decoded_while_the_network_is_loaded(pictures, fresh, decoded, monkeypatch):
    names, done = decoded
    load = BackboneSource.load
    monkeypatch.setattr(BackboneSource, "load", lambda self, device: done.wait(20) and load(self, device))
    rows = CNNFeatureTransformer(**SMALL, cache=None).fit_transform(pictures)
    assert len(names) == 12
    assert np.array_equal(rows, CNNFeatureTransformer(**SMALL, cache=None).fit_transform(pictures))
    assert len(names) == 12  # the network is there


def test_images_are_decoded_while_the_precision_is_measured(pictures, fresh, decoded, monkeypatch, own_cache):
    names, done = decoded
    monkeypatch.setattr(precision, "_choose", lambda *_: done.wait(20) and {"precision": "float32"})
    transformer = CNNFeatureTransformer(**SMALL)
    rows = transformer.fit_transform(pictures)
    assert len(names) == 12
    assert transformer.precision_ == "float32"
    fresh_again = CNNFeatureTransformer(**SMALL, cache=None, precision="float32")
    assert np.array_equal(rows, fresh_again.fit_transform(pictures))


def test_an_unreadable_image_is_told_of_in_its_turn(tmp_path, pictures, fresh):
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = [*pictures[:3], str(tmp_path / "broken.png"), str(tmp_path / "missing.png")]
    with pytest.raises(ImageDecodeError, match=r"missing\.png"):
        CNNFeatureTransformer(**SMALL, cache=None).fit_transform(images)
    with pytest.raises(ImageDecodeError, match=r"broken\.png"):
        CNNFeatureTransformer(**SMALL, cache=None).fit_transform(images[:4])
    skipping = CNNFeatureTransformer(**SMALL, cache=None, on_error="skip")
    assert np.isnan(skipping.fit_transform(images)).all(axis=1).tolist() == [False] * 3 + [True] * 2
    assert [failure.index for failure in skipping.failures_] == [3, 4]


def test_an_error_of_the_network_and_an_interrupt_stop_the_threads(pictures, fresh, monkeypatch):
    for error in (MemoryError, KeyboardInterrupt):

        def fail(self, device, error=error):
            raise error

        monkeypatch.setattr(BackboneSource, "load", fail)
        with pytest.raises(error):
            CNNFeatureTransformer(**SMALL, cache=None).fit_transform(pictures)
        assert not [thread for thread in threading.enumerate() if thread.name == "featx-reader"]


def test_an_image_that_hangs_holds_up_none_that_is_asked_for(pictures, monkeypatch):
    monkeypatch.setattr(deadlines, "IMAGE_SECONDS", 0.6)
    sources, over = as_sources(pictures[:4]), threading.Event()
    real = module.decoded_image
    hanging = sources[0].name

    def slow(image, preprocessing):
        if image.name == hanging:
            over.wait(20)
        return real(image, preprocessing)

    monkeypatch.setattr(module, "decoded_image", slow)
    preprocessing = resolve_backbone("small_cnn", weights=None).preprocessing
    with early_images(sources, preprocessing, threads=1, wanted=True, digests=[b"a", b"b", b"c", b"b"]) as early:
        start = time.monotonic()
        assert early.take(b"b").digest == sources[1].digest()
        assert time.monotonic() - start < 15
        assert b"b" not in early
        assert b"c" in early
        over.set()


def test_an_image_that_could_not_be_read_for_its_digest_is_not_waited_for_again(pictures, monkeypatch):
    sources, over = as_sources(pictures[:4]), threading.Event()
    real, hanging = module.decoded_image, [sources[0].name, sources[1].name]

    def slow(image, preprocessing):
        if image.name in hanging:
            over.wait(20)
        return real(image, preprocessing)

    monkeypatch.setattr(module, "decoded_image", slow)
    preprocessing = resolve_backbone("small_cnn", weights=None).preprocessing
    with early_images(sources, preprocessing, threads=1, wanted=True) as early:
        start = time.monotonic()
        early.name([b"", b"", b"c", b"d"])
        assert early.take(b"d").digest == sources[3].digest()
        assert b"" not in early
        assert time.monotonic() - start < 15
        over.set()


def test_no_more_images_are_taken_than_fit(pictures, monkeypatch):
    preprocessing = resolve_backbone("small_cnn", weights=None).preprocessing.adapted(32, "crop")
    monkeypatch.setattr(module, "MOST_BYTES", 5 * 3 * 32**2)
    early = EarlyImages(as_sources(pictures), preprocessing, threads=2)
    early.name([bytes([number]) for number in range(12)])
    assert [bytes([number]) in early for number in (4, 5)] == [True, False]
    early.close()
    assert bytes([4]) not in early
