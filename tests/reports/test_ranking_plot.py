"""Promised: accuracy is drawn against seconds, with the front, the intervals, and a ring around what to use."""

from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from featx import ParameterError
from featx.reports.ranking_plot import plot_ranking
from rankings import candidate, ranking


def test_the_picture_is_written(tmp_path):
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        plot_ranking(ranking(), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(ParameterError, match="expected a name that ends in"):
        plot_ranking(ranking(), tmp_path / "a.txt")
    with pytest.raises(ParameterError, match="got result=3; expected a RankingResult"):
        plot_ranking(3)


def test_the_front_and_what_to_use_are_marked():
    ax = Figure().subplots()
    assert plot_ranking(ranking(), ax=ax) is ax
    front = ax.get_lines()[0]
    assert (list(front.get_xdata()), list(front.get_ydata())) == ([20.0, 40.0], [0.895, 0.9])
    ring = next(line for line in ax.get_lines() if line.get_label() == "to use")
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([20.0], [0.895])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(names) == {"front", "to use", "efficientnet_lite2", "efficientnet_lite0", "resnet18"}
    assert "a processor, 2 threads" in ax.get_xlabel()


def test_costs_that_are_far_apart_and_names_of_other_scripts_are_drawn(tmp_path):
    far = [candidate("网络 $5", 0.9, 2.0, recommended=True), candidate("b", 0.95, 80.0)]
    plot_ranking(ranking(far), tmp_path / "far.png")


@pytest.mark.parametrize("seconds", [(8.0,), (3.0, 40.0, 150.0), (38.0, 38.5, 39.0)])
def test_costs_have_ticks_that_are_apart_and_the_name_stays_inside(seconds):
    figure = Figure()
    ax = figure.subplots()
    *others, last = (candidate(f"n{k}", 0.6 + k / 10, cost) for k, cost in enumerate(seconds))
    plot_ranking(ranking([*others, replace(last, recommended=True)]), ax=ax)
    figure.draw_without_rendering()
    low, high = ax.get_xlim()
    boxes = [t.label1.get_window_extent() for t in ax.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
    assert len(boxes) >= 3
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    (name,) = ax.texts
    assert ax.get_window_extent().contains(*name.get_window_extent().max)
