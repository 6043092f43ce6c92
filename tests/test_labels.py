"""Promised: labels and groups of any library are what they are, or refused with the rows or types."""

import numpy as np
import pandas as pd
import pytest

import featx
from featx.exceptions import DatasetError, ParameterError
from featx.labels import plain_labels
from featx.strategies import TunedHead

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
def test_what_has_no_order_is_no_label(labels):
    with pytest.raises(ParameterError, match=r"has no order. Pass texts or integers"):
        plain_labels(labels, name="y")


def test_a_series_is_read_by_place_whatever_its_index():
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
