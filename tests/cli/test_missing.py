"""Promised: `featx cache missing` prints the shards to submit again, and `cache merge` brings their caches together."""

from commands import NETWORK, featx


def test_shards_that_are_not_whole_are_named(folder, tmp_path):
    find = ("cache", "missing", folder, "--shards", "3", "--cache", tmp_path / "all", *NETWORK)
    assert featx(*find, "-q", code=1).stdout == "1,2,3\n"
    for n in (1, 3):
        featx("extract", folder, "--shard", f"{n}/3", "--cache", tmp_path / str(n), *NETWORK)
    merge = ("cache", "merge", tmp_path / "1", tmp_path / "3", "--cache", tmp_path / "all")
    assert "new embeddings, 2 files read" in featx(*merge).stdout
    assert ": 0 new embeddings" in featx(*merge).stdout
    said = featx(*find, code=1)
    assert said.stdout == "2\n"
    assert "2 of 3 shards are whole" in said.stderr
    assert "images are missing" in said.stderr
    featx("extract", folder, "--shard", "2/3", "--cache", tmp_path / "all", *NETWORK)
    assert featx(*find).stdout == ""


def test_more_shards_than_any_array_has_are_refused(folder, tmp_path):
    said = featx("cache", "missing", folder, "--shards", 10**30, "--cache", tmp_path, *NETWORK, code=2)
    assert "expected at most 1,000,000" in said.stderr


def test_what_is_left_out_of_a_merge_is_said(folder, tmp_path):
    featx("extract", folder, "--shard", "1/1", "--cache", tmp_path / "one", *NETWORK)
    (segment,) = (tmp_path / "one").glob("*/*.h5")
    segment.write_bytes(segment.read_bytes()[:-1])
    said = featx("cache", "merge", tmp_path / "one", "--cache", tmp_path / "all", code=1)
    assert "left out" in said.stderr
    assert segment.name in said.stderr


def test_only_caches_are_merged(folder, tmp_path):
    said = featx("cache", "merge", folder / "one", "--cache", tmp_path / "all", code=2)
    assert "is not a cache" in said.stderr
