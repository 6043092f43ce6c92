"""Promised: the file of embeddings holds the paths, labels and split of its rows."""

import os
import time
import tracemalloc

import h5py
import joblib
import numpy as np
from PIL import Image

from backends import IMAGES, Processes
from commands import featx
from featx import CNNFeatureTransformer, EmbeddingCache, ImageDataset
from featx.cache.digests import digest_bytes
from featx.datasets.load import collect_images
from featx.extraction import distribute
from featx.extraction.extract import ExtractionResult
from featx.workflows import extract
from featx.workflows.extract import write_embeddings

NETWORK = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32")


def test_extract_writes_the_parts_of_a_split(folder, tmp_path):
    (folder / "val" / "dark" / "0.png").write_text("no image")
    featx("extract", folder, "-o", tmp_path / "e.h5", *NETWORK, "--on-error", "skip")
    with h5py.File(tmp_path / "e.h5") as file:
        parts, paths = file["split"].asstr()[:], file["paths"].asstr()[:]
        words = {"train": "training", "val": "validation", "test": "test"}
        assert parts.tolist() == [words[path.split("/")[-3]] for path in paths]
        assert len(parts) == len(file["labels"]) == 35
    featx("extract", folder / "test", "-o", tmp_path / "e.h5", *NETWORK)
    with h5py.File(tmp_path / "e.h5") as file:
        assert "split" not in file


def test_no_split_is_written_where_there_is_none(tiny, tmp_path):
    data = ImageDataset([np.zeros((32, 32, 3), np.uint8)] * 2, ["a", "b"])
    write_embeddings(data, CNNFeatureTransformer(**tiny, cache=None), tmp_path / "e.h5")
    with h5py.File(tmp_path / "e.h5") as file:
        assert set(file) == {"embeddings", "paths"}


def test_workers_of_a_cluster_do_not_wait_for_the_end_of_a_part(tiny, tmp_path, monkeypatch):
    paths = [str(tmp_path / f"{n}.png") for n in range(24)]
    for path, pixels in zip(paths, IMAGES, strict=False):
        Image.fromarray(pixels).save(path)
    for bad in (2, 17):
        (tmp_path / f"{bad}.png").write_bytes(b"no image %d" % bad)
    data, runs, written = ImageDataset(paths, paths), [], []
    real = distribute._Distribution.run
    monkeypatch.setattr(extract, "ROWS_AT_A_TIME", 8)
    monkeypatch.setattr(distribute._Distribution, "run", lambda self: runs.append(len(self.images)) or real(self))
    for name, backend in (("plain", "sequential"), ("shared", Processes())):
        network = CNNFeatureTransformer(**tiny, batch_size=2, on_error="skip", cache=str(tmp_path / name))
        with joblib.parallel_config(backend, n_jobs=2):
            found, shape = write_embeddings(data, network, tmp_path / f"{name}.h5")
        assert shape[0] == found.n_forwarded == 22
        assert found.n_images == 24
        assert [failure.index for failure in found.failures] == [2, 17]
        with h5py.File(tmp_path / f"{name}.h5") as file:
            written.append((file["embeddings"][:], list(file["paths"].asstr())))
    assert runs == [24]
    np.testing.assert_allclose(written[0][0], written[1][0], rtol=1e-4, atol=1e-5)
    assert written[0][1] == written[1][1] == [path for n, path in enumerate(paths) if n not in (2, 17)]


def test_labels_and_split_are_those_of_the_readable_images_of_every_part(tiny, tmp_path, monkeypatch):
    labels = np.array(["cat", "dog", "ape", "dog", "cat", "bad", "eel", "cat", "dog", "ape", "yak"])
    split = np.array(["training", "test"])[np.arange(len(labels)) % 2]
    images = [np.full((32, 32, 3), 9 * n, np.uint8) for n in range(len(labels))]
    images[2] = images[5] = b"no image"  # the only one of its class is among them
    data = ImageDataset(images, [f"{n}.png" for n in range(len(labels))], labels, split=split)
    network = CNNFeatureTransformer(**tiny, on_error="skip", cache=None)
    monkeypatch.setattr(extract, "ROWS_AT_A_TIME", 3)
    found, shape = write_embeddings(data, network, tmp_path / "e.h5")
    assert [failure.index for failure in found.failures] == [2, 5]
    good = np.delete(np.arange(len(labels)), [2, 5])
    with h5py.File(tmp_path / "e.h5") as file:
        assert shape == file["embeddings"].shape == (9, file["embeddings"].shape[1])
        expected = network.extract(network.sources(images)).embeddings[0][good]
        np.testing.assert_allclose(file["embeddings"], expected, rtol=1e-4, atol=1e-5)
        assert file["classes"].asstr()[:].tolist() == ["ape", "cat", "dog", "eel", "yak"]
        assert file["classes"].asstr()[:][file["labels"][:]].tolist() == labels[good].tolist()
        assert file["split"].asstr()[:].tolist() == split[good].tolist()
        assert file["paths"].asstr()[:].tolist() == [f"{n}.png" for n in good]


def test_little_is_held_for_each_known_image(tiny, tmp_path, monkeypatch):
    """At its end, `featx extract` holds what lists the images and what finds their rows."""
    network, held = CNNFeatureTransformer(**tiny, cache=str(tmp_path / "cache")), []
    spec, width = network.plan(np.arange(1)).spec(), network.check_parameters()[0]
    monkeypatch.setattr(extract, "ROWS_AT_A_TIME", 256)
    long_ago = time.time() - 3600
    for count in (1000, 5000):
        digests = np.array([list(digest_bytes(b"%d" % n)) for n in range(count)], np.uint8)
        EmbeddingCache(tmp_path / "cache").put(spec, digests, np.ones((count, width), np.float32))
        for n in range(count):
            path = tmp_path / f"{count}" / f"a class with a long name {n % 5}" / f"{n:012d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%d" % n)
            os.utime(path, (long_ago, long_ago))
        write_embeddings(collect_images([tmp_path / f"{count}"]), network, tmp_path / "e.h5")  # remembers the files
        tracemalloc.start()
        try:
            dataset = collect_images([tmp_path / f"{count}"])
            write_embeddings(dataset, network, tmp_path / "e.h5")
            held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert held[1] - held[0] < 40 * 4000


def test_the_embeddings_of_one_part_are_in_memory_at_a_time(tiny, tmp_path, monkeypatch):
    network, width = CNNFeatureTransformer(**tiny, cache=None), CNNFeatureTransformer(**tiny).check_parameters()[0]
    monkeypatch.setattr(extract, "ROWS_AT_A_TIME", 1024)

    def rows_of_ones(images):
        return ExtractionResult([np.ones((len(images), width), np.float32)], n_images=len(images))

    monkeypatch.setattr(network, "extract", rows_of_ones)
    names = [f"{n}.png" for n in range(4096)]
    data = ImageDataset(names, names)
    write_embeddings(data, network, tmp_path / "e.h5")  # imports modules
    tracemalloc.start()
    try:
        write_embeddings(data, network, tmp_path / "e.h5")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * 1024 * width * 4
