"""Promised: labels and groups of any library are what they are, or refused with the rows or types."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import featx
from cells import PICTURES
from featx import CNNFineTuneClassifier
from featx.comparison.strategies import TunedHead
from featx.exceptions import DatasetError, ParameterError
from featx.images.labels import plain_labels

RNG = np.random.default_rng(0)
Y = np.array(["a", "b", "c"] * 8)
ROWS = RNG.standard_normal((24, 3)).astype(np.float32)
QUICK = {"grids": {"logistic": {"C": [0.1]}}, "cv": 3}


def with_cell(value):
    labels = Y.astype(object)
    labels[3] = value
    return labels


@pytest.mark.parametrize("value", [None, np.nan, pd.NA, pd.NaT], ids=["None", "NaN", "NA", "NaT"])
def test_missing_labels_are_counted_wherever_they_are_passed(value):
    missing = with_cell(value)
    for call in (
        lambda: featx.evaluate_heads({("head", "avg"): ROWS}, missing, **QUICK),
        lambda: TunedHead().fit(ROWS, missing),
        lambda: plain_labels(missing, name="groups"),
        lambda: plain_labels(missing.tolist(), name="y_val"),
    ):
        with pytest.raises(ParameterError, match=r"in 1 of 24 rows of .* row 3"):
            call()
    with pytest.raises(DatasetError, match="missing values"):
        featx.ImageDataset(list(ROWS), list(Y), missing)


@pytest.mark.parametrize("value", [1, 1.5, True, b"a"], ids=["int", "float", "bool", "bytes"])
def test_texts_among_others_are_refused_with_the_types(value):
    for labels in (with_cell(value), with_cell(value).tolist()):
        with pytest.raises(ParameterError, match=rf"of several types: .*{type(value).__name__}.*; expected one"):
            plain_labels(labels, name="y")


@pytest.mark.parametrize("labels", [[{}, {}], [object(), object()]], ids=["dict", "object"])
def test_what_has_no_order_is_not_a_label(labels):
    with pytest.raises(ParameterError, match=r"has no order. Pass texts or integers"):
        plain_labels(labels, name="y")


def test_a_series_is_read_by_position_whatever_its_index():
    expected = featx.evaluate_heads({("head", "avg"): ROWS}, Y, **QUICK)[0].metrics
    unused = pd.Categorical(Y, categories=["a", "b", "c", "unused"])
    for labels in (pd.Series(Y, index=RNG.permutation(24)), pd.Series(unused), Y.tolist()):
        assert featx.evaluate_heads({("head", "avg"): ROWS}, labels, **QUICK)[0].metrics == expected


def test_groups_have_one_entry_for_each_image():
    with pytest.raises(ParameterError, match=r"groups of shape \(24, 2\)"):
        plain_labels(np.ones((24, 2)), name="groups")
    with pytest.raises(ParameterError, match="got 3 groups for 24 images"):
        featx.evaluate_heads({("head", "avg"): ROWS}, Y, groups=[1, 2, 3], **QUICK)


def test_a_data_set_has_a_name_for_each_image():
    with pytest.raises(DatasetError, match="got 2 names for 24 images"):
        featx.ImageDataset(list(ROWS), ["a", "b"])


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (dict(enumerate(Y)).values(), r"dict_values, which has no numbered items. Pass list\(y\)"),
        (dict(enumerate(Y)), r"of type dict; .* Pass list\(y.values\(\)\)"),
        (set(Y), "set, which has no order"),
        (3, "got y=3; expected one for each image"),
        (Y[:20], "got 20 labels for 24 images; expected one for each"),
    ],
    ids=["values", "dict", "set", "number", "short"],
)
def test_what_does_not_label_each_image_is_refused_with_what_does(labels, told):
    with pytest.raises(ParameterError, match=told):
        featx.evaluate_heads({("head", "avg"): ROWS}, labels, **QUICK)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has no such type")
def test_texts_of_any_length_of_numpy_are_labels():
    kind = np.dtypes.StringDType
    assert plain_labels(Y.astype(kind()), name="y").tolist() == Y.tolist()
    assert featx.ImageDataset(list(ROWS), [str(row) for row in range(24)], Y.astype(kind())).classes == ["a", "b", "c"]
    with pytest.raises(ParameterError, match=r"in 1 of 24 rows of y .* row 3"):
        plain_labels(with_cell(None).astype(kind(na_object=None)), name="y")


@pytest.mark.parametrize("view", ["a", ("head",), ("head", 3)], ids=["text", "one", "number"])
def test_a_view_is_a_layer_and_a_pooling(view):
    with pytest.raises(ParameterError, match=r"got the view .*; expected \(layer, pooling\)"):
        featx.evaluate_heads({view: ROWS}, Y, **QUICK)


NO_LABEL = {
    "NaN among texts": (np.array(["a", "b", np.nan, "a"], dtype=object), "1 of 4 rows of y .*: row 2"),
    "NaN in a list of texts": (["a", float("nan"), None, "b"], "2 of 4 rows of y .*: rows 1, 2"),
    "floats": (np.array([0.0, 1.0, np.nan, 1.0]), "1 of 4 .*: row 2"),
    "None": (["a", "b", None, None], "2 of 4 .*: rows 2, 3"),
    "pd.NA": (pd.Series(["a", "b", pd.NA, "a"], dtype="string"), "1 of 4 .*: row 2"),
    "whole numbers": (pd.Series([0, 1, pd.NA, 1], dtype="Int64"), "1 of 4 .*: row 2"),
    "categories": (pd.Series(["a", None, "b", "a"], dtype="category"), "1 of 4 .*: row 1"),
    "frame": (pd.DataFrame({"y": ["a", None, "b", "a"]}), "1 of 4 .*: row 1"),
    "polars": (pl.Series(["a", "b", None, "a"]), "1 of 4 .*: row 2"),
    "pyarrow": (pa.array(["a", "b", None, "a"]), "1 of 4 .*: row 2"),
    "dates": (pd.Series(pd.to_datetime(["2020-01-01", None, "2020-01-02", "2020-01-01"])), "1 of 4 .*: row 1"),
    "all": ([None] * 4, "4 of 4 .*: rows 0, 1, 2 and 1 more"),
}  # fmt: skip


@pytest.mark.parametrize(("y", "words"), NO_LABEL.values(), ids=NO_LABEL)
def test_missing_labels_are_counted(tiny, y, words):
    with pytest.raises(ValueError, match=f"no label in {words}"):
        CNNFineTuneClassifier(**tiny, cache=None).fit([PICTURES[0]] * 4, y)
