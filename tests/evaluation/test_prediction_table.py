"""Promised: a table has the prediction for each held-out image, with figures that are scikit-learn's."""

import json
import sys

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from featx.evaluation.held_out_result import score_held_out
from featx.evaluation.prediction_table import PredictionTable
from featx.exceptions import MissingDependencyError

RNG = np.random.default_rng(0)
N = 40
TRUTH = RNG.integers(0, 3, N)
PROBABILITIES = RNG.dirichlet([1, 1, 1], N)
CLASSES = ["ant", "bee", "cat"]
ORDER = RNG.permutation(N)


@pytest.fixture
def table():
    result = score_held_out(TRUTH, PROBABILITIES, classes=CLASSES, trained=TRUTH, rows=ORDER,
                            parts=np.array(["fold 1", "fold 2"], dtype=object)[ORDER % 2])  # fmt: skip
    assert result.predictions.accuracy == result.metrics["accuracy"].value
    return result.predictions


def test_rows_are_in_the_order_of_the_data_set(table):
    assert table["row"].tolist() == list(range(N))
    back = np.argsort(ORDER)
    np.testing.assert_array_equal(table["probabilities"], PROBABILITIES[back])
    assert table["label"].tolist() == [CLASSES[k] for k in TRUTH[back]]
    assert table["part"].tolist() == [f"fold {1 + row % 2}" for row in range(N)]


def test_figures_are_those_of_scikit_learn(table):
    assert np.isclose(table["loss"].mean(), log_loss(table["label"], table["probabilities"]))
    assert (table["label"] == table["predicted"]).mean() == accuracy_score(TRUTH, PROBABILITIES.argmax(axis=1))
    wrong = table["label"] != table["predicted"]
    assert ((table["margin"] < 0) == wrong).all()
    for row in range(N):
        label = CLASSES.index(table["label"][row])
        others = np.delete(table["probabilities"][row], label)
        assert table["label_probability"][row] == table["probabilities"][row, label]
        assert table["margin"][row] == table["probabilities"][row, label] - others.max()
        assert table["probability"][row] == table["probabilities"][row].max()


def test_records_are_its_rows_as_json(table):
    rows = json.loads(json.dumps(table.to_records()))
    assert len(rows) == N
    for name, column in table.items():
        assert [row[name] for row in rows] == column.tolist()


def test_a_probability_of_0_has_a_finite_loss():
    table = score_held_out(np.array([0, 1]), np.eye(2)[[1, 1]], classes="ab", trained=np.array([0, 1])).predictions
    expected = [log_loss(["a"], [[0, 1]], labels=["a", "b"]), 0]
    np.testing.assert_allclose(table["loss"], expected, atol=1e-12)


def test_the_surest_wrong_predictions_come_first(table):
    wrong = table.surely_wrong()
    assert (wrong["label"] != wrong["predicted"]).all()
    assert len(wrong["row"]) == (table["label"] != table["predicted"]).sum()
    assert (np.diff(wrong["probability"]) <= 0).all()
    assert table.surely_wrong(2)["row"].tolist() == wrong["row"][:2].tolist()


def test_of_classes_alone_there_are_no_probabilities():
    table = score_held_out(TRUTH, PROBABILITIES.argmax(axis=1), classes=CLASSES, trained=TRUTH).predictions
    assert list(table) == ["row", "part", "label", "predicted"]
    assert set(table["part"]) == {"test"}
    with pytest.raises(KeyError):
        table["loss"]
    assert len(table.surely_wrong()["row"]) == (table["label"] != table["predicted"]).sum()


def test_names_are_those_of_the_rows(table):
    names = [f"{number}.png" for number in range(100)]
    assert table.named(names)["path"].tolist() == names[:N]
    moved = table.named(names, np.arange(50, 90))
    assert (moved["path"][0], moved["row"][0]) == ("50.png", 50)


def test_groups_are_a_column():
    groups = np.arange(N) // 4
    result = score_held_out(TRUTH, PROBABILITIES, classes=CLASSES, trained=TRUTH, groups=groups)
    assert result.predictions["group"].tolist() == groups.tolist()


def test_data_frames(table, monkeypatch):
    frame = table.to_frame()
    assert len(frame) == N
    assert frame["probability of bee"].tolist() == table["probabilities"][:, 1].tolist()
    assert list(frame)[-3:] == [f"probability of {name}" for name in CLASSES]
    monkeypatch.setitem(sys.modules, "pandas", None)
    other = table.to_frame()
    assert type(other).__module__.startswith("polars")
    assert other["loss"].to_list() == frame["loss"].tolist()
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingDependencyError, match="pandas"):
        table.to_frame()


def test_a_table_prints_as_two_lines(table):
    assert repr(table).splitlines()[0].startswith(f"PredictionTable: {N} images of 3 classes, ")
    assert isinstance(table, PredictionTable)
    assert "most surely wrong" in table._repr_html_()
