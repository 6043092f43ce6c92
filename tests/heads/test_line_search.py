"""Promised: a step satisfies the strong Wolfe conditions, and the steps are those of SciPy's L-BFGS-B."""

import numpy as np
import pytest
from scipy.optimize import minimize

from featx.heads.line_search import line_search

FUNCTIONS = {
    "parabola": lambda t: ((t - 3) ** 2, 2 * (t - 3)),
    "far away": lambda t: ((t / 1e4 - 3) ** 2, 2 * (t / 1e4 - 3) / 1e4),
    "quartic": lambda t: (t**4 - 2 * t**3 - t, 4 * t**3 - 6 * t**2 - 1),
    "shallow": lambda t: (-t / (t * t + 2), (t * t - 2) / (t * t + 2) ** 2),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 20.0])
@pytest.mark.parametrize("name", ["parabola", "far away", "quartic", "shallow"])
def test_steps_lower_the_value_and_the_slope(name, first):
    function = FUNCTIONS[name]
    value, slope = function(0.0)
    step, found, there = line_search(function, value, slope, first)
    assert (found, there) == function(step)
    assert found <= value + 1e-3 * step * slope
    assert abs(there) <= 0.9 * abs(slope)


def test_a_line_without_a_minimum_or_with_no_number_has_no_end():
    assert line_search(lambda t: (np.nan, np.nan), 0.0, -1.0, 1.0) is None
    assert line_search(lambda t: (1.0 + t, -1.0), 0.0, -1.0, 1.0, max_evaluations=5) is None


def test_steps_are_those_of_scipys_minimiser():
    """Along the steepest descent of a function of one variable the first line search is all there is to compare."""
    for name in ("quartic", "shallow"):
        seen, mine = [], []

        def along(t, name=name, seen=seen):
            seen.append(float(t[0]))
            value, slope = FUNCTIONS[name](float(t[0]))
            return value, np.array([slope])

        minimize(along, [0.0], jac=True, method="L-BFGS-B", options={"maxiter": 1})
        value, slope = FUNCTIONS[name](0.0)

        def scaled(t, name=name, mine=mine, slope=slope):
            mine.append(-slope * t)
            value, there = FUNCTIONS[name](-slope * t)
            return value, -slope * there

        line_search(scaled, value, -slope * slope, 1 / abs(slope))
        np.testing.assert_allclose(mine, seen[1 : 1 + len(mine)], rtol=1e-9)
