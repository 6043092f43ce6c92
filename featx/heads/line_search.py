"""Line search: a step along a direction that satisfies the strong Wolfe conditions, as in L-BFGS-B."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["line_search"]

# L-BFGS-B's constants: sufficient decrease, curvature, the narrowest interval, the longest step, the growth of steps.
DECREASE = 1e-3
CURVATURE = 0.9
NARROW = 0.1
LONGEST = 1e10
GROWTH = (1.1, 4.0)


class _Point(NamedTuple):
    """A step with the value and the slope there."""

    step: float
    value: float
    slope: float

    def tilted(self, slope: float) -> _Point:
        """Return the point of the function minus a line of this slope."""
        return _Point(self.step, self.value - self.step * slope, self.slope - slope)


def line_search(
    function: Callable[[float], tuple[float, float]],
    value: float,
    slope: float,
    step: float,
    *,
    max_evaluations: int = 50,
) -> tuple[float, float, float] | None:
    """Return a step that satisfies the strong Wolfe conditions, with the value and the slope there.

    Parameters
    ----------
    function : callable
        Takes a step and returns the value and the slope there.
    value, slope : float
        At step 0; the slope is negative.
    step : float
        The first to try.
    max_evaluations : int, default=50

    Returns
    -------
    (step, value, slope) of the last evaluation, or None if no such step was found

    Notes
    -----
    Moré and Thuente (1994), ACM Transactions on Mathematical Software 20 (3), with the constants of L-BFGS-B 3.0
    (Morales and Nocedal 2011): the steps are those that SciPy's L-BFGS-B takes.
    """
    best = other = _Point(0.0, value, slope)
    enough = DECREASE * slope
    bracketed, first_stage = False, True
    low, high = 0.0, step + GROWTH[1] * step
    width, width_before = LONGEST, 2 * LONGEST
    for _ in range(max_evaluations):
        point = _Point(step, *function(step))
        if not math.isfinite(point.value + point.slope):
            return None
        bound = value + step * enough
        first_stage = first_stage and not (point.value <= bound and point.slope >= 0)
        stuck = bracketed and (not low < step < high or high - low <= NARROW * high)
        endless = step == LONGEST and point.value <= bound and point.slope <= enough
        if stuck or endless or (point.value <= bound and abs(point.slope) <= -CURVATURE * slope):
            return point
        # Where the value is lower but not low enough, the search is on the function minus the line of sufficient
        # decrease.
        tilt = enough if first_stage and bound < point.value <= best.value else 0.0
        ends = best.tilted(tilt), other.tilted(tilt), point.tilted(tilt)
        step = _next_step(*ends, bracketed, low, high)
        if ends[2].value > ends[0].value:
            other, bracketed = point, True
        elif ends[2].slope * ends[0].slope < 0:
            best, other, bracketed = point, best, True
        else:
            best = point
        if bracketed:
            if abs(other.step - best.step) >= 0.66 * width_before:
                step = (best.step + other.step) / 2
            width_before, width = width, abs(other.step - best.step)
            low, high = sorted((best.step, other.step))
        else:
            low, high = (step + growth * (step - best.step) for growth in GROWTH)
        step = min(max(step, 0.0), LONGEST)
        if bracketed and (not low < step < high or high - low <= NARROW * high):
            step = best.step
    return None


def _next_step(best: _Point, other: _Point, point: _Point, bracketed: bool, low: float, high: float) -> float:
    """Return the step to try next, from the minima of a cubic and of parabolas; the four cases of the paper."""
    if point.value > best.value:
        cubic, length = _cubic(best, point), point.step - best.step
        parabola = best.step + best.slope / ((best.value - point.value) / length + best.slope) / 2 * length
        return cubic if abs(cubic - best.step) <= abs(parabola - best.step) else (cubic + parabola) / 2
    onwards = point.step > best.step
    if abs(point.slope) >= abs(best.slope) and point.slope * best.slope >= 0:
        if bracketed:
            return _cubic(point, other)
        return high if onwards else low
    cubic = _cubic(best, point)
    secant = point.step - point.slope / (point.slope - best.slope) * (point.step - best.step)
    if point.slope * best.slope < 0:
        return cubic if abs(cubic - point.step) > abs(secant - point.step) else secant
    if not (cubic > point.step if onwards else cubic < point.step):
        cubic = high if onwards else low
    if not bracketed:
        return min(max(max(cubic, secant, key=lambda step: abs(step - point.step)), low), high)
    nearer = secant if abs(cubic - point.step) >= abs(secant - point.step) else cubic
    limit = point.step + 0.66 * (other.step - point.step)
    return min(limit, nearer) if onwards else max(limit, nearer)


def _cubic(a: _Point, b: _Point) -> float:
    """Return the minimum of the cubic through two points with their slopes; not a number if it has none."""
    theta = 3 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    root = math.copysign(math.sqrt(max(0.0, theta * theta - a.slope * b.slope)), b.step - a.step)
    bottom = 2 * root + b.slope - a.slope
    if not root or not bottom:
        return math.nan
    return b.step - (b.step - a.step) * (b.slope + root - theta) / bottom
