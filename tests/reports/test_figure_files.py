"""Promised: a picture is there whole or not at all, the same for the same figures, and touches nothing global."""

import os
import re
import stat
import subprocess
import sys

import pytest

from featx.exceptions import FeatxError, MissingDependencyError, ParameterError
from featx.reports.figure_files import check_figure_path, save_figure
from featx.reports.history_plot import plot_history
from featx.reports.plots import plot_confusion_matrix
from plotted import HISTORY, MATRIX, width

pytest.importorskip("matplotlib")

KINDS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


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
        save_figure(None, path)
    assert not figures
    assert not path.exists()


def test_a_file_is_refused_by_the_name_of_its_parameter():
    with pytest.raises(ParameterError, match=r"got plot='a\.jpg'; expected a name"):
        check_figure_path("a.jpg", name="plot")


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
    # Older versions of matplotlib call pyparsing by its old names.
    flags = ("-W", "error", "-W", "ignore::DeprecationWarning")
    subprocess.run([sys.executable, *flags, "-c", code], check=True, env={**os.environ, "MPLBACKEND": "tkagg"})


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
