"""Promised: a power law is recovered from exact errors, and extrapolated with an interval around it."""

import pytest

from featx.evaluation.learning_curves import extrapolate_accuracy, fit_power_law


def test_a_power_law_is_recovered_from_exact_errors():
    law = fit_power_law([100, 300, 1000], [2 * n**-0.4 for n in (100, 300, 1000)])
    assert (law.scale, law.exponent, law.floor) == pytest.approx((2, 0.4, 0))
    sizes = [100, 300, 1000, 3000]
    floored = fit_power_law(sizes, [2 * n**-0.5 + 0.05 for n in sizes])
    assert (floored.scale, floored.exponent, floored.floor) == pytest.approx((2, 0.5, 0.05), rel=0.02)
    assert floored.accuracy(6000) == pytest.approx(1 - 2 * 6000**-0.5 - 0.05, abs=1e-4)
    assert fit_power_law(sizes, [0.2, 0.21, 0.22, 0.23]).exponent < 0


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_extrapolation_is_of_twice_the_images_with_an_interval_around_it(repeats):
    sizes = [100, 300, 1000]
    accuracies = [[1 - 2 * n**-0.4 + shift for shift in (-0.01, 0.0, 0.01)[:repeats]] for n in sizes]
    found = extrapolate_accuracy(sizes, accuracies, n_train=1000, n_test=500)
    assert found.n_images == 2000
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high < found.accuracy.low + 0.2
    if repeats == 3:
        assert found.accuracy.value == pytest.approx(1 - 2 * 2000**-0.4)
    surer = extrapolate_accuracy(sizes, accuracies, n_train=1000, n_test=50_000)
    if repeats == 1:
        assert surer.accuracy.high - surer.accuracy.low < (found.accuracy.high - found.accuracy.low) / 3


@pytest.mark.parametrize("repeats", [1, 3])
def test_no_law_goes_through_errors_of_zero(repeats):
    perfect, nearly = repeats * [1.0], repeats * [0.99]
    assert extrapolate_accuracy([10, 20], [perfect, perfect], n_train=20, n_test=30) is None
    better = extrapolate_accuracy([10, 20], [nearly, perfect], n_train=20, n_test=100)
    assert 0.99 < better.accuracy.value <= 1
