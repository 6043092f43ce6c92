"""Promised: where the memory does not suffice, batches are computed in parts with the same result."""

import logging

import numpy as np
import pytest
import torch

from featx.exceptions import TrainingError
from featx.finetuning.micro_batches import MicroBatches
from featx.finetuning.trunk import Trunk
from trainings import classifier


@pytest.fixture
def little_memory(monkeypatch):
    """Let the trained part run out of memory above a number of images."""

    def limit(most, error=torch.OutOfMemoryError, part="features"):
        method = getattr(Trunk, part)

        def limited(self, inputs, *rest):
            if len(inputs) > most:
                raise error("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
            return method(self, inputs, *rest)

        monkeypatch.setattr(Trunk, part, limited)

    return limit


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize("options", [{}, {"class_weight": {0: 5.0, 1: 0.5}, "label_smoothing": 0.1}], ids=str)
def test_with_little_memory_batches_are_computed_in_parts(data, little_memory, caplog, options, error):
    options = {**options, "batch_size": 10, "learning_rate": 1e-3, "optimizer": "sgd"}
    expected = classifier(**options).fit(*data)
    little_memory(3, error)
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(**options).fit(*data)
    assert "parts of 2 images" in caplog.text
    np.testing.assert_allclose(fitted.history_["loss"], expected.history_["loss"], rtol=1e-4)
    np.testing.assert_allclose(fitted.predict_proba(data[0]), expected.predict_proba(data[0]), atol=1e-4)


def test_the_frozen_part_is_computed_in_parts_too(data, little_memory, caplog):
    expected = classifier(boundary_cache_bytes=0, head_init="random").fit(*data)
    little_memory(3, part="lower")
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(boundary_cache_bytes=0, head_init="random").fit(*data)
    assert "parts of 2 images" in caplog.text
    np.testing.assert_allclose(fitted.history_["loss"], expected.history_["loss"], rtol=1e-4)


def test_one_image_too_much_for_the_memory_is_an_error(data, little_memory):
    little_memory(0)
    with pytest.raises(TrainingError, match=r"one image is too much for the memory of cpu.*smaller image_size"):
        classifier().fit(*data)


@pytest.mark.parametrize(("n", "batch_size", "most"), [(5, 2, None), (7, 3, None), (7, 4, None), (9, 4, 3), (11, 8, 3)])
def test_no_part_of_one_image_is_normalised_by_its_own_statistics(
    data, settled, little_memory, monkeypatch, n, batch_size, most
):
    sizes, features = [], Trunk.features

    def counting(self, inputs):
        sizes.append(len(inputs))
        return features(self, inputs)

    monkeypatch.setattr(Trunk, "features", counting)
    if most is not None:
        little_memory(most)
    options = {
        "backbone": "small_cnn",
        "weights": settled("small_cnn"),
        "batch_norm": "update",
        "head_init": "random",
    }
    classifier(**options, early_stopping=False, batch_size=batch_size).fit(data[0][:n], data[1][:n])
    assert min(sizes) >= 2
    assert max(size for size in sizes if most is None or size <= most) <= max(batch_size, 3)


def test_other_errors_of_the_network_are_not_taken_for_a_lack_of_memory(data, monkeypatch):
    def failing(self, inputs):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Trunk, "features", failing)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        classifier().fit(*data)


@pytest.mark.parametrize("smallest", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("n_images", [2, 3, 5, 9, 32])
def test_parts_are_of_similar_size_and_cover_the_batch(n_images, size, smallest):
    batches = MicroBatches(size, smallest=smallest, device="cpu", network="a network")
    parts = batches.slices(n_images)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(n_images))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= smallest
    assert max(sizes) <= max(size, 2 * smallest - 1)


def test_parts_are_halved_until_they_are_single_images():
    batches, error = (
        MicroBatches(32, smallest=1, device="cpu", network="a network"),
        torch.OutOfMemoryError("out of memory"),
    )
    sizes = []
    for _ in range(3):
        batches.halve(10, error)
        sizes.append(batches.size)
    assert sizes == [5, 2, 1]
    with pytest.raises(TrainingError, match="one image is too much for the memory of cpu"):
        batches.halve(10, error)
    with pytest.raises(RuntimeError, match="another reason"):
        batches.halve(10, RuntimeError("another reason"))
