"""Promised: a picture says what its figures say, whatever the names and however many there are."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest

from featx.exceptions import ParameterError
from featx.reports.plots import plot_confusion_matrix, plot_history
from plotted import HISTORY, MATRIX, width

matplotlib = pytest.importorskip("matplotlib")


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def numbers(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_history_shows_both_curves_in_both_panels(tmp_path, figures):
    plot_history(HISTORY, tmp_path / "h.png")
    for ax, kind in zip(figures[0].axes, ("loss", "accuracy"), strict=True):
        curves = {line.get_label(): list(line.get_ydata()) for line in ax.lines if line.get_label()[0] != "_"}
        assert curves["training"] == HISTORY[kind]
        assert curves["validation"] == HISTORY[f"val_{kind}"]
        assert ax.get_ylabel() == kind.capitalize()
        assert ax.get_xlabel() == "Epoch"
    ticks = [label.get_text() for label in figures[0].axes[1].get_yticklabels()]
    assert all(re.fullmatch(r"\d+ %", tick) for tick in ticks)


def test_the_best_epoch_is_that_of_the_highest_accuracy_then_the_lowest_loss(tmp_path, figures):
    plot_history(HISTORY, tmp_path / "h.png")
    assert legend(figures[0]) == ["training", "validation", "best epoch: 4 (78.0 %, loss 0.55)"]
    plot_history({**HISTORY, "val_loss": [0.9, 0.8, 0.5, 0.5, 0.7]}, tmp_path / "h.png")
    assert legend(figures[1])[-1].startswith("best epoch: 3 ")
    plot_history({**HISTORY, "val_loss": [0.9, 0.8, math.nan, 0.6, 0.7]}, tmp_path / "h.png")
    assert legend(figures[2])[-1].startswith("best epoch: 4 ")
    plot_history({**HISTORY, "epoch": [11, 12, 13, 14, 15]}, tmp_path / "h.png")
    assert legend(figures[3])[-1].startswith("best epoch: 14 ")


def test_without_validation_only_training_is_drawn(tmp_path, figures):
    plot_history({**HISTORY, "val_loss": [None] * 5, "val_accuracy": [None] * 5}, tmp_path / "h.png")
    assert legend(figures[0]) == ["training"]
    assert [len(ax.lines) for ax in figures[0].axes] == [1, 1]


def test_gaps_in_the_validation_are_skipped(tmp_path, figures):
    gaps = {"val_loss": [None, 0.8, None, 0.5, None], "val_accuracy": [None, 0.7, None, 0.8, None]}
    plot_history({**HISTORY, **gaps}, tmp_path / "h.png")
    assert legend(figures[0])[-1] == "best epoch: 4 (80.0 %, loss 0.5)"
    plot_history({**HISTORY, "val_loss": [None] * 5}, tmp_path / "h.png")
    assert legend(figures[1])[-1] == "best epoch: 3 (78.0 %)"


@pytest.mark.parametrize("n", [1, 2, 60, 400])
def test_any_number_of_epochs(n, tmp_path):
    history = {name: np.linspace(0.2, 0.9, n) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    plot_history({**history, "epoch": np.arange(1, n + 1)}, tmp_path / "h.png")
    assert width(tmp_path / "h.png") > 1000


def test_diverged_training_is_drawn_as_far_as_it_goes(tmp_path):
    wrong = [1.0, 5.0, math.inf, math.nan, math.nan]
    plot_history({**HISTORY, "loss": wrong, "val_loss": wrong}, tmp_path / "h.png")
    plot_history({**HISTORY, "loss": [math.nan] * 5, "val_loss": [math.nan] * 5}, tmp_path / "h.png")


def test_histories_that_are_none_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="got a history without val_loss; expected the keys"):
        plot_history({k: v for k, v in HISTORY.items() if k != "val_loss"}, tmp_path / "h.png")
    with pytest.raises(ParameterError, match="history of 0 epochs"):
        plot_history({name: [] for name in HISTORY}, tmp_path / "h.png")
    with pytest.raises(ParameterError, match="history of 4 or 5 epochs"):
        plot_history({**HISTORY, "loss": [1.0] * 4}, tmp_path / "h.png")
    assert not list(tmp_path.glob("h.png"))


def test_a_matrix_shows_counts_and_shares_of_rows(tmp_path, figures):
    plot_confusion_matrix(MATRIX, ["cat", "dog", "eel"], tmp_path / "m.png")
    assert numbers(figures[0])[:6] == ["90\n90.0 %", "10\n10.0 %", "0", "5\n10.0 %", "40\n80.0 %", "5\n10.0 %"]
    assert numbers(figures[0])[6:] == ["0", "0", "0"]
    ax = figures[0].axes[0]
    assert ax.get_title(loc="left") == "130 of 150 right (86.7 %)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted class", "True class")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog", "eel"]
    shares = ax.images[0].get_array().filled(np.nan)
    np.testing.assert_allclose(shares, [[0.9, 0.1, 0], [0.1, 0.8, 0.1], [np.nan] * 3])


@pytest.mark.parametrize("k", [1, 2, 15, *(pytest.param(k, marks=pytest.mark.long) for k in (10, 16, 102))])
def test_labels_never_overlap(k, tmp_path, figures):
    names = [f"the name of class {i:03d}" for i in range(k)]
    plot_confusion_matrix(np.full((k, k), 1234), names, tmp_path / "m.png")
    figure = figures[0]
    figure.draw_without_rendering()
    ax = figure.axes[0]
    assert len(ax.texts) == (k * k if k <= 15 else 0)
    for labels, low, high in ((ax.get_xticklabels(), "x0", "x1"), (ax.get_yticklabels(), "y0", "y1")):
        assert len(labels) == k
        boxes = sorted((getattr(b, low), getattr(b, high)) for b in (t.get_window_extent() for t in labels))
        assert all(one[1] <= two[0] for one, two in pairwise(boxes))
    cell = ax.get_window_extent().width / k
    assert all(text.get_window_extent().width < cell for text in ax.texts)


def test_a_numbers_colour_stands_out_from_its_cell(tmp_path, figures):
    plot_confusion_matrix([[60, 40], [45, 55]], "ab", tmp_path / "m.png")
    image = figures[0].axes[0].images[0]
    for text in figures[0].axes[0].texts:
        column, row = text.get_position()
        ground = image.cmap(image.norm(image.get_array()[int(row), int(column)]))[:3]
        luminance = np.dot(ground, [0.2126, 0.7152, 0.0722])
        assert abs(luminance - (text.get_color() == "white")) > 0.4


NAMES = ["$5", "$a$b_", "two\nlines", "tab\t", "\udcff.jpg", "\x00", "", 7, "<&>", "é"]


@pytest.mark.parametrize("names", [NAMES, *(pytest.param([name, "other"], marks=pytest.mark.long) for name in NAMES)])
def test_any_class_name_can_be_drawn(names, tmp_path, figures):
    for kind in (".png", ".svg"):
        plot_confusion_matrix(np.eye(len(names), dtype=int), names, tmp_path / f"m{kind}")
    for name, text in zip(names, figures[0].axes[0].get_yticklabels(), strict=True):
        label = text.get_text()
        assert "\n" not in label
        assert label == str(name) or not str(name).isprintable()


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (
            [f"the very long name of class number {i}" for i in range(2)],
            ["…name of class number 0", "…name of class number 1"],
        ),
        (["filesystems_of_computers_folder_red", "nothing"], ["filesystems_…_folder_red", "nothing"]),
        (
            [f"filesystems_of_{i}_computers_and_folders" for i in range(2)],
            ["…0_computers_and_folders", "…1_computers_and_folders"],
        ),
        (["a  b", "a b", "a\nb"], ["'a  b'", "'a b'", "'a\\nb'"]),
    ],
)
def test_long_names_are_shortened_and_no_two_alike(names, labels, tmp_path, figures):
    k = len(names)
    plot_confusion_matrix(np.eye(k, dtype=int), names, tmp_path / "m.png")
    ax = figures[0].axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == labels
    assert [label.get_text() for label in ax.get_xticklabels()] == labels


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], "expected one row and one column for each class"),
        ([[1, 2], [3]], "rows differ in length"),
        ([[1]], "expected one row and one column"),
        (np.zeros((0, 0)), "expected one row and one column"),
        ([[0.5, 0.5], [0.1, 0.9]], "does not hold counts"),
        ([[1, -1], [0, 2]], "does not hold counts"),
        ([[1, math.nan], [0, 2]], "does not hold counts"),
        ([[1, math.inf], [0, 2]], "does not hold counts"),
        ([["a", "b"], ["c", "d"]], "does not hold counts"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        plot_confusion_matrix(matrix, "ab", tmp_path / "m.png")


def test_whole_numbers_in_floats_are_counts(tmp_path, figures):
    plot_confusion_matrix(np.array([[3.0, 1.0], [0.0, 4.0]]), "ab", tmp_path / "m.png")
    assert numbers(figures[0])[0] == "3\n75.0 %"
    plot_confusion_matrix(np.zeros((2, 2)), "ab", tmp_path / "m.png")
    assert figures[1].axes[0].get_title(loc="left") == ""


# On axes and in notebooks


def test_pictures_are_drawn_on_axes_that_are_there(pyplot, tmp_path):
    figure, (left, middle, right) = pyplot.subplots(1, 3)
    assert plot_confusion_matrix(MATRIX, "abc", tmp_path / "all.png", ax=left) is left
    assert list(plot_history(HISTORY, axes=[middle, right])) == [middle, right]
    assert pyplot.get_fignums() == [figure.number]
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    assert right.get_legend() is not None
    inner = figure.subfigures(1, 1).subplots()
    assert plot_confusion_matrix(MATRIX, "abc", tmp_path / "inner.png", ax=inner) is inner
    with pytest.raises(ParameterError, match=r"got axes of shape \(1,\)"):
        plot_history(HISTORY, axes=[left])
