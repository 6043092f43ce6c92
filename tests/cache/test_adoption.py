"""Promised: segments of another cache are adopted whole and checked, and no row twice."""

import numpy as np
import pytest

from featx.cache import CacheError, EmbeddingCache
from featx.cache.adoption import adopt_segment
from specs import OTHER, SPEC, found_of, rows


@pytest.fixture
def sent(tmp_path):
    """Return a function that returns the name and the content of a segment with these rows, of another cache."""

    def segment(numbers, width=8):
        other = EmbeddingCache(tmp_path / f"other{len(numbers)}-{width}")
        other.put(SPEC, *rows(numbers, width))
        (path,) = other.root.glob("*/*.h5")
        return path.name, path.read_bytes()

    return segment


def test_rows_that_are_sent_are_served(cache, sent):
    name, content = sent(range(5))
    assert cache.adopt(SPEC, name, content) == 5
    assert found_of(cache, range(6)).tolist() == [True] * 5 + [False]
    assert (cache.root / SPEC.digest / name).read_bytes() == content
    assert (cache.root / SPEC.digest / "spec.json").exists()
    assert cache.adopt(SPEC, name, b"never read, as it is here") == 0


def test_rows_that_are_here_are_left_out(cache, sent):
    cache.put(SPEC, *rows(range(3)))
    assert cache.adopt(SPEC, *sent(range(5))) == 2
    assert cache.adopt(SPEC, "0" * 32 + ".h5", sent(range(4))[1]) == 0
    assert found_of(cache, range(5)).all()
    assert cache.info()[0].rows == 5
    assert cache.verify().clean


@pytest.mark.parametrize("where", [0, 700, 6200, -1])
def test_a_damaged_segment_is_refused_and_leaves_nothing(where, cache, sent):
    name, content = sent(range(100))
    spoiled = bytearray(content)
    spoiled[where] ^= 1
    for data in (bytes(spoiled), content[:-5], b""):
        with pytest.raises(CacheError, match="damaged"):
            cache.adopt(SPEC, name, data)
    assert not list(cache.root.glob("*/*.h5"))
    assert cache.adopt(SPEC, name, content) == 100


def test_a_segment_of_another_spec_or_width_is_refused(cache, sent):
    with pytest.raises(CacheError, match="another spec"):
        cache.adopt(OTHER, *sent(range(5)))
    cache.put(SPEC, *rows(range(3)))
    with pytest.raises(CacheError, match=r"has rows of 8 float32, and .* of 4 float32"):
        cache.adopt(SPEC, *sent(range(5), width=4))


def test_small_segments_that_are_sent_are_merged(cache, tmp_path):
    for number in range(40):
        other = EmbeddingCache(tmp_path / str(number))
        other.put(SPEC, *rows([number]))
        (path,) = other.root.glob("*/*.h5")
        cache.adopt(SPEC, path.name, path.read_bytes())
    assert len(list(cache.root.glob("*/*.h5"))) < 16
    assert np.all(found_of(cache, range(40)))


def test_a_segment_is_taken_from_whatever_writes_it(cache, sent):
    name, content = sent(range(5))

    def broken(file):
        file.write(content[:99])
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        adopt_segment(cache.reference_outputs(SPEC).folder, name, broken)
    assert [path.name for path in (cache.root / SPEC.digest).iterdir()] == ["spec.json"]
    assert adopt_segment(cache.reference_outputs(SPEC).folder, name, lambda file: file.write(content)) == 5
    assert found_of(cache, range(5)).all()
