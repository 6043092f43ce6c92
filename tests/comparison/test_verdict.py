"""Promised: verdicts weigh what may be lost against the cost, pair by pair, and say when they cannot decide."""

import itertools
import math
from types import SimpleNamespace

import pytest

from comparisons import (
    pairs_of,
)
from featx.comparison.verdict import SampleSizes, pass_verdict


def verdict(strategies, halves, margin=0.01, repeats=3, n_images=1000, groups=(None, 0), **options):
    sizes = SampleSizes(n_images, n_images // 4, repeats, 196, 98, *groups)
    return pass_verdict(*pairs_of(strategies, halves, **options), sizes=sizes, margin=margin)


def test_a_better_strategy_is_recommended_with_the_price_of_a_point():
    found = verdict([("finetuned", 85.1, 3.4), ("frozen:svm", 82.0, 1.0)], 2)
    assert found.text == "at 196 images (98 a class): use finetuned, 85.1 %"
    assert found.reasons == ["better than frozen:svm by 3.1 points, which cost 2 min 24 s more, 46 s a point"]
    assert found.seconds_per_point == pytest.approx(144 / 3.1)


def test_the_cheapest_is_priced_too_where_it_is_not_the_next_best():
    found = verdict([("finetuned", 85, 6), ("scratch", 80, 9), ("frozen", 75, 1)], 2)
    assert found.reasons == [
        "better than all others",
        "better than scratch, the next best, by 5.0 points, and cheaper by 3 min 0 s",
        "better than frozen, the cheapest, by 10.0 points, which cost 5 min 0 s more, 30 s a point",
    ]
    assert found.seconds_per_point is None


def test_of_equal_ones_the_cheaper_is_recommended():
    found = verdict([("finetuned", 85.1, 3.1), ("frozen:svm", 84.9, 1.0), ("scratch", 50, 0.2)], [0.6, 2, 2])
    assert found.text == "at 196 images (98 a class): equal within 1 point; use frozen:svm, 84.9 %"
    assert found.reasons == [
        "finetuned, 85.1 %, costs 2 min 6 s more; from 0.4 points worse to 0.8 points better",
        "better than scratch by 34.9 points, which cost 48 s more, 1.4 s a point",
    ]
    half = verdict([("finetuned", 85.1, 3.1), ("frozen:svm", 84.9, 1.0)], 0.2, margin=0.005)
    assert "equal within 0.5 points; use frozen:svm" in half.text


def test_what_is_cheaper_and_not_worse_by_the_margin_is_recommended():
    found = verdict([("frozen", 90, 1), ("finetuned", 89, 9)], 1.5)
    assert found.reasons == ["finetuned costs about as much or more, and is at most 0.5 points better"]


def test_undecided_says_what_to_take_meanwhile_and_what_would_decide():
    found = verdict([("finetuned", 86.5, 7), ("frozen", 84.0, 1), ("scratch", 60, 9)], [5, 3, 3], spread=0.006)
    assert found.text == "at 196 images (98 a class): undecided; meanwhile use finetuned, 86.5 %"
    *reasons, last = found.reasons
    assert reasons == [
        "it has the best figure",
        "frozen, 84.0 %: from 7.5 points worse to 2.5 points better, and cheaper by 6 min 0 s",
        "scratch is distinguishably worse",
    ]
    assert last == f"to decide: about {found.repeats_needed} repeats in all, if the figures stay as they are"
    assert found.undecided == ["finetuned", "frozen"]
    assert 3 < found.repeats_needed <= 100
    cheap = verdict([("finetuned", 86.5, 7), ("frozen", 86.0, 1)], 5, spread=0.03)
    assert cheap.use == "frozen"
    assert cheap.reasons[0] == "finetuned is ahead by 0.5 points, less than the margin, and costs 7.0 times as much"
    assert cheap.repeats_needed is None
    assert cheap.reasons[-1] == (
        f"to decide: more images, roughly {cheap.images_needed:,} in all with 10 repeats; on these 1,000 even 100 "
        "repeats would not do"
    )


def test_why_an_interval_without_zero_decides_nothing_is_said():
    many = verdict([("a", 90, 9), ("b", 85, 1), ("c", 84, 1)], [3, 7, 7], p_value=0.05, adjusted=0.13)
    assert "b, 85.0 %: worse by 2.0 to 8.0 points (p = 0.13, adjusted for all pairs), and cheaper by 8 min 0 s" in (
        many.reasons
    )
    alone = verdict([("a", 90, 9), ("b", 85, 1)], 3, p_value=0.0625, groups=(6, 6))
    assert "b, 85.0 %: worse by 2.0 to 8.0 points (p = 0.06), and cheaper by 8 min 0 s" in alone.reasons


def test_after_one_repeat_the_number_of_repeats_is_the_least_and_groups_are_asked_for():
    one = verdict([("a", 90, 9), ("b", 85, 1)], 6, repeats=1)
    assert one.reasons[-1].startswith(f"to decide: about {one.repeats_needed} repeats in all, or more, if")
    for groups, more in ((30, "more repeats test others"), (5, "the data set has too few")):
        few = verdict([("a", 90, 9), ("b", 85, 1)], None, repeats=1, groups=(groups, 3))
        assert few.reasons[-2] == "b, 85.0 %: no interval, too few groups, and cheaper by 8 min 0 s"
        assert few.reasons[-1] == (
            f"to decide: at least 6 different groups among the test images, of which there are 3; {more}"
        )


def load_simulation():
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"
    spec = importlib.util.spec_from_file_location("simulated_verdicts", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(found: SimpleNamespace, sims: int):
    """No more wrong answers than promised, but for three standard errors of the simulation."""
    assert found.wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / sims)
    assert found.given_away == 0


def test_wrong_answers_are_rare():
    simulation = load_simulation()
    found = simulation.count_answers([0.88, 0.83], [400, 10], n_test=250, repeats=5, sims=60)
    check(found, 60)
    assert found.use > 0.2


@pytest.mark.long
@pytest.mark.parametrize("repeats", [1, 3, 5, 10])
@pytest.mark.parametrize("n_test", [60, 250, 650])
def test_wrong_answers_are_rare_at_all_sizes(n_test, repeats):
    simulation = load_simulation()
    for difference, costs in itertools.product((0.02, 0.05), ([400, 10], [10, 400])):
        rows = {"n_test": n_test, "repeats": repeats, "sims": 300}
        found = simulation.count_answers([0.88, 0.88 - difference], costs, **rows)
        check(found, 300)
        # Two margins apart are hardly ever called equal.
        assert found.equal <= 0.05
    for accuracies, costs in simulation.SEVERAL.values():
        check(simulation.count_answers(accuracies, costs, n_test=n_test, repeats=repeats, sims=100), 100)
