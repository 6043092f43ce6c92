"""Columns whose cells are lists of lists of numbers: they are arrays of the column's type, as images are."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from featx.exceptions import ParameterError
from featx.images.columns import column_cells
from featx.images.containers import cells_of

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
NESTED = [PIXELS[0].tolist(), None, PIXELS[1].tolist()]
LISTS = pa.list_(pa.list_(pa.list_(pa.uint8())))
COLUMNS = {
    "polars arrays": lambda: pl.Series([PIXELS[0], None, PIXELS[1]], dtype=pl.Array(pl.UInt8, (4, 5, 3))),
    "polars lists": lambda: pl.Series(NESTED, dtype=pl.List(pl.List(pl.List(pl.UInt8)))),
    "polars lists of arrays": lambda: pl.Series(NESTED, dtype=pl.List(pl.Array(pl.UInt8, (5, 3)))),
    "arrow": lambda: pa.array(NESTED, LISTS),
    "arrow chunks": lambda: pa.chunked_array([pa.array(NESTED[:1], LISTS), pa.array(NESTED[1:], LISTS)]),
    "arrow in pandas": lambda: pd.Series(pa.array(NESTED, LISTS), dtype=pd.ArrowDtype(LISTS)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_nested_lists_are_arrays_of_the_type_of_the_column(name):
    first, none, second = column_cells(COLUMNS[name]())
    assert none is None
    assert first.dtype == second.dtype == np.uint8
    assert np.array_equal([first, second], PIXELS)
    assert cells_of(COLUMNS[name]())[1] == [1]


@pytest.mark.parametrize("as_pandas", [False, True])
def test_tensors_of_arrow(as_pandas):
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(np.float32(PIXELS) / 255)
    column = pd.Series(column, dtype=pd.ArrowDtype(column.type)) if as_pandas else column
    assert [cell.dtype for cell in column_cells(column)] == [np.float32] * 2
    assert np.array_equal(column_cells(column), np.float32(PIXELS) / 255)


def test_other_columns_are_lists_of_what_they_hold():
    assert column_cells(pl.Series([[1, 2], [3]])) == [[1, 2], [3]]
    assert column_cells(pl.Series([[["a"]], [["b"]]])) == [[["a"]], [["b"]]]
    assert column_cells(pl.Series(["a", None])) == ["a", None]
    assert column_cells(pd.Series(["a", "b"], dtype="category")) == ["a", "b"]
    # These are no images.
    ragged = pl.Series([[[1, 2], [3]]], dtype=pl.List(pl.List(pl.UInt8)))
    assert column_cells(ragged) == [[[1, 2], [3]]]
    with pytest.raises(ParameterError, match="1 nested lists of numbers"):
        cells_of(ragged)
