"""Promised: `featx cache push` and `pull` carry embeddings, and say what travelled and what was there."""

import json
import os

import pytest

from commands import NETWORK, featx


@pytest.fixture
def filled(folder, tmp_path):
    """Return the options of a cache with twenty embeddings of one layer and forty of another."""
    at = ("--cache", tmp_path / "store")
    featx("extract", folder / "one", "-o", tmp_path / "a.h5", *NETWORK, *at)
    featx("extract", folder, "-o", tmp_path / "b.h5", *NETWORK, *at, "--pooling", "max")
    return at


def test_embeddings_are_carried_once(filled, folder, tmp_path):
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
    assert (
        "all 40 embeddings were there"
        in featx("extract", folder, "-o", tmp_path / "c.h5", *NETWORK, *new, "--pooling", "max").stderr
    )


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


def test_damage_there_is_listed(filled, tmp_path):
    featx("cache", "push", tmp_path / "shared", *filled)
    path = next((tmp_path / "shared").rglob("*.h5"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    said = featx("cache", "pull", tmp_path / "shared", "--cache", tmp_path / "new", code=2).stderr
    assert f"1 file of {tmp_path}/shared cannot be used, and the rest is done" in said
    assert f"\n  {path.relative_to(tmp_path / 'shared')}: it does not match its checksum\n" in said
