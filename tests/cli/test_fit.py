"""Promised: `featx fit` prints honest figures, says what they are worth, and writes the best model."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from commands import NETWORK, featx
from featx import load_dataset, load_model
from featx.cli.fit import parse_grids

QUICK = ("--grid", "logistic.C=0.001,0.01", "--cv", "3")


def test_fit_prints_a_table_with_intervals_and_writes_the_model(folder, tmp_path):
    path, report = tmp_path / "m.skops", tmp_path / "m.json"
    pictures = ("--plot", tmp_path / "candidates.png", "--plot-confusion", tmp_path / "confusion.png")
    result = featx("fit", folder, "-o", path, "--json", report, *NETWORK, *QUICK, *pictures)
    for picture in pictures[1::2]:
        with Image.open(picture) as drawn:
            assert drawn.size[0] > 300
    assert "nested cross-validation: 3 stratified folds" in result.stdout
    assert "40 of 40 images forwarded" in result.stderr
    found = json.loads(report.read_text())
    accuracy = found["evaluation"]["metrics"]["accuracy"]
    shown = "{:.1f} % ({:.1f}-{:.1f})".format(*(100 * accuracy[key] for key in ("value", "low", "high")))
    assert shown in result.stdout
    assert found["extraction"]["n_images"] == found["extraction"]["n_forwarded"] == 40
    assert found["evaluation"]["classes"] == ["one", "zero"]
    assert load_model(path).classes_.tolist() == ["one", "zero"]


def test_a_report_is_written_and_another_suffix_refused(folder, tmp_path):
    page = tmp_path / "report.html"
    result = featx("fit", folder, "-o", tmp_path / "m.skops", "--report", page, *NETWORK, *QUICK)
    assert f"{page}: report written" in result.stderr.replace("\n", "")
    text = page.read_text(encoding="utf-8")
    assert all(f'id="{name}"' in text for name in ("answer", "confusion", "images", "map", "provenance"))
    assert f"fit {folder} -o" in text
    refused = featx("fit", folder, "-o", tmp_path / "m.skops", "--report", tmp_path / "report.pdf", code=2)
    assert "End it in .html" in refused.stderr


def test_the_predictions_for_held_out_images_are_written_in_their_order(folder, tmp_path):
    path, report = tmp_path / "p.csv", tmp_path / "m.json"
    files = ("--json", report, "--json-predictions", "--predictions", path)
    result = featx("fit", folder, "-o", tmp_path / "m.skops", *files, *NETWORK, *QUICK)
    assert f"{path}: 40 predictions" in result.stderr.replace("\n", "")
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == load_dataset(folder).names
    evaluation = json.loads(report.read_text())["evaluation"]
    assert [row["path"] for row in evaluation["predictions"]] == [row["path"] for row in rows]
    accuracy = evaluation["metrics"]["accuracy"]["value"]
    assert np.mean([row["label"] == row["predicted"] for row in rows]) == accuracy
    refused = featx("fit", folder, "-o", tmp_path / "m.skops", "--predictions", tmp_path / "p.xlsx", code=2)
    assert "End it in .csv or .parquet" in refused.stderr


def test_a_second_fit_forwards_no_image_and_says_so(folder, tmp_path):
    for text in ("40 of 40 images forwarded", "no image forwarded: all 40 embeddings were there already"):
        assert text in featx("fit", folder, "-o", tmp_path / "m.skops", *NETWORK, *QUICK).stderr


def test_json_to_standard_output_is_json_only(folder, tmp_path):
    result = featx("fit", folder, "-o", tmp_path / "m.skops", "--json", "-", *NETWORK, *QUICK)
    assert json.loads(result.stdout)["evaluation"]["n_test"] == 40
    assert (tmp_path / "m.skops").exists()


def test_fit_searches_every_head_layer_and_pooling_over_one_pass(folder, tmp_path, forwards):
    layers = ("--layer", "features.9", "--layer", "features.12")
    search = ("--head", "knn", "--head", "logistic", "--pooling", "avg", "--pooling", "max", *layers)
    grid = ("--grid", "knn.n_neighbors=1,3", "--grid", "logistic.C=0.01", "--cv", "3")
    result = featx("fit", folder, "-o", tmp_path / "m.skops", "--json", "-", "-q", *NETWORK, *search, *grid)
    candidates = json.loads(result.stdout)["evaluation"]["candidates"]
    assert len({(c["head"], c["layer"], c["pooling"]) for c in candidates}) == len(candidates) == 8
    assert {p["n_neighbors"] for c in candidates if c["head"] == "knn" for p in c["parameters"]} <= {1, 3}
    assert forwards.count == 40


def test_the_picked_row_is_marked_and_the_honest_figures_stand_below_it(folder, tmp_path):
    search = ("--head", "knn", "--head", "logistic", "--grid", "knn.n_neighbors=1,3", "--json", tmp_path / "m.json")
    shown = featx("fit", folder, "-o", tmp_path / "m.skops", *NETWORK, *QUICK, *search).stdout
    found = json.loads((tmp_path / "m.json").read_text())["evaluation"]
    (picked,) = [c for c in found["candidates"] if c["picked"]]
    (reference,) = [c for c in found["candidates"] if c["reference"]]
    assert (reference["head"], reference["p_value"]) == ("logistic", None)
    assert picked["head"] == found["head"]
    (row,) = [line for line in shown.splitlines() if ", picked" in line]
    assert row.startswith(picked["head"])
    (row,) = [line for line in shown.splitlines() if " reference " in line and line.startswith("logistic")]
    assert "the row marked picked is the best of 2, so its figures are optimistic" in shown
    assert found["baseline"]["text"] in shown
    assert found["baseline"]["accuracy"] == pytest.approx(0.5, abs=0.05)


def test_a_single_candidate_is_neither_picked_nor_optimistic(folder, tmp_path):
    done = featx("fit", folder, "-o", tmp_path / "my m.skops", *NETWORK, *QUICK)
    assert "picked" not in done.stdout
    assert "reference" not in done.stdout
    assert "always answering one of the 2 largest classes, 'one', gives accuracy 50.0 %" in done.stdout
    assert f"`featx predict '{tmp_path / 'my m.skops'}' IMAGES` uses it" in done.stderr


def test_a_model_that_does_not_beat_the_largest_class_is_warned_of(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "noise" / ("rare" if number < 12 else "common") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    shown = featx("fit", tmp_path / "noise", "-o", tmp_path / "m.skops", *NETWORK, *QUICK).stdout
    assert "warning: always answering the largest class, 'common', gives accuracy 70.0 %" in shown


@pytest.fixture
def manifest(folder):
    path = folder.parent / "list.csv"
    files = sorted(folder.rglob("*.png"))
    rows = [f"{file.relative_to(folder.parent)},{file.parent.name},{int(file.stem) // 2}" for file in files]
    path.write_text("\n".join(["path,label,group", *rows]) + "\n")
    return path


def test_a_manifest_with_groups_keeps_them_together(manifest, tmp_path):
    result = featx("fit", manifest, "-o", tmp_path / "m.skops", *NETWORK, *QUICK)
    assert "whole groups on one side" in result.stdout


def test_a_fraction_or_another_data_set_is_the_test_set(folder, manifest, tmp_path):
    part = featx("fit", folder, "-o", tmp_path / "m.skops", "--test-size", "0.25", *NETWORK, *QUICK)
    assert "held-out test set of 10 images" in part.stdout
    rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([rows[0], *rows[1::4]]) + "\n")
    other = featx("fit", folder, "-o", tmp_path / "m.skops", "--test", manifest, *NETWORK, *QUICK)
    assert "held-out test set of 10 images" in other.stdout
    assert "10 training images are copies of test images, left out of training" in other.stdout
    assert "fitted on 30 images" in other.stdout
    search = ("--head", "knn", "--head", "logistic", "--grid", "knn.n_neighbors=1,3")
    both = featx("fit", folder, "-o", tmp_path / "m.skops", "--test-size", "0.25", *NETWORK, *QUICK, *search)
    assert "picked on the training images alone, so its figures are honest" in both.stdout


def test_images_are_drawn_by_the_seed(folder, tmp_path):
    fit = ("fit", folder, *NETWORK, *QUICK, "-o", tmp_path / "m.skops", "--per-class", "6")
    result = featx(*fit)
    assert "note: 12 of 40 images drawn by --per-class 6\n" in result.stderr
    assert "12 of 40 images drawn by --per-class 6\n" in result.stdout
    assert "fitted on 12 images" in result.stdout
    assert [line.split()[:2] for line in result.stderr.splitlines() if "50.0 %" in line] == [
        ["one", "6"],
        ["zero", "6"],
    ]
    assert featx(*fit, "--seed", "1").stdout != result.stdout


def test_grids_are_literals_or_text_by_head_and_parameter():
    grids = parse_grids(("logistic.C=0.1,1", "svm.kernel=rbf,linear", "logistic.penalty=None", "logistic.C=5"))
    assert grids == {"logistic": {"C": [5], "penalty": [None]}, "svm": {"kernel": ["rbf", "linear"]}}
    assert parse_grids(()) == {}


def test_several_networks_are_named_in_the_table(folder, tmp_path):
    networks = (*NETWORK, "--backbone", "squeezenet1_0")
    result = featx("fit", folder, "-o", tmp_path / "m.skops", "--report", tmp_path / "r.html", *networks, *QUICK)
    assert "kept: logistic on squeezenet1_" in result.stdout
    assert {"squeezenet1_0", "squeezenet1_1", "network"} <= set(result.stdout.split())
    assert "squeezenet1_0" in (tmp_path / "r.html").read_text(encoding="utf-8")
