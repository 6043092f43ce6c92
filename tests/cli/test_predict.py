"""Promised: `featx predict` prints what the model knows of each image, and no more."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.svm import LinearSVC

from commands import NETWORK, featx
from featx import load_model, save_model
from featx.cli import main
from pipelines import behind


def test_the_command_leaves_a_probability_out_that_there_is_not(tmp_path):
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.png") for number in range(9)]
    for number, path in enumerate(paths):
        low = 80 * (number // 3)
        Image.fromarray(rng.integers(low, low + 90, (8, 8, 3), dtype=np.uint8)).save(path)
    model = behind(LinearSVC(random_state=0, max_iter=100_000)).fit(paths, np.repeat(["a", "b", "c"], 3))
    save_model(model, tmp_path / "model.skops")

    def shown(form):
        arguments = ["predict", str(tmp_path / "model.skops"), paths[0], "--top", "2", "--format", form, "-q"]
        run = CliRunner().invoke(main, arguments)
        assert run.exit_code == 0, run.output
        return run.stdout

    assert list(csv.reader(io.StringIO(shown("csv")))) == [
        ["path", "label", "probability", "label_2", "probability_2"],
        [paths[0], "a", "", "b", ""],
    ]
    assert json.loads(shown("json"))[0]["top"] == [
        {"label": "a", "probability": None},
        {"label": "b", "probability": None},
    ]
    assert "1.000" not in shown("table")


QUICK = ("--grid", "logistic.C=0.001,0.01", "--cv", "3")


@pytest.fixture
def model(folder, tmp_path):
    path = tmp_path / "model.skops"
    featx("fit", folder, "-o", path, *NETWORK, *QUICK, "-q")
    return path


def test_predict_prints_tables_csv_and_json(model, folder, tmp_path):
    report = tmp_path / "report.html"
    shown, _, figures = featx("predict", model, folder).stdout.partition("\n\n")
    assert shown.split()[:3] == ["path", "label", "probability"]
    assert len(shown.splitlines()) == 42
    assert figures.startswith("judged by 40 labelled images; figures with 95 % intervals")
    rows = list(csv.DictReader(io.StringIO(featx("predict", model, folder, "--top", "2", "--format", "csv").stdout)))
    found = json.loads(featx("predict", model, folder, "--top", "5", "--format", "json").stdout)
    assert list(rows[0]) == ["path", "label", "probability", "label_2", "probability_2"]
    assert [entry["path"] for entry in found] == [row["path"] for row in rows]
    for row, entry in zip(rows, found, strict=True):
        assert [top["label"] for top in entry["top"]] == [row["label"], row["label_2"]]
        assert sum(top["probability"] for top in entry["top"]) == pytest.approx(1)
        assert entry["top"][0]["probability"] == pytest.approx(float(row["probability"]), abs=1e-6)
    done = featx("predict", model, folder, "--json", "-", "--json-predictions", "--report", report)
    assert 'id="map"' in report.read_text(encoding="utf-8")
    judged = json.loads(done.stdout)
    assert [row["path"] for row in judged["predictions"]] == [entry["path"] for entry in found]
    assert judged["metrics"]["accuracy"]["value"] == np.mean(
        [r["label"] == r["predicted"] for r in judged["predictions"]]
    )
    refused = featx("predict", model, folder, "--json", "-", "--format", "csv", code=2)
    assert "would both go to standard output" in refused.stderr
    right = [entry["path"].split("/")[-2] == entry["top"][0]["label"] for entry in found]
    assert np.mean(right) > 0.8
    expected = load_model(model).predict([entry["path"] for entry in found])
    assert expected.tolist() == [entry["top"][0]["label"] for entry in found]


def test_predict_takes_single_files(model, folder):
    found = json.loads(featx("predict", model, folder / "one" / "00.png", "--format", "json").stdout)
    assert [entry["path"] for entry in found] == [str(folder / "one" / "00.png")]
