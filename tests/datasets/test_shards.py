"""Promised: shards divide images by their paths alone: the same on every host, stable when images are added."""

import numpy as np
import pytest

from featx.datasets.shards import Shard, shard_numbers
from featx.exceptions import ParameterError

NAMES = [f"{label}/{number}.png" for label in ("cat", "dog") for number in range(500)]


def numbers(folder, names=NAMES, count=16, data=None):
    return shard_numbers([f"{folder}/{name}" for name in names], names, data=str(data or folder), count=count)


def test_every_image_is_in_one_shard_of_about_the_same_size(tmp_path):
    found = numbers(tmp_path)
    rows = np.concatenate([Shard(n, 16).rows(found) for n in range(1, 17)])
    assert sorted(rows.tolist()) == list(range(1000))
    assert 30 < np.bincount(found)[1:].min() <= np.bincount(found).max() < 100
    # These numbers are a promise: shards of before are continued by later versions.
    assert found[:6].tolist() == [14, 3, 15, 8, 2, 16]


def test_shards_are_the_same_elsewhere_and_stay_when_images_are_added(tmp_path, monkeypatch):
    found = numbers(tmp_path)
    (tmp_path / "other").mkdir()
    assert np.array_equal(numbers(tmp_path / "other"), found)
    assert np.array_equal(numbers(tmp_path, names=["new.png", *NAMES])[1:], found)
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(shard_numbers(NAMES, NAMES, data=".", count=16), found)
    (tmp_path / "list.csv").touch()
    assert np.array_equal(numbers(tmp_path, data=tmp_path / "list.csv"), found)


def test_urls_and_images_in_memory_go_by_their_text_and_name():
    images = ["https://host/a.png", np.zeros((2, 2)), b"bytes"]
    assert np.array_equal(
        shard_numbers(images, ["x", "one", "two"], data="a", count=99),
        shard_numbers(["https://host/a.png", None, None], ["y", "one", "two"], data="b/c", count=99),
    )


@pytest.mark.parametrize("text", ["3/16", " 3 / 16 "])
def test_a_shard_is_a_number_of_a_count(text):
    assert Shard.of(text, {}) == Shard(3, 16)
    assert str(Shard(3, 16)) == "3/16"


@pytest.mark.parametrize(
    "text", ["", "3", "0/16", "17/16", "-1/4", "1/0", "a/b", "3/16/2", "SLURM", "1/1000001", f"1/{10**30}"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ParameterError, match="got shard="):
        Shard.of(text, {})


def slurm(**values):
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


ARRAYS = {
    "1-16": (slurm(ID=3, MIN=1, MAX=16, COUNT=16), Shard(3, 16)),
    "0-15": (slurm(ID=0, MIN=0, MAX=15, COUNT=16), Shard(1, 16)),
    "1-31:2": (slurm(ID=31, MIN=1, MAX=31, COUNT=16, STEP=2), Shard(16, 16)),
    "without MAX": (slurm(ID=5, MIN=5, COUNT=4), Shard(1, 4)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_slurm_says_which_shard_a_task_has(name):
    environment, shard = ARRAYS[name]
    assert Shard.of("slurm", environment) == shard


def test_an_array_with_gaps_is_refused():
    for task in (3, 7, 9):
        with pytest.raises(ParameterError, match="without gaps") as caught:
            Shard.of("slurm", slurm(ID=task, MIN=3, MAX=9, COUNT=3))
        assert "--shard $SLURM_ARRAY_TASK_ID/16" in caught.value.next_step


def test_outside_an_array_slurm_is_refused():
    with pytest.raises(ParameterError, match="SLURM_ARRAY_TASK_ID"):
        Shard.of("slurm", {})
