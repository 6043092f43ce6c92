"""Promised: a picture says what its figures say, whatever the names and however many there are."""

import math
from itertools import pairwise

import numpy as np
import pytest

from featx.exceptions import ParameterError
from featx.reports.history_plot import plot_history
from featx.reports.plots import plot_confusion_matrix
from plotted import HISTORY, MATRIX

matplotlib = pytest.importorskip("matplotlib")


def numbers(figure):
    return [text.get_text() for text in figure.axes[0].texts]


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
def test_any_class_name_can_be_drawn(names, tmp_path):
    for kind in (".png", ".svg"):
        ax = plot_confusion_matrix(np.eye(len(names), dtype=int), names, tmp_path / f"m{kind}")
    for name, text in zip(names, ax.get_yticklabels(), strict=True):
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
