"""What every store of embeddings promises: a class of tests that the tests of each store inherit."""

import pickle

import numpy as np
import pytest

from featx.exceptions import ParameterError
from specs import OTHER, SPEC, rows

DTYPES = [np.float32, np.float16, np.int16]


def patterns(dtype, width=64):
    """Digests, and rows that hold every pattern of 16 bits: NaN with payloads, infinities, subnormals and zeros."""
    bits = np.random.default_rng(0).permutation(np.arange(1 << 16, dtype=np.uint32))
    bits = bits << 16 | bits if dtype == np.float32 else bits.astype(np.uint16)
    values = bits.view(dtype).reshape(-1, width)
    return rows(range(len(values)))[0], values


def assert_same(got, expected):
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert got.tobytes() == expected.tobytes()


class StoreContract:
    """Tests of a store; a subclass has a fixture `store` that gives an empty one."""

    def fill(self, store, digests, values, spec=SPEC):
        """Bring the rows into the store."""
        store.put(spec, digests, values)

    def filled(self, store, numbers, spec=SPEC):
        self.fill(store, *rows(numbers), spec)
        return store

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_rows_come_back_bit_for_bit_in_their_dtype_and_in_any_order_with_duplicates(self, store, dtype):
        digests, values = patterns(dtype)
        self.fill(store, digests, values)
        order = np.random.default_rng(0).integers(0, len(digests), 300)
        for all_or_none in (False, True):
            found = store.get(SPEC, digests[order], all_or_none=all_or_none)
            assert_same(found[0], values[order])
            assert_same(found[1], np.ones(300, dtype=bool))
        assert store.contains(SPEC, digests).all()

    def test_other_numbers_become_float32(self, store):
        digests, values = rows(range(3))
        store.put(SPEC, digests, values.astype(np.float64))
        assert_same(store.get(SPEC, digests)[0], values)
        store.put(OTHER, digests, [[True], [False], [True]])
        assert_same(store.get(OTHER, digests)[0], np.array([[1], [0], [1]], dtype=np.float32))

    def test_missing_rows_are_flagged_and_zero(self, store):
        self.filled(store, [1, 3, 4])
        digests, values = rows(range(6))
        expected = np.array([False, True, False, True, True, False])
        embeddings, found = store.get(SPEC, digests)
        assert_same(found, expected)
        assert_same(store.contains(SPEC, digests), expected)
        assert_same(embeddings, np.where(expected[:, None], values, np.float32(0)))

    def test_all_or_none_reads_nothing_where_a_row_is_missing(self, store):
        self.filled(store, [1, 3, 4])
        embeddings, found = store.get(SPEC, rows(range(5))[0], all_or_none=True)
        assert embeddings.shape == (5, 0)
        assert found.tolist() == [False, True, False, True, True]

    def test_a_store_without_rows_answers_with_none(self, store):
        digests = rows(range(3))[0]
        for all_or_none in (False, True):
            embeddings, found = store.get(SPEC, digests, all_or_none=all_or_none)
            assert_same(embeddings, np.zeros((3, 0), np.float32))
            assert_same(found, np.zeros(3, dtype=bool))
        assert_same(store.contains(SPEC, digests), np.zeros(3, dtype=bool))
        assert store.width(SPEC) is None
        assert store.damaged == []

    def test_no_digests_are_no_rows(self, store):
        nothing = rows([])[0]
        for width in (0, 8):
            for all_or_none in (False, True):
                embeddings, found = store.get(SPEC, nothing, all_or_none=all_or_none)
                assert_same(embeddings, np.zeros((0, width), np.float32))
                assert_same(found, np.zeros(0, dtype=bool))
            assert_same(store.contains(SPEC, nothing), np.zeros(0, dtype=bool))
            store.put(SPEC, nothing, np.zeros((0, 5)))
            assert store.width(SPEC) == (width or None)
            self.filled(store, [1, 2])

    def test_specs_do_not_mix(self, store):
        self.filled(store, [1, 2])
        digests, values = rows([1, 2])
        assert not store.contains(OTHER, digests).any()
        self.fill(store, digests, np.full((2, 3), 7, dtype=np.float16), OTHER)
        assert_same(store.get(SPEC, digests)[0], values)
        assert_same(store.get(OTHER, digests)[0], np.full((2, 3), 7, dtype=np.float16))
        assert (store.width(SPEC), store.width(OTHER)) == (8, 3)

    def test_of_equal_digests_in_one_put_the_first_row_counts(self, store):
        digests, values = rows([1, 2])
        store.put(SPEC, digests[[0, 1, 0]], np.concatenate([values, values[:1] + 1]))
        assert_same(store.get(SPEC, digests)[0], values)

    def test_a_row_that_is_put_again_is_there_once(self, store):
        self.filled(store, range(4))
        self.filled(store, range(2, 6))
        digests, values = rows(range(6))
        assert_same(store.get(SPEC, digests, all_or_none=True)[0], values)

    @pytest.mark.parametrize(
        ("other", "got"),
        [
            (np.zeros((1, 9), np.float32), r"\(1, 9\) and float32; expected 8 columns of float32"),
            (np.zeros((1, 8), np.float16), r"\(1, 8\) and float16; expected 8 columns of float32"),
            (np.zeros((1, 8), np.int16), r"\(1, 8\) and int16; expected 8 columns of float32"),
            (np.zeros((1, 0), np.float32), r"\(1, 0\) and float32; expected 8 columns of float32"),
        ],
        ids=["width", "float16", "int16", "nothing"],
    )
    def test_rows_of_another_width_or_dtype_are_refused(self, store, other, got):
        self.filled(store, range(4))
        with pytest.raises(ValueError, match=f"got embeddings of shape {got}"):
            store.put(SPEC, rows([5])[0], other)
        assert store.contains(SPEC, rows([1, 5])[0]).tolist() == [True, False]
        self.filled(store, [5])

    def test_rows_without_columns_are_refused_by_an_empty_store_as_well(self, store):
        with pytest.raises(ValueError, match="expected some columns"):
            store.put(SPEC, rows([5])[0], np.zeros((1, 0)))
        assert not store.contains(SPEC, rows([5])[0]).any()

    def test_what_is_no_digest_embedding_or_spec_is_refused(self, store):
        digests, values = rows([1, 2])
        for wrong in (digests[:, :31], digests.astype(np.int64), digests[0]):
            for call in (store.contains, store.get):
                with pytest.raises(ParameterError, match="got digests of"):
                    call(SPEC, wrong)
        for wrong in (values[:1], values[0], np.array([["a"], ["b"]])):
            with pytest.raises(ParameterError, match="got embeddings of"):
                store.put(SPEC, digests, wrong)
        with pytest.raises(ParameterError, match="all_or_none"):
            store.get(SPEC, digests, all_or_none="yes")
        for call in (store.contains, store.get, lambda spec, d: store.put(spec, d, values)):
            with pytest.raises(ParameterError, match="spec"):
                call("net", digests)
        assert not store.contains(SPEC, digests).any()

    def test_rows_are_copies_on_the_way_in_and_out(self, store):
        digests, values = rows(range(4))
        given = values.copy()
        self.fill(store, digests, given)
        given[:] = 0
        for _ in range(2):
            for all_or_none in (False, True):
                found = store.get(SPEC, digests, all_or_none=all_or_none)[0]
                assert_same(found, values)
                found[:] = 0
            store.get(SPEC, digests[:1])[0][:] = 0

    def test_a_turn_is_a_context_in_which_progress_is_reported(self, store):
        for _ in range(2):
            with store.turn("cpu") as progress:
                self.filled(store, [1])
                assert progress() is None

    def test_what_is_put_for_writing_is_read_here_or_there(self, store):
        target = store.for_writing()
        self.filled(store, [1])
        target.put(SPEC, *rows([2]))
        assert_same(target.get(SPEC, rows([1, 2])[0], all_or_none=True)[0], rows([1, 2])[1])
        assert store.writable()
        assert target is store

    def test_only_a_store_that_is_shared_takes_its_rows_to_another_process(self, store):
        self.filled(store, [1, 2])
        assert store.is_shared is False or store.root is not None
        if store.is_shared:
            data = pickle.dumps(store)
            assert len(data) < 1000
            assert_same(pickle.loads(data).get(SPEC, rows([1, 2])[0])[0], rows([1, 2])[1])

    def test_reference_outputs_belong_to_a_folder(self, store):
        assert (store.reference_outputs(SPEC) is None) == (store.root is None)
        assert store.digests.digest([]) == []
