"""Promised: `featx extract --shard` puts a part of the images into the cache, and says what could not be read."""

import shutil

import pytest

from commands import NETWORK, featx


def test_shards_together_are_the_data(folder, tmp_path):
    at = ("--cache", tmp_path / "store", *NETWORK)
    for n in (1, 2, 3):
        said = featx("extract", folder, "--shard", f"{n}/3", *at)
        assert f"shard {n}/3: " in said.stdout
        assert "shards are in float32" in said.stderr
    assert "40 embeddings" in featx("cache", "info", "--cache", tmp_path / "store").stdout
    assert (
        "all 40 embeddings were there"
        in featx("extract", folder, "-o", tmp_path / "all.h5", "--precision", "float32", *at).stderr
    )


def test_the_task_of_an_array_has_its_shard(folder, tmp_path, monkeypatch):
    for name, value in (("ID", 7), ("MIN", 7), ("MAX", 8), ("COUNT", 2)):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    assert "shard 1/2: " in featx("extract", folder, "--shard", "slurm", *NETWORK).stdout


def test_unreadable_images_are_listed_unless_they_are_to_end_it(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "photos")  # the other is shared by the tests
    (folder / "one" / "bad.png").write_bytes(b"no image")
    listed = tmp_path / "bad.json"
    said = featx("extract", folder, "--shard", "1/1", "--failures", listed, *NETWORK)
    assert "40 images are in the cache, 1 cannot be read" in said.stdout
    assert "bad.png" in listed.read_text()
    said = featx("extract", folder, "--shard", "1/1", "--on-error", "raise", *NETWORK, code=2)
    assert "bad.png" in said.stderr


@pytest.mark.parametrize("text", ["0/4", "5/4", "x", "slurm"])
def test_wrong_shards_are_refused(text, folder, monkeypatch):
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    assert "got --shard" in featx("extract", folder, "--shard", text, code=2).stderr


def test_several_places_have_no_shards(folder):
    said = featx("extract", folder / "one", folder / "two", "--shard", "1/2", code=2).stderr
    assert "got 2 IMAGES with --shard" in said
