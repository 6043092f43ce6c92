"""Turn `random_state` into a seed, as scikit-learn does, or say why it cannot be one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..constraints import RANDOM_STATE, integer

__all__ = ["check_weights_seed", "drawn_seed"]


def drawn_seed(random_state: Any) -> int:
    """Return an integer as it is, or draw one from None or a RandomState, as in scikit-learn.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    RANDOM_STATE.check("random_state", random_state)
    if random_state is not None and not hasattr(random_state, "randint"):
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def check_weights_seed(random_state: Any, *, drawn: bool) -> None:
    """Raise ParameterError unless it can be the `random_state` of a network; `drawn` weights need an integer."""
    if drawn:
        step = "Random weights are cached by their seed: pass random_state=0, or another integer."
        replace(integer(), next_step=step).check("random_state", random_state)
    else:
        either = integer() | RANDOM_STATE
        replace(either, expected="an integer, a numpy.random.RandomState or None").check("random_state", random_state)
