"""Promised: a picture has every candidate with its interval and every class, and is legible for many classes."""

import numpy as np
import pytest
from PIL import Image

from featx import ParameterError, evaluate_heads

pytest.importorskip("matplotlib")
from featx.reports.evaluation_plot import MOST_CLASSES, plot_evaluation

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def result():
    """Two candidates on three classes, one of which is called like a formula."""
    y = np.repeat(["$5", "bee", "a long name of a class, longer than a label"], 10)
    X = (np.repeat(RNG.normal(size=(3, 4)), 10, axis=0) + RNG.normal(size=(30, 4))).astype(np.float32)
    return evaluate_heads({("head", "avg"): X}, y, heads=["logistic", "knn"], cv=3,
                          grids={"logistic": {"C": [1]}, "knn": {"n_neighbors": [3]}})[0]  # fmt: skip


def test_every_candidate_and_class_is_there(result):
    candidates, classes = plot_evaluation(result, axes=_axes())
    names = [tick.get_text() for tick in candidates.get_yticklabels()]
    assert names == [f"{c.head}, head, avg" + (" (picked)" if c.picked else "") for c in result.candidates]
    drawn = [line.get_xdata()[0] for line in candidates.lines if line.get_marker() in ("o", "s")]
    assert drawn == [c.metrics["accuracy"].value for c in result.candidates]
    hardest = sorted(result.per_class, key=lambda row: (row["f1"], row["recall"]))
    assert [bar.get_width() for bar in classes.patches] == [row["recall"] for row in hardest]
    labels = [tick.get_text() for tick in classes.get_yticklabels()]
    assert all(label.endswith(f"({row['support']})") for label, row in zip(labels, hardest, strict=True))
    assert any(label.startswith("$5") for label in labels)


def test_a_file_grows_with_the_classes(result, tmp_path):
    plot_evaluation(result, tmp_path / "few.png")
    many = [{**result.per_class[0], "class": f"class {k}"} for k in range(60)]
    few, result.per_class = result.per_class, many
    try:
        plot_evaluation(result, tmp_path / "many.png")
    finally:
        result.per_class = few
    with Image.open(tmp_path / "many.png") as tall, Image.open(tmp_path / "few.png") as low:
        assert tall.size[1] > 2.5 * low.size[1]
        assert tall.size[1] < tall.size[0]


def test_of_too_many_classes_the_hardest_are_drawn(result):
    rows = [{**result.per_class[0], "class": f"class {k}", "f1": (k * 37 % 102) / 102} for k in range(102)]
    few, result.per_class = result.per_class, rows
    try:
        classes = plot_evaluation(result, axes=_axes())[1]
    finally:
        result.per_class = few
    hardest = sorted(rows, key=lambda row: row["f1"])[:MOST_CLASSES]
    labels = [tick.get_text().partition(" (")[0] for tick in classes.get_yticklabels()]
    assert labels == [row["class"] for row in hardest]
    assert "the 40 hardest of 102" in classes.get_title(loc="left")


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="EvaluationResult"):
        plot_evaluation({"candidates": []})


def _axes():
    from matplotlib.figure import Figure

    return Figure().subplots(1, 2)
