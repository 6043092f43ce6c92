"""Promised: a class and its threshold are checked before torch is loaded, and the model that is saved decides by it."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from commands import NETWORK, featx

QUICK = ("--grid", "logistic.C=0.01", "--cv", "3", "-q")


@pytest.fixture
def shades(tmp_path):
    """Three classes whose shades overlap."""
    rng = np.random.default_rng(0)
    for name, low in (("crack", 0), ("dust", 30), ("ok", 60)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(16):
            pixels = rng.integers(low, low + 150, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--operating-point", "sensitivity=0.9"), "without the class that it is of"),
        (("--positive", "crack", "--operating-point", "cost=abc"), "expected two positive numbers"),
        (("--positive", "crak"), "got --positive crak, which is not a class. Did you mean crack?"),
        (("--positive", "ok", "--operating-point", "precision=0"), "expected a share above 0 and at most 1"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "finetune"])
def test_wrong_values_are_refused(shades, tmp_path, command, options, words):
    result = featx(command, shades, "-o", tmp_path / "m.skops", *options, code=2)
    assert words in " ".join(result.stderr.split())


def test_they_are_refused_without_torch_and_scikit_learn(shades, tmp_path):
    for command in ("fit", "finetune"):
        code = (
            "import sys\nfrom featx.cli import main\ntry:\n"
            f"    main([{command!r}, {str(shades)!r}, '-o', {str(tmp_path / 'm.skops')!r}, '--positive', 'crak'])\n"
            "except SystemExit as end:\n    assert end.code == 2\n"
            "assert not {'torch', 'sklearn'} & set(sys.modules), 'loaded'"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_saved_model_predicts_by_the_threshold_and_every_output_says_so(shades, tmp_path):
    model, report, page = (tmp_path / name for name in ("m.skops", "r.json", "r.html"))
    point = ("--positive", "crack", "--operating-point", "sensitivity=0.8")
    printed = featx("fit", shades, "-o", model, "--json", report, "--report", page, *NETWORK, *QUICK, *point)
    found = json.loads(report.read_text())["evaluation"]
    threshold = found["operating_point"]["threshold"]
    assert found["positive"] == "crack"
    assert f"'crack' where its probability is at least {threshold:.4g}" in printed.stdout
    assert "Operating point sensitivity=0.8" in page.read_text()
    assert "ROC AUC of crack" in page.read_text()
    table = featx("predict", model, shades / "crack", "-q")
    assert f"predicted: 'crack' where its probability is at least {threshold:.4g}" in " ".join(table.stdout.split())
    featx("predict", model, shades, "-o", tmp_path / "p.csv", "--top", 3, "-q")
    with open(tmp_path / "p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    for row in rows:
        ranked = [row["label"], row["label_2"], row["label_3"]]
        own = float(row[f"probability{['', '_2', '_3'][ranked.index('crack')]}"])
        assert (row["positive"], float(row["positive_probability"])) == ("crack", own)
        assert (row["label"] == "crack") == (own >= float(row["threshold"]))
        others = [float(row[f"probability{rank}"]) for rank in ("", "_2", "_3")]
        assert row["label"] == "crack" or others[0] >= max(others[1:], default=0) or ranked[1] == "crack"
    assert {row["label"] for row in rows} > {"crack"}
    lines = featx("predict", model, shades / "ok", "--format", "jsonl", "-q").stdout.splitlines()
    decision = json.loads(lines[0])["decision"]
    assert decision.keys() == {"positive", "probability", "threshold", "operating_point"}
    assert decision["operating_point"] == "sensitivity=0.8"


def test_a_model_without_a_threshold_is_written_as_before(shades, tmp_path):
    featx("fit", shades, "-o", tmp_path / "m.skops", *NETWORK, *QUICK, "--positive", "dust")
    found = featx("predict", tmp_path / "m.skops", shades, "--format", "csv", "-q").stdout.splitlines()
    assert found[0] == "path,label,probability"
    judged = featx("predict", tmp_path / "m.skops", shades)
    assert "average precision of 'dust'" in " ".join(judged.stdout.split())
