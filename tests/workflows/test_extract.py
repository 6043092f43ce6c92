"""Promised: the file of embeddings holds the paths, labels and split of its rows."""

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from featx.cli import main
from PIL import Image

from featx import CNNFeatureTransformer, ImageDataset
from featx.workflows.extract import write_embeddings

NETWORK = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 4), ("test", 6)):
        for name, low in (("dark", 0), ("light", 128)):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(low, low + 128, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / part / name / f"{number}.png")
    return tmp_path / "data"


def featx(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


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
