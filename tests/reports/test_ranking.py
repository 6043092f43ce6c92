"""Promised: the answer says which candidate to use and why, the table fits a terminal, and costs are named."""

import pytest

from featx.display.text_tables import render_text
from featx.ranking.choice import NEGLIGIBLE_SHARE
from featx.ranking.resolution import Resolution
from featx.reports.ranking import choice_text, cost_text, ranking_answer, ranking_parts, ranking_table, resolution_text
from rankings import candidate, ranking


def test_the_answer_says_why():
    assert ranking_answer(ranking()).splitlines()[1] == (
        "2 of 3 candidates cannot be told from the best; it is the cheapest of them that is at most a point behind "
        "efficientnet_lite2, stage6, avgmax, 90.0 %, 40.0 s"
    )
    best = candidate("a", 0.9, 123.4, recommended=True)
    other = candidate("b", 0.8, 1.0)
    assert ranking_answer(ranking([best])).count("\n") == 0
    assert "it is the most accurate of them, and none within a point of it is cheaper" in ranking_answer(
        ranking([best, other])
    )
    worse = candidate("b", 0.8, 1.0, undistinguished=False)
    assert ranking_answer(ranking([best, worse])) == (
        "use a, stage6, avgmax: accuracy 90.0 % (85.0-95.0), 123 s for 1,000 images\n"
        "it is distinguishably more accurate than the other candidate"
    )
    assert "the 2 other candidates" in ranking_answer(ranking([best, worse, worse]))


def test_the_table_marks_what_to_use_and_the_front():
    table = ranking_table(ranking())
    assert [row[0] for row in table.rows] == ["efficientnet_lite2", "efficientnet_lite0 *", "resnet18"]
    assert [row[4] for row in table.rows] == ["maybe", "maybe", "no"]
    assert [row[6].split() for row in table.rows] == [["40.0", "<"], ["20.0", "<"], ["30.0"]]


@pytest.mark.parametrize("width", [80, 200])
def test_the_parts_fit_the_terminal(width):
    few = Resolution(n_images=100, difference=0.08, multiple=4.0, images_of_a_unit=1.0)
    parts = ranking_parts(ranking(warnings=["none beats " + "chance " * 20], resolution=few))
    text = render_text(parts, width=width, rest="`--json` has all")
    assert max(map(len, text.splitlines())) <= width
    for words in ("efficientnet_lite0 *", "90.0 % (85.0-95.0)", "always the largest class: 52.0 %"):
        assert words in " ".join(text.split())


def test_the_passes_are_counted():
    text = " ".join(map(str, ranking_parts(ranking())))
    assert (
        "250 passes of images through networks, 50 of them from the cache, and 96 to measure the speed: 11.5 %" in text
    )
    assert "from the cache" not in " ".join(map(str, ranking_parts(ranking(n_forwarded=250))))
    assert "figures of fewer images are lower" in text
    command = "`featx fit DATA --backbone efficientnet_lite0 --layer stage6 --pooling avgmax`"
    assert f"next, with the other options as here and -o MODEL.skops: {command}" in text
    all_of_them = cost_text(ranking(n_images=10, n_embedded=10, n_forwarded=10, n_timed=32, n_full=10))
    assert all_of_them.endswith("and 32 to measure the speed; those of all images are 10")


def test_warnings_follow_the_answer():
    assert not any("warning" in str(part) for part in ranking_parts(ranking()))
    assert ranking_parts(ranking(warnings=["by chance"]))[1] == "warning: by chance"


def test_costs_within_a_twentieth_are_not_called_cheaper():
    used, other = candidate("a", 0.9, 10.0, recommended=True), candidate("b", 0.895, 9.8)
    assert choice_text(ranking([used, other])).endswith("none within a point of it is cheaper by more than a twentieth")
    best = candidate("c", 0.905, 20.0)
    assert choice_text(ranking([best, used, other])) == (
        "3 of 3 candidates cannot be told from the best; of those at most a point behind c, stage6, avgmax, 90.5 %, "
        "20.0 s, it is the most accurate that costs within a twentieth of the least"
    )
    assert NEGLIGIBLE_SHARE == 1 / 20


def test_how_many_images_would_tell_candidates_apart_is_said():
    few = Resolution(n_images=100, difference=0.08, multiple=4.0, images_of_a_unit=1.0)
    assert resolution_text(ranking(resolution=few)) == (
        "candidates that differ by 8.0 points are told apart four times in five on these 100 images, by 2.5 points on "
        "all 1,000 (`--images`); a difference of a point takes about 6,400"
    )
    assert "on all" not in resolution_text(ranking(resolution=few, n_images=110))
    many = Resolution(n_images=90_000, difference=0.008, multiple=4.0, images_of_a_unit=1.0)
    assert resolution_text(ranking(resolution=many)) == (
        "candidates that differ by 0.8 points are told apart four times in five on these 90,000 images"
    )
    assert resolution_text(ranking()) == ""
