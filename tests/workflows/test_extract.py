"""Promised: the file of embeddings holds the paths, labels and split of its rows."""

import h5py
import numpy as np

from commands import featx
from featx import CNNFeatureTransformer, ImageDataset
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
