"""Promised: predictions for held-out images are written with all digits, and the surest wrong ones are listed."""

import csv

import numpy as np
import pytest

from featx.evaluation.held_out_result import score_held_out
from featx.exceptions import ParameterError
from featx.reports.prediction_files import surely_wrong_parts, write_predictions

TRUTH = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.00001, 0.99999], [1.0, 0.0], [1 / 3, 2 / 3], [0.6, 0.4]])


@pytest.fixture
def table():
    result = score_held_out(TRUTH, PROBABILITIES, classes=["ant, black", "bee"], trained=TRUTH)
    return result.predictions.named(["a.png", "b\udce9.png", "c.png", "d.png", "e.png"])


def test_csv_has_every_digit_and_every_byte_of_names(table, tmp_path):
    write_predictions(table.columns(), tmp_path / "p.csv")
    with open(tmp_path / "p.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == table["path"].tolist()
    assert [float(row["probability of bee"]) for row in rows] == PROBABILITIES[:, 1].tolist()
    assert [row["label"] for row in rows] == table["label"].tolist()
    right = [row["label"] == row["predicted"] for row in rows]
    assert np.mean(right) == table.accuracy


def test_parquet_has_the_same(table, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    named = table.named(["a.png", "b.png", "c.png", "d.png", "e.png"])
    write_predictions(named.columns(), tmp_path / "p.parquet")
    found = parquet.read_table(tmp_path / "p.parquet").to_pydict()
    assert found == {name: column.tolist() for name, column in named.columns().items()}


def test_another_format_is_refused(table, tmp_path):
    with pytest.raises(ParameterError, match="format"):
        write_predictions(table.columns(), tmp_path / "p.xlsx")
    assert not list(tmp_path.iterdir())


def test_the_surest_wrong_ones_are_listed(table):
    (listed,) = surely_wrong_parts(table)
    assert [row[0] for row in listed.rows] == ["c.png", "b\udce9.png", "e.png"]
    assert [row[3] for row in listed.rows] == ["> 99.9 %", "> 99.9 %", "60.0 %"]
    assert listed.title == "most surely wrong"
    right = table.take(np.flatnonzero(table.truth == table.answers))
    assert surely_wrong_parts(right) == []
