"""Promised: the confusion matrices of all strategies are drawn with their names, however many there are."""

import pytest

from comparisons import Network, images_of
from featx import ParameterError, compare_strategies, plot_comparison_confusion


@pytest.fixture(scope="module")
def result():
    return compare_strategies(images_of([20, 20, 20]), {"a$": Network(0.1), "b": Network(0.4)}, repeats=2)


def test_each_strategy_has_its_matrix_over_all_repeats(result, tmp_path):
    axes = plot_comparison_confusion(result, tmp_path / "all.png")
    assert (tmp_path / "all.png").read_bytes()[:4] == b"\x89PNG"
    titles = [ax.get_title(loc="left").split("\n") for ax in axes]
    assert [title[0] for title in titles] == ["a$", "b"]
    for ax, each, title in zip(axes, result.sizes[-1].strategies, titles, strict=True):
        assert f"of {2 * result.n_test} right" in title[1]
        numbers = [text.get_text().split("\n")[0] for text in ax.texts]
        assert numbers == [str(count) for count in each.confusion.ravel()]


def test_matrices_that_are_wide_are_drawn_one_below_the_other(result, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.reports.comparison_confusion_plot.WIDEST", 5)
    first, second = (ax.get_position() for ax in plot_comparison_confusion(result, tmp_path / "many.svg"))
    assert first.y0 > second.y1


def test_anything_else_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="got result="):
        plot_comparison_confusion([[1]], tmp_path / "a.png")
