"""Promised: `featx cache push` and `pull` carry embeddings, and say what travelled and what was there."""

import dataclasses
import json
import os
import shutil

import pytest

from commands import NETWORK, featx
from featx.cache import EmbeddingCache
from specs import SPEC, rows


@pytest.fixture
def filled(tmp_path):
    """Return the options of a cache with twenty embeddings of one pooling and forty of another."""
    cache = EmbeddingCache(tmp_path / "store")
    cache.put(SPEC, *rows(range(20)))
    cache.put(dataclasses.replace(SPEC, pooling="max"), *rows(range(40)))
    return ("--cache", cache.root)


def test_embeddings_are_carried_once(filled, tmp_path):
    url = f"file://{tmp_path}/shared"
    said = featx("cache", "push", url, *filled)
    assert said.stdout.startswith(f"{url}: 60 embeddings sent (2 files, ")
    assert said.stdout.endswith("; there already: 0 files, 0 B\n")
    assert (
        f"{url}: 0 embeddings sent (0 files, 0 B); there already: 2 files, "
        in featx("cache", "push", url, *filled).stdout
    )
    new = ("--cache", tmp_path / "new")
    assert f"{tmp_path}/new: 60 new embeddings (2 files, " in featx("cache", "pull", url, *new).stdout
    assert ": 0 new embeddings (0 files, 0 B); here already: 2 files, " in featx("cache", "pull", url, *new).stdout
    assert "60 embeddings in 2 sound files" in featx("cache", "verify", *new).stdout


def test_embeddings_are_chosen_and_counted_as_json(filled, tmp_path):
    done = featx("cache", "push", tmp_path / "shared", *filled, "--pooling", "max", "--json", "-")
    counts = json.loads(done.stdout)
    assert (counts["specs"], counts["segments"], counts["rows"]) == (1, 1, 40)
    featx("cache", "push", tmp_path / "shared", *filled)
    said = featx("cache", "pull", tmp_path / "shared", "--cache", tmp_path / "new", "--pooling", "avg",
                 "--json", tmp_path / "counts.json").stdout  # fmt: skip
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert f": {counts['rows']} new embeddings (1 file, " in said
    assert counts["rows"] == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pull", "nowhere"), "there are no embeddings at nowhere. `featx cache push` brings them there."),
        (("push", "https://me:secret@host/x"), "cannot write to https://***@host/x: https can be read, not written."),
        (("push", "zip://a::b.zip"), "zip can be read, not written"),
        (("push", "shared", "--layer", "nope"), "got --layer nope; the embeddings that there are have "),
        (("push", "shared", "--spec", "zz"), "there are no embeddings whose digest begins with 'zz'."),
        (("push", "store"), "store is a cache itself. Name another place"),
        (("push", "shared", "--json", "none/a.json"), "cannot write none/a.json: there is no folder"),
    ],
    ids=["nothing", "http", "zip", "layer", "spec", "cache", "json"],
)
def test_what_cannot_be_done_is_said_before_anything_travels(words, said, filled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir())
    assert said in featx("cache", *words, *filled, code=2).stderr
    assert sorted(os.listdir()) == before


def test_a_cache_that_does_not_exist_is_not_pushed(tmp_path):
    assert "cannot use the cache" in featx("cache", "push", tmp_path / "a", "--cache", tmp_path / "no", code=2).stderr


def test_where_was_pushed_to_is_no_cache(filled, tmp_path):
    featx("cache", "push", tmp_path / "shared", *filled)
    for words in (("info", "--cache", tmp_path / "shared"), ("merge", tmp_path / "shared", *filled)):
        said = featx("cache", *words, code=2).stderr
        assert f"is not a cache: it holds neither embeddings nor digests.sqlite. `featx cache pull {tmp_path}/s" in said


def test_damage_there_is_listed(filled, tmp_path):
    featx("cache", "push", tmp_path / "shared", *filled)
    path = next((tmp_path / "shared").rglob("*.h5"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    said = featx("cache", "pull", tmp_path / "shared", "--cache", tmp_path / "new", code=2).stderr
    assert f"1 file of {tmp_path}/shared cannot be used, and the rest is done" in said
    assert f"\n  {path.relative_to(tmp_path / 'shared')}: it does not match its checksum\n" in said


def test_shards_that_share_a_place_alone_are_put_together(folder, tmp_path):
    photos = shutil.copytree(folder, tmp_path / "photos")
    (photos / "one" / "bad.png").write_bytes(b"no image")
    for n in (1, 2):
        store = tmp_path / f"store{n}"
        featx("extract", photos, "--shard", f"{n}/2", *NETWORK, "--cache", store)
        featx("cache", "push", tmp_path / "shared", "--cache", store)
    featx("cache", "pull", tmp_path / "shared", "--cache", tmp_path / "all")
    said = featx("cache", "missing", photos, "--shards", "2", "--precision", "float32", *NETWORK,
                 "--cache", tmp_path / "all")  # fmt: skip
    assert "1 cannot be read" in said.stderr


def test_a_dry_run_of_a_push_says_what_would_be_sent(filled, tmp_path):
    said = featx("cache", "push", tmp_path / "shared", "--dry-run", *filled)
    assert said.stdout.startswith(f"{tmp_path}/shared: 60 embeddings to send (2 files, ")
    assert said.stderr == ""
    assert not (tmp_path / "shared").exists()
