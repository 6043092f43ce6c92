"""Promised: `featx cache` looks at, checks and trims a cache, and takes nothing else for one."""

import h5py
import numpy as np
import pytest

from commands import NETWORK, featx


def test_the_cache_commands(folder, tmp_path):
    store = tmp_path / "store"
    at = ("--cache", store)
    featx("extract", folder / "one", "-o", tmp_path / "a.h5", *NETWORK, *at)
    featx("extract", folder, "-o", tmp_path / "b.h5", *NETWORK, *at)
    assert "40 embeddings" in featx("cache", "info", *at).stdout
    assert "40 embeddings in 2 sound files" in featx("cache", "verify", *at).stdout
    assert "1 file fewer" in featx("cache", "compact", *at).stdout
    assert "40 embeddings" in featx("cache", "export", "-o", tmp_path / "all.h5", *at).stdout
    with h5py.File(tmp_path / "all.h5") as exported, h5py.File(tmp_path / "b.h5") as extracted:
        assert exported["embeddings"].shape == (40, 512)
        order = [np.sort(file["embeddings"][:], axis=0) for file in (exported, extracted)]
        np.testing.assert_array_equal(*order)
    (segment,) = store.rglob("*.h5")
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    segment.chmod(0o600)
    segment.write_bytes(damaged)
    found = featx("cache", "verify", *at, code=1).stdout
    assert segment.name in found
    assert "featx cache repair" in found
    assert "1 damaged file (*.damaged)" in featx("cache", "repair", *at).stdout
    assert "0 embeddings" in featx("cache", "verify", *at).stdout
    featx("extract", folder, "-o", tmp_path / "b.h5", *NETWORK, *at)
    assert "freed" in featx("cache", "prune", "--max-bytes", "0", *at).stdout
    assert ": 0 embeddings" in featx("cache", "info", *at).stdout


@pytest.mark.parametrize("action", [("info",), ("verify",), ("repair",), ("compact",), ("prune", "--max-age", "1d")],
                         ids=" ".join)  # fmt: skip
def test_what_is_no_cache_is_not_called_sound(action, tmp_path, monkeypatch):
    (tmp_path / "caches").mkdir()
    missing, other, empty = tmp_path / "cache", tmp_path / "photos", tmp_path / "caches"
    assert f"Did you mean {empty}?" in featx("cache", *action, "--cache", missing, code=2).stderr
    other.mkdir()
    (other / "1.png").touch()
    done = featx("cache", *action, "--cache", other, code=2)
    assert f"{other} is not a cache: it holds neither embeddings nor digests.sqlite" in done.stderr
    assert done.stdout == ""
    assert featx("cache", *action, "--cache", empty).stderr == ""
    for place, said in ((other, "warning: "), (missing, "")):  # the default cache
        monkeypatch.setenv("FEATX_CACHE", str(place))
        assert featx("cache", *action).stderr.startswith(said)
    assert not missing.exists() or action[0] == "prune"


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        (["--max-bytes", "2GB"], (2_000_000_000, None)),
        (["--max-bytes", "1.5 kb"], (1500, None)),
        (["--max-bytes", "7"], (7, None)),
        (["--max-age", "30d"], (None, 2_592_000)),
        (["--max-age", "90 m", "--max-bytes", "0"], (0, 5400)),
    ],
    ids=str,
)
def test_sizes_and_times_are_typed_with_their_units(typed, taken, monkeypatch, tmp_path):
    def prune(store, **limits):
        asked.append((limits["max_bytes"], limits["max_age"]))
        return 1_500_000

    asked = []
    monkeypatch.setattr("featx.cache.EmbeddingCache.prune", prune)
    assert featx("cache", "prune", *typed, "--cache", tmp_path).stdout == f"{tmp_path}: 1.5 MB freed\n"
    assert asked == [taken]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ([], "say what to keep"),
        (["--max-bytes", "2 days"], "'2 days' is not a size, such as 2GB"),
        (["--max-bytes", "-1"], "'-1' is not a size"),
        (["--max-age", "30"], "'30' is not a time, such as 30d"),
        (["--max-age", "1GB"], "'1GB' is not a time"),
    ],
)
def test_a_number_without_its_unit_prunes_nothing(typed, words, monkeypatch, tmp_path):
    monkeypatch.delattr("featx.cache.EmbeddingCache.prune")
    assert words in " ".join(featx("cache", "prune", *typed, "--cache", tmp_path, code=2).stderr.split())
