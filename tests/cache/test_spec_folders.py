"""Promised: why a folder of a cache has no known spec is said, and that of a later version is left as it is."""

import hashlib
import json

import pytest

from featx.cache import EmbeddingCache
from featx.cache.spec_folders import LATER, lost_folders, spec_folders
from specs import OTHER, SPEC, found_of, rows


def later_folder(root):
    """Return the folder of a spec with a field that this featx does not know, with a segment."""
    cache = EmbeddingCache(root)
    cache.put(SPEC, *rows(range(5)))
    text = json.dumps({**SPEC.to_dict(), "tiles": 4}, sort_keys=True, separators=(",", ":"))
    folder = root / hashlib.sha256(text.encode()).hexdigest()[:32]
    (root / SPEC.digest).rename(folder)
    (folder / "spec.json").write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file.unlink(), "it is missing"),
        (lambda file: file.write_text("{"), "it is damaged"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "it is damaged"),
        (lambda file: file.write_text(json.dumps({**SPEC.to_dict(), "tiles": 4})), "it is damaged"),
        (lambda file: file.write_text(OTHER.to_json()), "it is that of another spec"),
        (lambda file: (file.unlink(), file.mkdir()), "it cannot be read: Is a directory"),
    ],
)
def test_the_reason_is_named(damage, reason, tmp_path):
    EmbeddingCache(tmp_path).put(SPEC, *rows(range(5)))
    assert lost_folders(tmp_path) == []
    file = tmp_path / SPEC.digest / "spec.json"
    damage(file)
    assert lost_folders(tmp_path) == [(file, reason)]
    assert list(spec_folders(tmp_path)) == [(file.parent, None)]


def test_what_a_later_version_wrote_is_left_out_of_a_merge_and_by_a_repair_left_as_it_is(tmp_path, cache):
    folder = later_folder(tmp_path / "later")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert cache.merge([tmp_path / "later"]).problems == [(folder / "spec.json", LATER)]
    assert "update featx" in LATER
    store = EmbeddingCache(tmp_path / "later")
    for report in (store.verify(), store.repair()):
        assert (report.clean, report.unread) == (True, [(folder / "spec.json", LATER)])
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_segment_of_a_later_format_is_neither_served_nor_set_aside(tmp_path, monkeypatch, cache):
    store = EmbeddingCache(tmp_path / "later")
    with monkeypatch.context() as patched:
        patched.setattr("featx.cache.segment.FORMAT", 2)
        store.put(SPEC, *rows(range(5)))
    (segment,) = (tmp_path / "later").rglob("*.h5")
    reason = "it is of format 2, and this featx reads 1: update featx"
    (problem,) = cache.merge([store.root]).problems
    assert problem[1].endswith(f"cannot be used: {reason}")
    store = EmbeddingCache(store.root)
    assert not found_of(store, range(5)).any()
    assert store.damaged == [(segment.name, reason)]
    assert store.verify().unread == store.repair().unread == [(segment, reason)]
    assert segment.exists()
    store.put(SPEC, *rows(range(3)))
    assert found_of(store, range(3)).all()
