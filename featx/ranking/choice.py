"""Which candidates are on the front of accuracy against cost, and which one is recommended."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["choose_cheapest", "front_of"]

# Seconds that differ by less are equal: timings of the same network differ as much.
NEGLIGIBLE_SHARE = 0.05


def front_of(accuracies: Sequence[Sequence[float]], seconds: Sequence[float]) -> list[bool]:
    """Return whether each candidate is on the front: no other that costs no more is more accurate on the same images.

    Parameters
    ----------
    accuracies : sequence of sequence of float
        Of each candidate in each round in which it took part, from the first. Two candidates are compared in the last
        round in which both took part.
    seconds : sequence of float
        Of each candidate.
    """

    def beats(one: int, other: int) -> bool:
        last = min(len(accuracies[one]), len(accuracies[other])) - 1
        mine, its = (accuracies[one][last], -seconds[one]), (accuracies[other][last], -seconds[other])
        return mine != its and mine[0] >= its[0] and mine[1] >= its[1]

    every = range(len(seconds))
    return [not any(beats(other, one) for other in every) for one in every]


def choose_cheapest(accuracies: Sequence[float], seconds: Sequence[float], *, margin: float) -> int:
    """Return the place of the cheapest of some candidates that is at most a margin less accurate than the best.

    Parameters
    ----------
    accuracies, seconds : sequence of float
        Of candidates that cannot be told from the best, on the same images. Of those that cost no more than a twentieth
        more than the cheapest, the most accurate is chosen.
    margin : float
        The difference in accuracy that does not matter.
    """
    best = max(accuracies)
    near = [place for place, value in enumerate(accuracies) if value >= best - margin - 1e-9]
    least = min(seconds[place] for place in near)
    cheap = [place for place in near if seconds[place] <= (1 + NEGLIGIBLE_SHARE) * least]
    return min(cheap, key=lambda place: (-accuracies[place], seconds[place]))
