"""Promised: a picture says what its figures say, is there whole or not at all, and touches nothing global."""

import io
import math
import os
import re
import stat
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from featx.exceptions import FeatxError, MissingDependencyError, ParameterError
from featx.reports import plots
from featx.reports.figure_files import save_figure
from featx.reports.plots import plot_confusion_matrix, plot_history

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

KINDS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
HISTORY = {
    "epoch": [1, 2, 3, 4, 5],
    "loss": [1.0, 0.7, 0.5, 0.4, 0.3],
    "accuracy": [0.6, 0.7, 0.8, 0.85, 0.9],
    "val_loss": [0.9, 0.8, 0.6, 0.55, 0.7],
    "val_accuracy": [0.6, 0.72, 0.78, 0.78, 0.75],
    "learning_rate": [0.01] * 5,
    "seconds": [3.0] * 5,
}
MATRIX = [[90, 10, 0], [5, 40, 5], [0, 0, 0]]


@pytest.fixture
def figures(monkeypatch):
    """The figures that were drawn, and saved too."""
    drawn = []

    def keep(figure, path):
        drawn.append(figure)
        save_figure(figure, path)

    monkeypatch.setattr(plots, "save_figure", keep)
    return drawn


def width(path):
    with Image.open(path) as image:
        return image.width


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def numbers(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("kind", [*KINDS, ".PNG"])
def test_the_extension_says_which_kind_of_file(kind, tmp_path):
    for name, draw in (
        ("h", lambda p: plot_history(HISTORY, p)),
        ("m", lambda p: plot_confusion_matrix(MATRIX, "abc", str(p))),
    ):
        path = tmp_path / f"{name}{kind}"
        draw(path)
        assert path.read_bytes().startswith(KINDS[kind.lower()])
    assert sorted(p.name for p in tmp_path.glob("[!d]*")) == [f"h{kind}", f"m{kind}"]


@pytest.mark.parametrize("name", ["plot.jpg", "plot", "plot.html", ".png"])
def test_other_extensions_are_refused_before_anything_is_drawn(name, tmp_path, figures):
    path = tmp_path / name
    for draw in (lambda: plot_history(HISTORY, path), lambda: plot_confusion_matrix(MATRIX, "abc", path)):
        with pytest.raises(ParameterError, match=r"got path=.*; expected a name that ends in .png, .svg, .pdf"):
            draw()
    with pytest.raises(ParameterError):
        save_figure(Figure(), path)
    assert not figures
    assert not path.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_figures_give_the_same_bytes(kind, tmp_path):
    for number in range(2):
        plot_history(HISTORY, tmp_path / f"h{number}{kind}")
        plot_confusion_matrix(MATRIX, "abc", tmp_path / f"m{number}{kind}")
    for letter in "hm":
        assert (tmp_path / f"{letter}0{kind}").read_bytes() == (tmp_path / f"{letter}1{kind}").read_bytes()


def test_an_svg_holds_no_date(tmp_path):
    plot_history(HISTORY, tmp_path / "h.svg")
    assert not re.search(r"dc:date|\d{4}-\d\d-\d\dT", (tmp_path / "h.svg").read_text())


def test_nothing_global_is_touched(tmp_path):
    code = (
        "import sys, matplotlib; before = dict(matplotlib.rcParams)\n"
        "from featx.reports.plots import plot_confusion_matrix\n"
        f"plot_confusion_matrix([[1, 2], [3, 4]], 'ab', {str(tmp_path / 'm.svg')!r})\n"
        "assert dict(matplotlib.rcParams) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env={**os.environ, "MPLBACKEND": "tkagg"})


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "h.png"
    path.write_bytes(b"old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FeatxError, match=r"cannot write .*h.png: No space left on device. Choose another place"):
        plot_history(HISTORY, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["h.png"]


def test_places_that_cannot_be_written_are_errors_of_featx(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "missing" / "h.png", tmp_path / "folder.png"):
        with pytest.raises(FeatxError, match="cannot write"):
            plot_history(HISTORY, path)
    assert not [p for p in tmp_path.iterdir() if p.is_file()]


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "h.png"
    path.write_bytes(b"old")
    plot_history(HISTORY, path)
    assert width(path) > 1000
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"featx\[plot\]"):
        plot_history(HISTORY, tmp_path / "h.png")


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
    figure.savefig(io.BytesIO(), format="png")
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


@pytest.fixture
def pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_a_picture_for_a_file_belongs_to_no_window(pyplot, tmp_path):
    ax = plot_confusion_matrix(MATRIX, "abc", tmp_path / "m.png")
    loss, accuracy = plot_history(HISTORY, tmp_path / "h.png")
    assert ax.get_ylabel() == "True class"
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("Loss", "Accuracy")
    assert not pyplot.get_fignums()


def test_a_picture_without_a_path_is_one_that_a_notebook_shows(pyplot):
    ax = plot_confusion_matrix(MATRIX, "abc")
    assert pyplot.gcf() is ax.figure
    assert plot_history(HISTORY)[0].figure is pyplot.gcf()
    assert len(pyplot.get_fignums()) == 2


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
