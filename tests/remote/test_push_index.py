"""Promised: an index is read as it was written, and its places in the store follow from contents alone."""

import hashlib

import numpy as np
import pytest

from featx import CacheError
from featx.remote.push_index import PushIndex, SegmentEntry, index_path, is_segment_name, read_index, segment_path
from specs import OTHER, SPEC

ENTRY = SegmentEntry("0" * 32 + ".h5", "1" * 64, 1000, 3, 100, "2" * 64)


@pytest.mark.parametrize("outputs", [None, np.array([[1, np.nan, -np.inf]], dtype=np.float32)], ids=["none", "some"])
def test_an_index_is_read_as_it_was_written(outputs):
    content = PushIndex(SPEC, (ENTRY,), outputs).content()
    assert content == PushIndex(SPEC, (ENTRY,), outputs).content()
    found = read_index(content, digest=SPEC.digest)
    assert (found.spec, found.segments) == (SPEC, (ENTRY,))
    if outputs is not None:
        assert found.outputs.dtype == np.float32
    np.testing.assert_array_equal(found.outputs, outputs)


def test_an_index_of_another_folder_is_refused():
    with pytest.raises(CacheError, match="it belongs to another spec"):
        read_index(PushIndex(SPEC, (ENTRY,)).content(), digest=OTHER.digest)


def test_places_follow_from_contents():
    assert segment_path("ab", "cd") == "spec-ab/segments/cd.h5"
    assert index_path("ab", b"{}") == f"spec-ab/index/{hashlib.sha256(b'{}').hexdigest()}.json"


@pytest.mark.parametrize("name", ["../" + "0" * 32 + ".h5", "0" * 32 + ".h5\n", "tmp-1.h5", "0" * 31 + ".h5", ""])
def test_names_are_those_of_segments(name):
    assert is_segment_name(ENTRY.name)
    assert not is_segment_name(name)
