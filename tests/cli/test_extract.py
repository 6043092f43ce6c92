"""Promised: `featx extract` writes embeddings that plain h5py reads, and says what it did and no more."""

import time

import h5py
import numpy as np

from commands import NETWORK, featx
from featx.networks.backbone import Backbone


def test_extract_writes_what_plain_h5py_reads(folder, tmp_path):
    result = featx("extract", folder, "-o", tmp_path / "out.h5", *NETWORK)
    assert result.stdout == f"{tmp_path / 'out.h5'}: 40 embeddings of 512 features\n"
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["embeddings"].shape == (40, 512)
        assert file["embeddings"].dtype == np.float32
        assert np.isfinite(file["embeddings"][:]).all()
        assert file["paths"].asstr()[0] == str(folder / "one" / "00.png")
        assert file["classes"].asstr()[:].tolist() == ["one", "zero"]
        assert file["labels"][:].tolist() == 20 * [0] + 20 * [1]
        assert file["labels"].dtype == np.int64
        assert file.attrs["backbone"] == "squeezenet1_1"
        assert {"layer", "pooling", "precision", "weights_digest", "preprocessing"} <= set(file.attrs)


def test_extract_of_unlabelled_images_writes_no_labels(folder, tmp_path):
    files = [folder / "one" / "03.png", folder / "zero" / "01.png"]
    featx("extract", *files, "-o", tmp_path / "out.h5", *NETWORK)
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file) == {"embeddings", "paths"}
        assert file["paths"].asstr()[:].tolist() == [str(path) for path in files]


def test_extract_takes_a_layer_and_a_pooling(folder, tmp_path):
    featx("extract", folder, "-o", tmp_path / "out.h5", *NETWORK, "--layer", "features.9", "--pooling", "max")
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file.attrs["layer"], file.attrs["pooling"]) == ("features.9", "max")


def test_without_a_cache_every_run_forwards(folder, tmp_path, own_cache):
    for _ in range(2):
        result = featx("extract", folder, "-o", tmp_path / "o.h5", *NETWORK, "--cache", "none")
        assert "40 of 40 images forwarded" in result.stderr
    assert not own_cache.exists()


def test_verbose_says_where_the_time_went(folder, tmp_path):
    result = featx("extract", folder, "-o", tmp_path / "o.h5", *NETWORK, "-v")
    assert all(stage in result.stderr for stage in ("digest", "forward", "write", "gather"))


def test_no_progress_bar_reaches_a_pipe(folder, tmp_path, monkeypatch):
    embed = Backbone.embed
    monkeypatch.setattr(Backbone, "embed", lambda *args, **options: time.sleep(0.07) or embed(*args, **options))
    result = featx("extract", folder / "one", "-o", tmp_path / "o.h5", *NETWORK, "--batch-size", "1")
    assert len(result.stderr.splitlines()) == 1
    assert "images forwarded in" in result.stderr
    assert not {"\r", "\x1b", "%"} & set(result.stderr)
