"""Promised: one given test set judges all strategies, sizes and repeats, and repeats claim no more test images."""

import math

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin

from featx import DatasetError, ImageDataset, ParameterError, compare_strategies
from featx.cli import main
from featx.comparison.design import design_comparison
from featx.comparison.repeats import Repeat, draw_repeats
from featx.comparison.tested_repeats import OneTestSet
from featx.display.text_tables import render_text
from featx.evaluation.intervals import wilson_interval
from featx.evaluation.paired import compare_paired
from featx.evaluation.power import OpenComparison
from featx.forecast.compare import forecast_comparison
from featx.reports.comparison import comparison_parts
from images import write_dark_and_light
from wilson import assert_wilson


class Guess(ClassifierMixin, BaseEstimator):
    """Reads the class from the second pixel, wrong with a chance; notes the rows, which the first pixel holds."""

    seen: list = []  # noqa: RUF012

    def __init__(self, noise=0.0, *, random_state=0):
        self.noise = noise
        self.random_state = random_state

    def fit(self, X, y):
        Guess.seen.append(("fit", self.random_state, [int(x[0, 0]) for x in X]))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        Guess.seen.append(("predict", self.random_state, [int(x[0, 0]) for x in X]))
        right = np.eye(len(self.classes_))[[int(x[0, 1]) for x in X]]
        rng = np.random.default_rng([self.random_state, round(100 * self.noise), len(X)])
        wrong = rng.random(len(X)) < self.noise
        right[wrong] = np.roll(right[wrong], 1, axis=1)
        return 0.1 + 0.8 * right

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    monkeypatch.setattr(Guess, "seen", [])
    return Guess


def images_of(parts, *, groups=None):
    """Two classes by turns, so many images of each part; the first two pixels hold the row and the class number."""
    split = np.repeat(list(parts), list(parts.values()))
    images = [np.zeros((8, 8), np.uint8) for _ in split]
    for row, image in enumerate(images):
        image[0, :2] = row, row % 2
    labels = np.array([f"class {row % 2}" for row in range(len(split))])
    return ImageDataset(images, [f"image {row}" for row in range(len(split))], labels, groups, split=split)


DATA = {"training": 40, "validation": 12, "test": 30}


def test_every_strategy_size_and_repeat_is_judged_by_the_test_part(seen):
    data = images_of(DATA)
    result = compare_strategies(data, {"a": Guess(), "b": Guess(0.3)}, train_sizes=[0.25, 1.0], repeats=3)
    test = set(range(52, 82))
    tested = [rows for kind, _, rows in seen.seen if kind == "predict" and set(rows) & test]
    assert len(tested) == 12
    assert all(set(rows) == test for rows in tested)
    fitted = {(seed, len(rows)): rows for kind, seed, rows in seen.seen if kind == "fit"}
    assert {size for _, size in fitted} == {13, 52}
    assert all(set(rows) <= set(range(52)) for rows in fitted.values())
    for seed in range(3):
        assert set(fitted[seed, 13]) < set(fitted[seed, 52])
    assert len({tuple(sorted(fitted[seed, 13])) for seed in range(3)}) == 3
    assert (result.n_test, result.repeats, result.given_test) == (30, 3, True)
    assert "one given test set of 30 images, the test part of the given split" in result.protocol
    assert "the 3 repeats redraw the training images only" in result.protocol
    assert "at most all 52 of the training and validation parts are trained on" in result.protocol


def test_one_repeat_is_the_default_with_a_given_test_set_only(seen):
    once = compare_strategies(images_of(DATA), {"a": Guess(), "b": Guess(0.3)})
    assert (once.repeats, once.n_test) == (1, 30)
    assert "redraw" not in once.protocol
    assert once.test == "McNemar's exact test"
    (pair,) = once.sizes[0].pairs
    wrong = round(30 * (1 - once.sizes[0].strategies[1].accuracy.value))
    assert pair.p_value == pytest.approx(binomtest(0, wrong).pvalue)
    assert_wilson(once.sizes[0].strategies[1].accuracy, 30 - wrong, 30)
    plain = ImageDataset(*(getattr(images_of({"training": 80, "test": 2}), n) for n in ("images", "names", "labels")))
    assert compare_strategies(plain, {"a": Guess()}).repeats == 3


def test_a_validation_part_judges_where_there_is_no_test_part_and_another_set_does_where_it_is_given(seen):
    result = compare_strategies(images_of({"training": 40, "validation": 12}), {"a": Guess()})
    assert (result.n_test, result.sizes[0].n_train) == (12, 40)
    assert "the validation part of the given split, which has no test part" in result.protocol
    other = images_of({"training": 10, "test": 6})
    result = compare_strategies(images_of(DATA), {"a": Guess()}, test=other)
    # Six of the 82 are the images of the other set.
    assert (result.n_test, result.sizes[0].n_train) == (6, 76)
    result = compare_strategies(images_of(DATA), {"a": Guess()}, test_size=0.5)
    assert (result.n_test, result.repeats, result.given_test) == (41, 3, False)


def test_several_repeats_have_the_intervals_of_one_test_set(seen):
    result = compare_strategies(images_of(DATA), {"a": Guess(0.1), "b": Guess(0.3)}, repeats=4)
    for found in result.sizes[0].strategies:
        assert len(found.accuracies) == 4
        assert found.accuracy.value == pytest.approx(np.mean(found.accuracies))
        low, high = wilson_interval(np.sum(found.accuracies) * 30 / 4, 30)
        assert (found.accuracy.low, found.accuracy.high) == (pytest.approx(low), pytest.approx(high))
        assert found.macro_f1.low < found.macro_f1.value < found.macro_f1.high
    assert result.test == "McNemar's exact test, counts averaged over 4 repeats"
    assert "means over 4 repeats with 95 % intervals of the test images, that of accuracy Wilson's" in result.interval
    shown = render_text(comparison_parts(result))
    assert "so few repeats" not in shown
    assert not any("repeats are few" in note for note in result.notes)


def test_trainings_that_answer_alike_prove_what_one_of_them_does():
    rng = np.random.default_rng(0)
    for groups in (None, np.arange(60) // 5):
        right, other = rng.random(60) < 0.9, rng.random(60) < 0.6
        once = compare_paired(right, other, groups=groups)
        again = compare_paired(np.tile(right, (5, 1)), np.tile(other, (5, 1)), groups=groups)
        for name in ("p_value", "smallest_p", "detectable"):
            assert getattr(again, name) == pytest.approx(getattr(once, name))
        for name in ("value", "low", "high"):
            assert getattr(again.difference, name) == pytest.approx(getattr(once.difference, name))


def test_counts_are_averaged_over_the_trainings():
    right, other = np.zeros((2, 40), bool), np.zeros((2, 40), bool)
    right[0, :8], right[1, :11], other[:, 20:22] = True, True, True
    found = compare_paired(right, other)
    p_values = [binomtest(2, wins + 2).pvalue for wins in (9, 10)]
    assert p_values[1] < found.p_value < p_values[0]
    assert found.difference.value == pytest.approx((9.5 - 2) / 40)
    assert found.difference.low < found.difference.value < found.difference.high


def draws(rng, n, repeats, kind, level=0.7):
    """Return which of n new test images two strategies of equal accuracy got right in each training."""
    shape = 1, n
    if kind == "some images are hard":
        mine, its = (rng.beta(level / 2, (1 - level) / 2, shape) for _ in range(2))
    elif kind == "one knows, one guesses":
        mine, its = (rng.random(shape) < level).astype(float), np.full(shape, level)
    else:  # accuracies differ from training to training
        mine, its = (np.clip(level + rng.normal(0, 0.03, (repeats, 1)), 0, 1) * np.ones(shape) for _ in range(2))
    return tuple(rng.random((repeats, n)) < chance for chance in (mine, its))


@pytest.mark.parametrize("kind", ["some images are hard", "one knows, one guesses", "trainings differ"])
@pytest.mark.parametrize("repeats", [2, 3, 10])
def test_equal_strategies_are_called_different_no_more_often_than_promised(kind, repeats):
    rng = np.random.default_rng(repeats)
    called, held, runs = 0, 0, 400
    for _ in range(runs):
        right, other = draws(rng, 100, repeats, kind)
        found = compare_paired(right, other)
        called += found.p_value < 0.05
        held += found.difference.low <= 0 <= found.difference.high
    assert called / runs <= 0.05
    assert held / runs >= 0.95


@pytest.mark.long
@pytest.mark.parametrize("kind", ["some images are hard", "one knows, one guesses", "trainings differ"])
@pytest.mark.parametrize(("n", "repeats"), [(20, 3), (60, 2), (200, 2), (200, 5)])
def test_equal_strategies_are_called_different_no_more_often_than_promised_in_many_runs(kind, n, repeats):
    rng = np.random.default_rng(n + repeats)
    p_values = [compare_paired(*draws(rng, n, repeats, kind)).p_value for _ in range(3000)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.05


@pytest.mark.parametrize("repeats", [2, 5])
def test_equal_strategies_over_groups_are_called_different_no_more_often_than_promised(repeats):
    rng = np.random.default_rng(repeats)
    groups, called, runs = np.arange(80) // 8, 0, 400
    for _ in range(runs):
        chances = [np.repeat(rng.beta(2, 1, 10), 8)[None] for _ in range(2)]
        right, other = (rng.random((repeats, 80)) < chance for chance in chances)
        called += compare_paired(right, other, groups=groups).p_value < 0.05
    assert called / runs <= 0.06


@pytest.mark.parametrize("repeats", [1, pytest.param(3, marks=pytest.mark.long), 10])
def test_the_interval_of_a_mean_over_trainings_holds_the_expected_accuracy(repeats):
    rng, test, held = np.random.default_rng(repeats), np.arange(80), 0
    plan = [Repeat(number, test, []) for number in range(repeats)]
    for _ in range(200):
        right = draws(rng, 80, repeats, "some images are hard", 0.8)[0]
        tested = OneTestSet(np.zeros(80, int), 2, None, plan)
        accuracy = tested.figures([np.where(row[:, None], [0.9, 0.1], [0.1, 0.9]) for row in right])[0]
        held += accuracy.low <= 0.8 <= accuracy.high
    assert held / 200 >= 0.92


def test_more_test_images_would_decide_and_not_more_repeats(seen):
    for repeats in (1, 5):
        result = compare_strategies(images_of(DATA), {"a": Guess(0.2), "b": Guess(0.3)}, repeats=repeats)
        verdict = result.sizes[0].verdict
        assert verdict.answer == "undecided"
        assert verdict.repeats_needed is None
        assert verdict.images_needed > 30
        reason = verdict.reasons[-1]
        assert reason.startswith(f"to decide: more test images, roughly {verdict.images_needed:,} in all")
        assert reason.endswith("repeats add none")


def test_so_many_test_images_as_are_said_to_decide_do_four_times_in_five():
    usual = {"spread": 0.04, "ratio": 1.0, "repeats": 1, "margin": 0.01, "first_costs_no_more": False}
    question = OpenComparison(difference=0.05, second_costs_no_more=True, **usual)
    times = question.test_times_needed()
    rng, error = np.random.default_rng(0), 0.04 / math.sqrt(times)
    drawn = rng.normal(0.05, error, 4000)
    # The dearer first is clearly better, or not plausibly better by the margin.
    decided = (drawn / error > 1.96) | (drawn + 1.96 * error < 0.01)
    assert 0.78 < decided.mean() < 0.87
    assert (
        OpenComparison(difference=0.0, second_costs_no_more=False, **{**usual, "margin": 0.0}).test_times_needed()
        is None
    )


def test_few_groups_in_a_given_test_set_are_not_helped_by_repeats(seen):
    groups = np.array([f"g{row // 20}" if row < 52 else f"t{row % 3}" for row in range(82)])
    result = compare_strategies(images_of(DATA, groups=groups), {"a": Guess(), "b": Guess(0.3)}, repeats=2)
    reason = result.sizes[0].verdict.reasons[-1]
    assert reason.endswith("of which there are 3; repeats test no others")
    assert result.test.startswith("exact sign-flip test over 3 groups")
    assert "whole groups on one side" in result.protocol


def test_the_largest_class_is_warned_of_on_a_given_test_set(seen):
    data = images_of({"training": 40, "test": 30})
    result = compare_strategies(data, {"bad": Guess(0.5), "good": Guess()}, repeats=3)
    assert result.sizes[0].baseline == 0.5
    assert [text.split(" (")[0] for text in result.sizes[0].warnings] == ["bad"]


def test_sizes_are_fractions_of_what_there_is_to_train_on():
    plan = design_comparison(images_of(DATA), train_sizes=[0.5, 10, 1.0])
    assert [len(rows) for rows in plan.repeats[0].trains] == [10, 26, 52]
    assert design_comparison(images_of(DATA)).repeats[0].trains[0].tolist() == list(range(52))
    with pytest.raises(ParameterError, match=r"got the training size 1.5, a fraction of the 52 images to train on"):
        design_comparison(images_of(DATA), train_sizes=[1.5])
    with pytest.raises(ParameterError, match="got the training size 53; the most that the test set leaves is 52"):
        design_comparison(images_of(DATA), train_sizes=[53])
    with pytest.raises(DatasetError, match="fewer images than the 2 that tuning needs, among the 2 to train on"):
        design_comparison(images_of(DATA), train_sizes=[2])
    y = np.arange(82) % 2
    given = draw_repeats(y, train_sizes=[0.5], given=(np.arange(52), np.arange(52, 82)), repeats=2)
    assert [repeat.test.tolist() for repeat in given] == [list(range(52, 82))] * 2


def test_unknown_classes_are_refused_and_missing_ones_are_named(seen):
    data = images_of(DATA)
    data.labels[60] = "class 9"
    with pytest.raises(DatasetError, match="the test part has the class 'class 9'"):
        compare_strategies(data, {"a": Guess()})
    data = images_of(DATA)
    data = data.take([row for row in range(82) if row < 52 or row % 2])
    result = compare_strategies(data, {"a": Guess()})
    assert "no test image is of the class 'class 0': the figures say nothing about it" in result.notes


def test_the_curve_is_extrapolated_with_the_spread_of_one_test_set(seen):
    sizes = {"train_sizes": [0.25, 0.5, 1.0]}
    once, often = (
        compare_strategies(images_of(DATA), {"a": Guess(0.3)}, **sizes, repeats=repeats).curves[0].extrapolation
        for repeats in (1, 8)
    )
    width = [found.accuracy.high - found.accuracy.low for found in (once, often)]
    assert width[1] > width[0] / 2


@pytest.fixture
def folder(tmp_path):
    write_dark_and_light(tmp_path / "a", 12)
    write_dark_and_light(tmp_path / "b", 6, seed=1)
    return tmp_path


def test_the_command_takes_another_data_set_as_the_test_set(folder):
    common = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--no-transfer")
    what = ("--strategy", "frozen", "--set", "frozen.C=0.01", "--test", str(folder / "b"))
    forecast = CliRunner().invoke(main, ["compare", str(folder / "a"), *what, *common, "--dry-run"])
    assert forecast.exit_code == 0, forecast.output
    done = CliRunner().invoke(main, ["compare", str(folder / "a"), *what, *common, "--train-size", "0.5"])
    assert done.exit_code == 0, done.output
    assert "one given test set of 12 images, the same for every strategy and size" in done.stdout
    assert "at 12 images (6 a class)" in done.stdout


def test_a_forecast_of_a_comparison_sees_its_rows(tiny):
    from featx import CNNFeatureTransformer, make_strategy

    strategies = {"frozen": make_strategy("frozen", CNNFeatureTransformer(**tiny, cache=None))}
    parts = forecast_comparison(images_of(DATA), strategies, repeats=2).parts
    # 52 to train on and 30 to test on, once for both repeats; the few that measure the pace do not count.
    assert next(part for part in parts if part.name == "frozen: forward").n_images == 52 + 30


def test_images_that_cannot_be_read_are_left_out_of_their_part(seen):
    data = images_of(DATA)
    for row in (0, 45, 60):
        data.images[row] = "/nowhere/at/all.png"
    result = compare_strategies(data, {"a": Guess()}, on_error="skip")
    assert (result.n_test, result.sizes[0].n_train, len(result.failures)) == (29, 50, 3)
    for row in range(52, 82):
        data.images[row] = "/nowhere/at/all.png"
    with pytest.raises(DatasetError, match="none of the images of the test part can be read"):
        compare_strategies(data, {"a": Guess()}, on_error="skip")
