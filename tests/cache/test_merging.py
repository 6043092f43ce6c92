"""Promised: merged caches serve every sound row of each, none twice, and a merge can be interrupted and made again."""

import os

import numpy as np
import pytest

from featx.cache import EmbeddingCache, FileDigests, adoption
from specs import OTHER, SPEC, found_of, rows


@pytest.fixture
def others(tmp_path):
    """Return two caches that have some rows in common."""
    made = [EmbeddingCache(tmp_path / name) for name in ("a", "b")]
    made[0].put(SPEC, *rows(range(10)))
    made[1].put(SPEC, *rows(range(5, 20)))
    made[1].put(OTHER, *rows(range(3)))
    return made


def test_rows_of_all_are_here_once(cache, others):
    cache.put(SPEC, *rows([0, 19]))
    report = cache.merge([other.root for other in others])
    assert (report.rows, report.segments, report.problems) == (21, 3, [])
    assert found_of(cache, range(20)).all()
    assert found_of(cache, range(3), spec=OTHER).all()
    assert {info.spec: info.rows for info in cache.info()} == {SPEC: 20, OTHER: 3}
    assert cache.verify().clean
    assert [info.rows for info in others[0].info()] == [10]


def test_a_second_merge_adds_nothing(cache, others):
    roots = [other.root for other in others]
    cache.merge(roots)
    files = sorted(cache.root.glob("*/*.h5"))
    assert cache.merge(roots).rows == 0
    assert sorted(cache.root.glob("*/*.h5")) == files


@pytest.mark.parametrize("kept", range(4))
def test_an_interrupted_merge_is_continued(kept, cache, others, monkeypatch):
    adopt, left = adoption.adopt_segment, iter(range(kept))

    def interrupted(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return adopt(*arguments)

    roots = [other.root for other in others]
    with monkeypatch.context() as patched:
        patched.setattr("featx.cache.merging.adopt_segment", interrupted)
        if kept < 3:
            with pytest.raises(KeyboardInterrupt):
                cache.merge(roots)
    cache.merge(roots)
    assert found_of(cache, range(20)).all()
    assert {info.spec: info.rows for info in cache.info()} == {SPEC: 20, OTHER: 3}
    assert cache.verify().clean


def test_damaged_segments_are_left_out_and_named(cache, others):
    (path,) = others[0].root.glob("*/*.h5")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    report = cache.merge([other.root for other in others])
    assert [problem for problem, _ in report.problems] == [path]
    assert found_of(cache, range(20)).tolist() == [False] * 5 + [True] * 15
    assert cache.verify().clean


def test_what_is_no_file_or_a_link_is_left_out_and_named(cache, others, tmp_path):
    (others[0].root / SPEC.digest / f"{'0' * 32}.h5").mkdir()
    (others[0].root / OTHER.digest).symlink_to(others[1].root / OTHER.digest)
    report = cache.merge([other.root for other in others])
    reasons = {path.relative_to(others[0].root).parts[0]: reason for path, reason in report.problems}
    assert reasons[OTHER.digest] == "a link, which is not followed"
    assert "cannot be read: Is a directory" in reasons[SPEC.digest]
    assert (report.rows, len(report.problems)) == (23, 2)
    assert cache.verify().clean


def test_a_cache_is_merged_with_itself_in_vain(cache, tmp_path):
    cache.put(SPEC, *rows(range(10)))
    (tmp_path / "link").symlink_to(cache.root)
    report = cache.merge([cache.root, tmp_path / "link"])
    assert (report.rows, report.problems) == (0, [])
    assert cache.verify().rows == 10


def test_rows_of_another_network_under_the_same_spec_are_left_out(cache, others):
    outputs = np.arange(8, dtype=np.float32)
    cache.reference_outputs(SPEC).keep(outputs)
    others[0].reference_outputs(SPEC).keep(outputs)
    others[1].reference_outputs(SPEC).keep(outputs + 1)
    report = cache.merge([other.root for other in others])
    assert [reason for _, reason in report.problems] == ["its rows are another network's"]
    assert found_of(cache, range(20)).tolist() == [True] * 10 + [False] * 10


def test_the_outputs_of_a_network_come_with_its_rows(cache, others):
    outputs = np.arange(8, dtype=np.float32)
    others[0].reference_outputs(SPEC).keep(outputs)
    cache.merge([others[0].root])
    assert np.array_equal(cache.reference_outputs(SPEC).load(), outputs)


def test_remembered_digests_and_failures_come_with_them(cache, others, folder, reads, settled_files):
    path = folder / "a.png"
    path.write_bytes(b"content")
    os.utime(path, (1, 1))
    (digest,) = others[0].digests.digest([str(path)])
    others[0].digests.remember_failures({digest: "no image"})
    cache.merge([others[0].root])
    assert len(reads) == 1
    memory = FileDigests(cache.root / "digests.sqlite")
    assert memory.digest([str(path)]) == [digest]
    assert len(reads) == 1
    assert memory.failures([digest, bytes(32)]) == {digest: "no image"}
    assert cache.verify().clean
