"""Promised: any classifier of scikit-learn's kind is fitted, judged, saved and used as scikit-learn itself would."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import Perceptron, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import own_heads
from featx import (
    CNNFeatureTransformer,
    TunedHead,
    compare_strategies,
    evaluate_heads,
    fit_model,
    load_dataset,
    load_model,
    make_head,
    make_strategy,
    predict_images,
)
from featx.cli import main

NAMES = np.array(["ant", "bee", "cat"])
LABELS = NAMES[np.arange(90) % 3]
ROWS = (np.random.default_rng(0).normal(size=(90, 8)) + 2 * np.eye(8)[np.arange(90) % 3]).astype(np.float32)
OTHERS = np.random.default_rng(1).normal(size=(200, 8)).astype(np.float32) + 1
# Each with whether featx gives it probabilities.
PLAIN = {
    "sklearn.ensemble:RandomForestClassifier": (RandomForestClassifier(random_state=0), True),
    "sklearn.ensemble:HistGradientBoostingClassifier": (HistGradientBoostingClassifier(random_state=0), True),
    "sklearn.naive_bayes:GaussianNB": (GaussianNB(), True),
    "sklearn.discriminant_analysis:LinearDiscriminantAnalysis": (LinearDiscriminantAnalysis(), True),
    "sklearn.tree:DecisionTreeClassifier": (DecisionTreeClassifier(random_state=0), True),
    "sklearn.neighbors:NearestCentroid": (NearestCentroid(), True),
    "sklearn.linear_model:RidgeClassifier": (RidgeClassifier(random_state=0), True),
    "sklearn.linear_model:Perceptron": (Perceptron(random_state=0), None),
    "own_heads:Nearest": (own_heads.Nearest(), False),
    "own_heads:Picky": (own_heads.Nearest(), False),
    "own_heads:Components": (own_heads.Components(), True),
    "own_heads:components": (own_heads.components, True),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_head_predicts_what_the_classifier_predicts_by_itself(name):
    plain, has_probabilities = PLAIN[name]
    whole = plain if isinstance(plain, own_heads.Pipeline) else make_pipeline(StandardScaler(), plain)
    # What is calibrated is fitted in float64.
    head = make_head(name).fit(ROWS, LABELS)
    kind = np.float64 if hasattr(head.head_, "calibrated_classifiers_") else np.float32
    expected = clone(whole).fit(ROWS.astype(kind), LABELS)
    assert np.array_equal(head.predict(OTHERS), expected.predict(OTHERS))
    assert head.classes_.tolist() == NAMES.tolist()
    if has_probabilities is not None:
        assert hasattr(head, "predict_proba") is has_probabilities
    if hasattr(expected, "predict_proba"):
        np.testing.assert_allclose(head.predict_proba(OTHERS), expected.predict_proba(OTHERS), atol=1e-6)


def test_an_estimator_is_a_head_too_and_its_grid_is_tuned():
    head = TunedHead(DecisionTreeClassifier(min_samples_leaf=2), grid={"max_depth": [1, 5]}).fit(ROWS, LABELS)
    assert head.head_[-1].get_params() == {
        **DecisionTreeClassifier(min_samples_leaf=2, random_state=0).get_params(),
        "max_depth": head.best_params_["max_depth"],
    }
    found, kept = evaluate_heads(
        {("head", "avg"): ROWS},
        LABELS,
        heads=[GaussianNB(), "own_heads:Nearest", own_heads.components],
        grids={"Nearest": {"power": [2, 1]}, "Pipeline": {"pca__n_components": [2, 4]}},
        cv=3,
    )
    labels = {candidate.label: candidate for candidate in found.candidates}
    assert {"GaussianNB()", "Nearest"} <= set(labels)
    assert {str(p) for p in labels["Nearest"].parameters} <= {"{'power': 2}", "{'power': 1}"}
    assert np.isnan(labels["Nearest"].metrics["log_loss"].value)
    assert labels["GaussianNB()"].metrics["log_loss"].value > 0
    assert hasattr(kept, "predict")


TINY_NETWORK = ("--backbone", "small_cnn", "--weights", "none", "--image-size", 32)


@pytest.fixture
def photos(tmp_path):
    """A folder of twelve images of each of two classes."""
    rng = np.random.default_rng(0)
    for label, low in (("dark", 0), ("light", 128)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for n in range(12):
            pixels = rng.integers(low, low + 128, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{n}.png")
    return tmp_path / "photos"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_a_head_without_probabilities_says_so_in_every_output(photos, tmp_path):
    model, figures, table, page = (tmp_path / name for name in ("m.skops", "m.json", "m.csv", "m.html"))
    made = run("fit", photos, "-o", model, *TINY_NETWORK, "--head", "own_heads:Nearest", "--head", "ncm", "--cv", 3,
               "--grid", "Nearest.power=2,1", "--json", figures, "--predictions", table, "--report", page)  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "featx predict" in made.stderr
    found = json.loads(figures.read_text())["evaluation"]
    nearest = next(c for c in found["candidates"] if c["head"] == "own_heads:Nearest")
    assert nearest["metrics"]["log_loss"] == {"value": None, "low": None, "high": None,
                                              "reason": nearest["metrics"]["log_loss"]["reason"]}  # fmt: skip
    assert "none" in made.stdout
    alone = run("fit", photos, "-o", model, *TINY_NETWORK, "--head", "own_heads:Nearest", "--cv", 3,
                "--predictions", table, "--report", page)  # fmt: skip
    assert re.search(r"^log loss +none", alone.stdout, re.MULTILINE)
    assert "not given: log loss, calibration error" in alone.stdout
    assert "without probabilities: the model gives none" in alone.stderr
    assert "--trust own_heads.Nearest" in alone.stderr
    assert "<td>none</td>" in page.read_text() or "none" in page.read_text()
    assert table.read_text().splitlines()[0].split(",") == ["row", "path", "part", "label", "predicted"]
    refused = run("predict", model, photos)
    assert refused.exit_code == 2
    assert "holds types that featx does not trust, and is refused: own_heads.Nearest" in refused.stderr
    assert "`featx predict` with --trust own_heads.Nearest." in " ".join(refused.stderr.split())
    answers = tmp_path / "answers.json"
    used = run("predict", model, photos, "--trust", "own_heads.Nearest", "-o", answers)
    assert used.exit_code == 0, used.output
    assert json.loads(answers.read_text())[0]["top"] == [{"label": "dark", "probability": None}]
    written = run("export", model, "-o", tmp_path / "m.onnx")
    assert written.exit_code == 2
    assert "types without an ONNX converter, own_heads.Nearest" in " ".join(written.stderr.split())
    assert not (tmp_path / "m.onnx").exists()


def test_what_is_fitted_is_saved_loaded_and_predicts_the_same(photos, tmp_path, tiny):
    data = load_dataset(str(photos))
    for head in ("own_heads:Picky", "sklearn.tree:DecisionTreeClassifier", "own_heads:Scored"):
        result = fit_model(data, CNNFeatureTransformer(**tiny), heads=[head], cv=2)
        trusted = result.save(tmp_path / "m.skops")
        assert trusted == ([head.replace(":", ".")] if head.startswith("own") else [])
        loaded = load_model(tmp_path / "m.skops", trusted=trusted)
        assert np.array_equal(loaded.predict(data.images), result.model.predict(data.images))
        found, _ = predict_images(tmp_path / "m.skops", data, trusted=trusted)
        assert [p.top[0][0] for p in found] == result.model.predict(data.images).tolist()
        assert (found.probabilities is None) is (head == "own_heads:Picky")


def test_strategies_with_and_without_probabilities_are_compared(photos, tmp_path, tiny):
    data, transformer = load_dataset(str(photos)), CNNFeatureTransformer(**tiny)
    names = ["frozen:ncm", "frozen:own_heads:Nearest"]
    strategies = {name: make_strategy(name, transformer) for name in names}
    for _ in range(2):  # the second time from the files of the runs
        result = compare_strategies(data, strategies, repeats=1, transfer=None, folder=tmp_path / "runs")
        found = {s.strategy: s for s in result.sizes[-1].strategies}
        # Both decide by the nearest mean.
        assert found[names[0]].accuracy == found[names[1]].accuracy
        assert found[names[0]].predictions.probabilities is not None
        assert found[names[1]].predictions.probabilities is None
    assert result.runs_found == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--head", "own_heads:Nearst"], "own_heads has no Nearst"),
        (["--head", "own_heads:make"], "which is a function"),
        (["--head", "sklearn.ensemble.RandomForestClassifier"], "sklearn.ensemble:RandomForestClassifier"),
        (["--head", "own_heads:Nearest", "--class-weight", "balanced"], "Nearest takes no class weights"),
        (["--head", "own_heads:Nearest", "--grid", "Nearst.power=1"], "got a grid for Nearst, which is not among"),
        (
            ["--head", "own_heads:Nearest", "--grid", "Nearest.pow=1"],
            "Nearest has no parameter 'pow'. Did you mean power",
        ),
        (["--head", "own_heads:Failing"], "Failing cannot be fitted. On made-up rows: ZeroDivisionError: a bug"),
        (["--head", "own_heads:Holding"], "Holding cannot be saved"),
    ],
)
def test_what_cannot_be_a_head_is_refused_before_an_image_is_read(options, words, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.networks.backbone.Backbone.embed", None)
    found = run("fit", photos, "-o", tmp_path / "m.skops", *options)
    assert found.exit_code == 2
    assert words in " ".join(found.stderr.split())
