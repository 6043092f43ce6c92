"""Promised: verdicts weigh what may be lost against the cost, pair by pair, and say when they cannot decide."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import nct, t

from featx.comparison.choice import ComparedStrategies, choose
from featx.comparison.design import Repeat
from featx.comparison.size_result import StrategyResult
from featx.comparison.strategy_pairs import PairResult, adjust_all_pairs, adjust_pairs
from featx.comparison.summary import SummaryStatistics
from featx.comparison.verdict import SampleSizes, pass_verdict
from featx.evaluation.estimates import Estimate
from featx.evaluation.power import OpenComparison, detectable_multiple
from featx.evaluation.resampled import corrected_error, corrected_test


def strategy(name, accuracy, minutes):
    seconds = {"extraction": 30 * minutes, "training": 30 * minutes, "prediction": 1.0}
    return StrategyResult(name, "other", Estimate(accuracy), Estimate(accuracy), [accuracy], None, None, seconds)


def pair(first, second, half, *, p_value=None, adjusted=None, spread=0.01):
    """The difference of two strategies with an interval of so many points on both sides; None for no interval."""
    gap = first.accuracy.value - second.accuracy.value
    if half is None:
        found = Estimate(gap, reason="too few groups")
        return PairResult(first.strategy, second.strategy, found, 0.125, 0.125, math.nan, spread)
    p = p_value if p_value is not None else 0.01 if abs(gap) > half / 100 else 0.3
    found = Estimate(gap, gap - half / 100, gap + half / 100)
    return PairResult(first.strategy, second.strategy, found, p, p if adjusted is None else adjusted, 0.05, spread)


def choice(strategies, halves, margin=0.01, **options):
    """Choose among strategies, given (name, accuracy in per cent, minutes) and the half widths of all their pairs."""
    found = [strategy(name, accuracy / 100, minutes) for name, accuracy, minutes in strategies]
    halves = halves if isinstance(halves, list) else [halves] * math.comb(len(found), 2)
    pairs = [pair(*both, half, **options) for both, half in zip(itertools.combinations(found, 2), halves, strict=True)]
    return choose(ComparedStrategies(found, pairs, margin))


def verdict(strategies, halves, margin=0.01, repeats=3, n_images=1000, groups=(None, 0), **options):
    found = [strategy(name, accuracy / 100, minutes) for name, accuracy, minutes in strategies]
    halves = halves if isinstance(halves, list) else [halves] * math.comb(len(found), 2)
    pairs = [pair(*both, half, **options) for both, half in zip(itertools.combinations(found, 2), halves, strict=True)]
    sizes = SampleSizes(n_images, n_images // 4, repeats, 196, 98, *groups)
    return pass_verdict(found, pairs, sizes=sizes, margin=margin)


# Which one to use


@pytest.mark.parametrize(
    ("strategies", "halves", "answer", "use", "equal"),
    [
        # One alone.
        ([("a", 90, 1)], [], "use", "a", []),
        # Distinguishably better, dearer or cheaper.
        ([("a", 90, 9), ("b", 85, 1)], 3, "use", "a", []),
        ([("a", 90, 1), ("b", 85, 9)], 3, "use", "a", []),
        # No cheaper, but neither shown to be better.
        ([("a", 90, 1), ("b", 89, 9)], 3, "undecided", "a", []),
        # The cheaper may be worse by 0.5 points at most, less than the margin.
        ([("a", 90, 1), ("b", 89, 9)], 1.5, "use", "a", []),
        ([("b", 89, 9), ("a", 90, 1)], 1.5, "use", "a", []),
        # Even where the dearer has the better figure.
        ([("a", 90, 9), ("b", 89.8, 1)], 0.7, "equal", "b", ["a"]),
        # Equal within the margin though distinguishable: a point does not matter.
        ([("a", 90, 9), ("b", 89.5, 1)], 0.4, "equal", "b", ["a"]),
        # Of the same cost the better figure.
        ([("a", 90, 1), ("b", 89.5, 1)], 0.4, "equal", "a", ["b"]),
        ([("a", 90, 1.09), ("b", 89.5, 1)], 0.4, "equal", "a", ["b"]),
        ([("a", 90, 0), ("b", 89.5, 0)], 0.4, "equal", "a", ["b"]),
        # 64.6 % was recommended over 83.3 % to save 0.2 s of training.
        ([("f", 83.3, 1), ("g", 83.3, 0.7), ("s", 64.6, 0.69)], [40, 40, 40], "undecided", "g", []),
        # Identical predictions on many images, and on few.
        ([("a", 90, 9), ("b", 90, 1)], 0.6, "equal", "b", ["a"]),
        ([("a", 90, 9), ("b", 90, 1)], 17, "undecided", "b", []),
        # No interval.
        ([("a", 90, 9), ("b", 60, 1)], None, "undecided", "a", []),
        ([("a", 90, 9), ("b", 90, 1)], None, "undecided", "b", []),
    ],
)
def test_which_of_several_to_use(strategies, halves, answer, use, equal):
    found = choice(strategies, halves)
    assert (found.answer, found.use, found.equal) == (answer, use, equal)
    assert (len(found.undecided) > 1) is (answer == "undecided")


def test_equality_need_not_carry_over():
    # a and b are equal, b and c are, but a is better than c: b is plausibly worse than none by the margin.
    found = choice([("a", 90, 9), ("b", 89.4, 5), ("c", 88.8, 1)], [0.3, 0.3, 0.3])
    assert (found.answer, found.use, found.equal, found.worse) == ("equal", "b", ["a", "c"], ["c"])
    # Without c being worse than a, its lower cost is a reason to go on looking.
    wide = choice([("a", 90, 9), ("b", 89.4, 5), ("c", 88.8, 1)], [0.3, 2.0, 0.3])
    assert (wide.answer, wide.undecided) == ("undecided", ["a", "b", "c"])


def test_a_cheaper_one_that_is_worse_than_some_other_does_not_leave_it_undecided():
    found = choice([("a", 90, 9), ("b", 89.9, 5), ("c", 80, 1)], [0.3, 4, 4])
    assert (found.answer, found.use, found.equal, found.worse) == ("equal", "b", ["a"], ["c"])


@pytest.mark.parametrize(
    ("behind", "times", "use"),
    [(0.9, 2.1, "b"), (0.9, 1.9, "a"), (1.0, 50, "a"), (1.1, 50, "a"), (0.0, 1.2, "b"), (0.9, 1e9, "b")],
)
def test_meanwhile_the_best_figure_unless_it_costs_far_more_for_less_than_the_margin(behind, times, use):
    found = choice([("a", 90, 10), ("b", 90 - behind, 10 / times)], 5)
    assert (found.answer, found.use) == ("undecided", use)


def test_meanwhile_seconds_are_no_reason():
    assert choice([("a", 90, 0.11), ("b", 89.5, 0.02)], 5).use == "a"
    assert choice([("a", 90, 0.11), ("b", 90, 0.02)], 5).use == "b"


def test_meanwhile_none_that_is_shown_to_be_worse():
    found = choice([("a", 90, 10), ("b", 89.5, 1), ("c", 89, 10)], [0.4, 3, 3], margin=0.006)
    assert (found.answer, found.use, found.worse) == ("undecided", "a", ["b"])


def test_what_is_recommended_is_never_behind_by_more_than_the_margin():
    rng = np.random.default_rng(0)
    answers = set()
    for _ in range(3000):
        count = int(rng.integers(1, 6))
        names = [(f"s{i}", rng.normal(88, rng.choice([0.3, 3])), 10 ** rng.uniform(-2, 2)) for i in range(count)]
        halves = [rng.choice([0.1, 0.5, 2, 8, None]) for _ in range(math.comb(count, 2))]
        margin = rng.choice([0.0, 0.005, 0.01, 0.05])
        found = choice(names, halves, margin)
        figures = {name: accuracy / 100 for name, accuracy, _ in names}
        assert max(figures.values()) - figures[found.use] <= margin
        assert found.use not in found.equal
        # The order in which they are named makes no difference.
        assert (found.answer == "undecided") is bool(found.undecided)
        answers.add(found.answer)
    assert answers == {"use", "equal", "undecided"}


def test_with_no_margin_nothing_is_equal():
    assert choice([("a", 90, 9), ("b", 90, 1)], 0.1, margin=0.0).answer == "undecided"
    assert choice([("a", 90, 9), ("b", 89, 1)], 0.1, margin=0.0).use == "a"


def test_an_interval_without_a_small_p_shows_nothing():
    assert choice([("a", 90, 9), ("b", 85, 1)], 3, p_value=0.2).answer == "undecided"


# In words


def test_a_better_strategy_is_recommended_with_the_price_of_a_point():
    found = verdict([("finetuned", 85.1, 3.4), ("frozen:svm", 82.0, 1.0)], 2)
    assert found.text == "at 196 images (98 a class): use finetuned, 85.1 %"
    assert found.reasons == ["better than frozen:svm by 3.1 points, which cost 2.4 min more, 0.77 min a point"]
    assert found.seconds_per_point == pytest.approx(144 / 3.1)


def test_the_cheapest_is_priced_too_where_it_is_not_the_next_best():
    found = verdict([("finetuned", 85, 6), ("scratch", 80, 9), ("frozen", 75, 1)], 2)
    assert found.reasons == [
        "better than all others",
        "better than scratch, the next best, by 5.0 points, and cheaper by 3.0 min",
        "better than frozen, the cheapest, by 10.0 points, which cost 5.0 min more, 0.50 min a point",
    ]
    assert found.seconds_per_point is None


def test_of_equal_ones_the_cheaper_is_recommended():
    found = verdict([("finetuned", 85.1, 3.1), ("frozen:svm", 84.9, 1.0), ("scratch", 50, 0.2)], [0.6, 2, 2])
    assert found.text == "at 196 images (98 a class): equal within 1 point; use frozen:svm, 84.9 %"
    assert found.reasons == [
        "finetuned, 85.1 %, costs 2.1 min more; from 0.4 points worse to 0.8 points better",
        "better than scratch by 34.9 points, which cost 0.80 min more, 1.4 s a point",
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
        "frozen, 84.0 %: from 7.5 points worse to 2.5 points better, and cheaper by 6.0 min",
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
    assert "b, 85.0 %: worse by 2.0 to 8.0 points (p = 0.13, adjusted for all pairs), and cheaper by 8.0 min" in (
        many.reasons
    )
    alone = verdict([("a", 90, 9), ("b", 85, 1)], 3, p_value=0.0625, groups=(6, 6))
    assert "b, 85.0 %: worse by 2.0 to 8.0 points (p = 0.06), and cheaper by 8.0 min" in alone.reasons


def test_after_one_repeat_the_number_of_repeats_is_the_least_and_groups_are_asked_for():
    one = verdict([("a", 90, 9), ("b", 85, 1)], 6, repeats=1)
    assert one.reasons[-1].startswith(f"to decide: about {one.repeats_needed} repeats in all, or more, if")
    for groups, more in ((30, "more repeats test others"), (5, "the data set has too few")):
        few = verdict([("a", 90, 9), ("b", 85, 1)], None, repeats=1, groups=(groups, 3))
        assert few.reasons[-2] == "b, 85.0 %: no interval, too few groups, and cheaper by 8.0 min"
        assert few.reasons[-1] == (
            f"to decide: at least 6 different groups among the test images, of which there are 3; {more}"
        )


# What would decide


def question(**changes):
    usual = {"difference": 0.05, "spread": 0.02, "ratio": 1 / 3, "repeats": 3, "margin": 0.01}
    return OpenComparison(**{**usual, "first_costs_no_more": False, "second_costs_no_more": True, **changes})


def test_fewer_repeats_decide_larger_differences_and_narrower_spreads():
    small, large = question(difference=0.04).repeats_needed(), question(difference=0.06).repeats_needed()
    assert 3 < large < small <= 100
    assert question(difference=0.04, spread=0.01).repeats_needed() < small
    assert question(difference=0.06, p_value_factor=3.0).repeats_needed() > large


def test_where_no_number_of_repeats_would_do_more_images_would():
    # The error falls to 0.02 * sqrt(1/3) = 0.0115, twice which is more than the difference.
    stuck = question(difference=0.015)
    assert stuck.repeats_needed() is None
    assert 2 < stuck.times_needed() < 20
    assert question(difference=0.015, spread=0.04).times_needed() == pytest.approx(4 * stuck.times_needed(), rel=0.1)
    # Without a margin equal strategies stay undecided for ever.
    assert question(difference=0.0, margin=0.0).times_needed() is None


def test_the_advised_repeats_decide_as_often_as_promised():
    rng = np.random.default_rng(0)
    asked, spread, difference = 0, 0.02, 0.045
    decided = []
    for _ in range(1500):
        mean = difference + spread * math.sqrt(0.25) * rng.normal()
        gains = mean + spread * math.sqrt(0.75) * rng.normal(size=5)
        seen = corrected_test(gains, n_train=750, n_test=250)
        if seen.p_value < 0.05:
            continue
        needed = question(difference=gains.mean(), spread=np.std(gains, ddof=1), repeats=5).repeats_needed()
        if needed is None:
            continue
        asked += 1
        more = np.concatenate([gains, mean + spread * math.sqrt(0.75) * rng.normal(size=needed - 5)])
        gap = corrected_test(more, n_train=750, n_test=250).difference
        decided.append(gap.low > 0 or gap.high < 0.01)
        if asked == 60:
            break
    assert asked == 60
    # Four times in five; the spread that is seen first is uncertain.
    assert np.mean(decided) > 0.6


# Power


def test_with_a_known_spread_the_power_is_that_of_the_noncentral_t():
    # With many repeats the error is as good as known.
    multiple = detectable_multiple(400)
    assert nct.sf(t.ppf(0.975, 400), 400, multiple) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("repeats", [2, 3, 5, 10])
def test_the_detectable_difference_is_found_four_times_in_five(repeats):
    rng = np.random.default_rng(0)
    rows = {"n_train": 750, "n_test": 250}

    def draw():
        return 0.02 * (0.5 * rng.normal() + math.sqrt(0.75) * rng.normal(size=repeats))

    found = []
    for _ in range(3000):
        # What one comparison says, tried on another.
        said = detectable_multiple(repeats - 1) * corrected_error(draw(), **rows)
        gains = draw() + said
        needed = t.ppf(0.975, repeats - 1) * corrected_error(gains, **rows)
        found.append(abs(gains.mean()) > needed)
    # A spread below one test image is taken as that, which makes it a little more often after two.
    assert 0.77 <= np.mean(found) <= (0.88 if repeats == 2 else 0.83)


def test_a_difference_that_was_not_found_is_smaller_than_what_would_be():
    rng = np.random.default_rng(1)
    for _ in range(300):
        gains = 0.05 + 0.05 * rng.normal(size=3)
        test = corrected_test(gains, n_train=750, n_test=250)
        if test.p_value >= 0.05 and not math.isnan(test.detectable):
            assert abs(test.difference.value) < test.detectable
    # More than 100 points: nothing can be said.
    assert math.isnan(corrected_test([0.0, 0.4], n_train=75, n_test=25).detectable)


# Several pairs


def test_p_values_of_all_pairs_are_adjusted_by_shaffer():
    # Of three, once a pair differs at most one is equal; of four, after the first at most three are.
    assert adjust_all_pairs([0.01, 0.04, 0.03], 3) == pytest.approx([0.03, 0.04, 0.03])
    assert adjust_all_pairs([0.2], 2) == [0.2]
    six = adjust_all_pairs([0.001, 0.002, 0.004, 0.01, 0.02, 0.04], 4)
    assert six == pytest.approx([0.006, 0.006, 0.012, 0.03, 0.04, 0.04])
    assert adjust_all_pairs([0.9, 0.8, 0.7], 3) == [1.0, 1.0, 1.0]
    assert adjust_all_pairs([], 1) == []


def test_any_of_ten_equal_strategies_is_called_worse_no_more_often_than_promised():
    rng = np.random.default_rng(0)
    called = alone = 0
    for _ in range(300):
        accuracies = 0.88 + 0.01 * rng.normal(size=10) * 0.5 + 0.01 * math.sqrt(0.75) * rng.normal(size=(10, 10))
        pairs = []
        for a, b in itertools.combinations(range(10), 2):
            test = corrected_test(accuracies[:, a] - accuracies[:, b], n_train=750, n_test=250)
            pairs.append(PairResult(str(a), str(b), test.difference, test.p_value, 1.0, test.detectable, 0.01))
        found = adjust_pairs(pairs)
        called += any(pair.better() or pair.flipped().better() for pair in found)
        alone += any(pair.p_value < 0.05 for pair in found)
    assert called / 300 <= 0.07
    assert alone / 300 > 0.4


def test_a_pair_can_be_turned_round():
    found = pair(strategy("a", 0.9, 1), strategy("b", 0.85, 1), 2)
    back = found.flipped()
    assert (back.first, back.second, back.difference.value) == ("b", "a", pytest.approx(-0.05))
    assert (back.difference.low, back.difference.high) == pytest.approx((-0.07, -0.03))
    assert back.flipped() == found
    assert not pair(strategy("a", 0.9, 1), strategy("b", 0.9, 1), None).flipped().difference.has_interval


# Repeats that test the same few groups


def test_fewer_than_five_groups_in_all_repeats_have_no_interval_and_no_small_p():
    gains = [0.101, 0.1, 0.099, 0.1, 0.1, 0.1]
    sure = corrected_test(gains, n_train=75, n_test=25)
    few = corrected_test(gains, n_train=75, n_test=25, n_groups=4)
    some = corrected_test(gains, n_train=75, n_test=25, n_groups=5)
    assert (few.difference.has_interval, few.difference.reason, few.p_value) == (False, "too few groups", 1.0)
    assert some.difference.high - some.difference.low > sure.difference.high - sure.difference.low
    assert some.p_value == pytest.approx(
        2 * t.sf(some.difference.value / corrected_error(gains, n_train=75, n_test=25), 4)
    )
    assert corrected_test(gains, n_train=75, n_test=25, n_groups=60) == sure


def figures_of(groups, tests):
    plan = [Repeat(number, np.array(test), []) for number, test in enumerate(tests)]
    return SummaryStatistics(np.zeros(len(groups), int), 2, np.array(groups), plan, {}, 0)


def test_the_groups_of_all_repeats_are_counted():
    groups = np.repeat(np.arange(8), 5)
    one, other = np.ones(10, bool), np.arange(10) % 5 > 0
    same = figures_of(groups, [range(10), range(10), range(10)])
    assert not same.tested.compare([one] * 3, [other] * 3).difference.has_interval
    spread = figures_of(groups, [range(10), range(10, 20), range(20, 30)])
    assert spread.tested.compare([one] * 3, [other] * 3).difference.has_interval


def test_repeats_say_no_more_of_groups_than_each_of_them_tested_once():
    """Six groups, in each of which one strategy is a little better, again and again."""
    groups = np.repeat(np.arange(6), 50)
    one, other = np.ones(300, bool), np.arange(300) % 50 > 4
    rows = [np.flatnonzero(np.isin(groups, some)) for some in ([0, 1], [2, 3], [4, 5], [0, 2], [1, 3], [4, 0])]
    figures = figures_of(groups, rows)
    found = figures.tested.compare([one[some] for some in rows], [other[some] for some in rows])
    plain = corrected_test([0.1] * 6, n_train=200, n_test=100)
    assert plain.p_value < 0.01
    assert found.p_value == pytest.approx(2 / 2**6)  # that of six signs
    assert found.difference.low == 0
    assert found.difference.high > 0.3  # groups that were not met may differ by more
    assert np.isnan(found.detectable) or found.detectable > plain.detectable


@pytest.mark.parametrize("groups", [5, 6, 8, 12])
@pytest.mark.parametrize("repeats", [3, 10, 30])
def test_few_groups_certify_nothing_by_being_tested_again(groups, repeats):
    rng = np.random.default_rng(groups)
    tested = max(1, round(groups / 4))
    called = 0
    for _ in range(400):
        own = rng.normal(size=groups)
        rows = [rng.permutation(groups)[:tested] for _ in range(repeats)]
        gains = 0.02 * np.array([own[some].mean() for some in rows])
        n_groups = len(np.unique(np.concatenate(rows)))
        sizes = {"n_train": 1000 * (groups - tested), "n_test": 1000 * tested}
        called += corrected_test(gains, **sizes, n_groups=n_groups).p_value < 0.05
    assert called / 400 <= 0.09


def test_the_spread_after_one_repeat_is_that_of_its_images_or_groups():
    one, other = np.arange(100) < 90, np.arange(100) % 10 > 1
    gains = one.astype(float) - other
    plan = [Repeat(0, np.arange(100), [])]
    single = SummaryStatistics(np.zeros(100, int), 2, None, plan, {}, 0).tested.spread([one], [other])
    assert single == pytest.approx(np.std(gains) / 10)
    assert SummaryStatistics(np.zeros(100, int), 2, None, plan, {}, 0).tested.spread([one], [one]) == 0.01
    # Groups of images that are all alike spread as their number says.
    twice = figures_of(np.repeat(np.arange(50), 2), [range(100)])
    half = np.repeat(np.arange(50) < 45, 2), np.repeat(np.arange(50) % 10 > 1, 2)
    gaps = half[0][::2].astype(float) - half[1][::2]
    assert twice.tested.spread([half[0]], [half[1]]) == pytest.approx(np.std(gaps) / math.sqrt(50))


def test_the_spread_of_few_repeats_is_no_less_than_that_of_their_images():
    rng = np.random.default_rng(0)
    plan = [Repeat(number, rng.permutation(400)[:100], []) for number in range(3)]
    figures = SummaryStatistics(np.zeros(400, int), 2, None, plan, {}, 0)
    one, other = np.arange(100) < 90, np.arange(100) % 10 > 0
    # The same difference in all repeats, though 18 images of 100 tell the two apart.
    apart = math.sqrt(0.18 / 100 * 300 / 400)
    assert figures.tested.spread([one] * 3, [other] * 3) == pytest.approx(apart)
    moved = [np.arange(100) < 90 - 20 * number for number in range(3)]
    gains = [some.mean() - 0.9 for some in moved]
    assert figures.tested.spread(moved, [other] * 3) == pytest.approx(np.std(gains, ddof=1))


# The whole


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
