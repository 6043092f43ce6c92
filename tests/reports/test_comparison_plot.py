"""Promised: learning curves of strategies are drawn with their intervals, wherever there are some."""

import dataclasses

import pytest
from matplotlib.figure import Figure

from comparisons import (
    Network,
    case_of,
    images_of,
    study_of,
    verdict_of,
)
from featx import ParameterError, compare_strategies
from featx.evaluation.estimates import Estimate
from featx.reports.comparison_plot import plot_comparison


@pytest.fixture
def result():
    strategies = {"net": Network(0.1), "$5 noisy": Network(0.3)}
    found = compare_strategies(images_of([40, 40]), strategies, train_sizes=[0.2, 0.5], repeats=2)
    study = study_of("similar")
    case = case_of("similar", 16, verdict_of("use", "f"))
    return dataclasses.replace(found, stages=study, cases=[case])


def test_the_curve_is_drawn(result, tmp_path):
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        plot_comparison(result, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    single = compare_strategies(images_of([40, 40]), {"net": Network()}, repeats=1)
    plot_comparison(single, tmp_path / "single.png")
    with pytest.raises(ParameterError, match="expected a name that ends in"):
        plot_comparison(result, tmp_path / "a.txt")
    with pytest.raises(ParameterError, match="got result=3; expected a ComparisonResult"):
        plot_comparison(3)


def test_the_legend_lies_above_the_curves_or_on_axes_that_are_given(result, tmp_path):
    ax = plot_comparison(result, tmp_path / "a.png")
    assert ax.get_legend() is None
    (legend,) = ax.figure.legends
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1
    own = Figure().subplots()
    assert plot_comparison(result, ax=own) is own
    assert [text.get_text() for text in own.get_legend().get_texts()] == [curve.strategy for curve in result.curves]


@pytest.mark.parametrize("without", [[0], [1], [0, 1]])
def test_the_curve_is_drawn_where_intervals_are_missing(result, without, tmp_path):
    bare = Estimate(0.9, reason="too few groups")
    curves = [
        dataclasses.replace(
            curve,
            accuracies=[bare if i in without else estimate for i, estimate in enumerate(curve.accuracies)],
            extrapolation=dataclasses.replace(curve.extrapolation, accuracy=bare),
        )
        for curve in result.curves
    ]
    plot_comparison(dataclasses.replace(result, curves=curves), tmp_path / "a.svg")
    assert "nan" not in (tmp_path / "a.svg").read_text()


def test_sizes_with_test_images_of_their_own_and_fewer_images_are_drawn_as_what_they_are(tmp_path):
    strategies = {"few": Network(0.3), "all": Network(0.1)}
    options = {"sizes": {"large": (50, 20, 30), "small": (20, 20, 60)}, "per_class": {"few": 10}, "repeats": 1}
    ax = plot_comparison(compare_strategies(images_of([50, 50]), strategies, **options), tmp_path / "a.svg")
    assert ax.get_ylabel() == "Accuracy on each size's own test images"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["20", "40", "70"]
    assert not any(line.get_linestyle() == "--" for line in ax.get_lines())
