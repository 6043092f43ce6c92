"""Names of the strategies: which there are, and the method, head and layer that each name says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..exceptions import ParameterError, nearest
from ..heads.head_names import HEADS, check_head

__all__ = ["BASELINE", "TRAINED_STRATEGIES", "StrategyName", "check_name", "parse_named_strategy", "parse_strategy"]

# The row of tables below the strategies.
BASELINE = "largest class"

# The strategies that train a network, and the parameters of CNNFineTuneClassifier that each sets.
TRAINED_STRATEGIES: dict[str, dict[str, Any]] = {
    "finetuned": {},
    # Random weights need a higher rate, the same everywhere, and more epochs. How good they are shows only when the
    # rate has decreased, so the best epoch is chosen among all of them.
    "scratch": {
        "weights": None,
        "trainable_stages": "all",
        "batch_norm": "update",
        "head_init": "random",
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "head_learning_rate": 1e-3,
        "schedule": "onecycle",
        "epochs": 30,
        "patience": 30,
    },
}


@dataclass(frozen=True)
class StrategyName:
    """The parts of the name of a strategy.

    Attributes
    ----------
    method : str
        "frozen", or one of `TRAINED_STRATEGIES`.
    head : str
        The head of a frozen strategy; otherwise empty.
    layer : str or None
        A layer in place of the transformer's.
    """

    method: str
    head: str = ""
    layer: str | None = None


def parse_strategy(name: str) -> StrategyName:
    """Return the method, head and layer that the name of a strategy says.

    Parameters
    ----------
    name : str
        "frozen", "frozen:HEAD" or one of `TRAINED_STRATEGIES`, perhaps with "@LAYER".

    Raises
    ------
    ParameterError
        If there is no such strategy or head.
    """
    short, at, layer = name.partition("@")
    method, colon, head = short.partition(":")
    if method == "frozen" and bool(colon) is bool(head) and bool(at) is bool(layer):
        check_head(head or "logistic")
        return StrategyName(method, head or "logistic", layer or None)
    if short not in TRAINED_STRATEGIES or bool(at) is not bool(layer):
        known = [*(f"frozen:{head}" for head in HEADS), "frozen", *TRAINED_STRATEGIES]
        raise ParameterError(f"there is no strategy {name!r}", nearest(name, known) or f"Use {', '.join(known)}.")
    return StrategyName(short, layer=layer or None)


def parse_named_strategy(text: str) -> tuple[str, str]:
    """Return the name and the strategy that a text says: "alexnet=finetuned", or "finetuned" for both.

    Raises
    ------
    ParameterError
        If there is no such strategy, or the name is that of another one or of the baseline.
    """
    name, equals, strategy = text.partition("=")
    if not equals:
        parse_strategy(text)
        return text, text
    if not name.strip() or not strategy:
        raise ParameterError(f"got the strategy {text!r}; expected NAME=STRATEGY", "Such as alexnet=finetuned.")
    parse_strategy(strategy)
    check_name(name)
    if name != strategy and _is_strategy(name):
        raise ParameterError(f"got the name {name} for {strategy}; {name} is another strategy", "Choose another name.")
    return name, strategy


def check_name(name: str) -> None:
    """Raise ParameterError if a strategy would have the name of the baseline.

    Parameters
    ----------
    name : str
    """
    if str(name).strip().casefold() == BASELINE:
        raise ParameterError(f"got the name {name} for a strategy; it is that of the baseline", "Choose another name.")


def _is_strategy(name: str) -> bool:
    try:
        parse_strategy(name)
    except ParameterError:
        return False
    return True
