"""What a user gave as `random_state` goes in; the seed that a call goes by, or why there is none, comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..constraints import RANDOM_STATE, integer

__all__ = ["check_weights_seed", "drawn_seed"]


def drawn_seed(random_state: Any) -> int:
    """Return an integer as it is, and else one that is drawn: None and RandomState are as in scikit-learn.

    Raises
    ------
    ParameterError
        If it is nothing of this.
    """
    RANDOM_STATE.check("random_state", random_state)
    if random_state is not None and not hasattr(random_state, "randint"):
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def check_weights_seed(random_state: Any, *, drawn: bool) -> None:
    """Raise ParameterError unless it may be the `random_state` of a network; random weights are filed by their seed."""
    if drawn:
        step = "Random weights are cached by their seed: pass random_state=0, or another integer."
        replace(integer(), next_step=step).check("random_state", random_state)
    else:
        either = integer() | RANDOM_STATE
        replace(either, expected="an integer, a numpy.random.RandomState or None").check("random_state", random_state)
