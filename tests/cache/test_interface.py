"""Promised: a store checks what it is asked once, in the interface, and is whole only with its own four methods."""

import numpy as np
import pytest

from featx.cache.interface import EmbeddingStore
from featx.exceptions import ParameterError
from specs import SPEC, rows


class Recording(EmbeddingStore):
    """A store that keeps nothing and notes what reaches it."""

    def __init__(self):
        self.calls = []

    def width(self, spec):
        return None

    def _contains(self, spec, digests):
        self.calls.append(("contains", digests))
        return np.zeros(len(digests), dtype=bool)

    def _get(self, spec, digests, *, all_or_none):
        self.calls.append(("get", digests, all_or_none))
        return np.zeros((len(digests), 0), np.float32), np.zeros(len(digests), dtype=bool)

    def _put(self, spec, digests, embeddings):
        self.calls.append(("put", digests, embeddings))


@pytest.mark.parametrize("missing", ["width", "_contains", "_get", "_put"])
def test_a_store_without_one_of_its_methods_cannot_be_made(missing):
    methods = {name: getattr(Recording, name) for name in ("width", "_contains", "_get", "_put") if name != missing}
    with pytest.raises(TypeError, match=f"abstract method '?{missing}"):
        type("Partial", (EmbeddingStore,), methods)()


def test_what_reaches_a_store_is_checked_and_in_the_dtype_that_is_kept():
    store, (digests, values) = Recording(), rows(range(3))
    store.put(SPEC, digests[::-1], values.astype(np.float64))
    store.put(SPEC, digests[:0], values[:0])  # nothing to keep
    ((_, keys, kept),) = store.calls
    assert (keys.flags["C_CONTIGUOUS"], kept.dtype) == (True, np.float32)
    np.testing.assert_array_equal(keys, digests[::-1])
    for wrong in (digests.astype(np.int64), digests[:, :31], digests[0]):
        for call in (store.contains, store.get):
            with pytest.raises(ParameterError, match="got digests of"):
                call(SPEC, wrong)
    with pytest.raises(ParameterError, match="got spec="):
        store.contains("spec", digests)
    with pytest.raises(ParameterError, match="got all_or_none="):
        store.get(SPEC, digests, all_or_none=2)
    assert len(store.calls) == 1


def test_a_store_of_its_own_is_not_shared_and_nobody_waits_for_it():
    store = Recording()
    assert (store.root, store.is_shared, store.damaged, store.writable()) == (None, False, [], True)
    assert store.for_writing() is store
    assert store.reference_outputs(SPEC) is None
    with store.turn("cpu") as progress, store.turn("cpu"):
        progress()
