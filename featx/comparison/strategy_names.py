"""Parse the name of a strategy into its kind, head and layer, without loading torch or scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

from ..exceptions import ParameterError, nearest
from ..heads.head_names import HEADS, check_head

__all__ = ["KINDS", "StrategyName", "parse_strategy"]

KINDS = ("frozen", "finetuned", "scratch", "other")


@dataclass(frozen=True)
class StrategyName:
    """The parts of the name of a strategy.

    Attributes
    ----------
    kind : {"frozen", "finetuned", "scratch"}
    head : str
        The head of a frozen strategy; otherwise empty.
    layer : str or None
        A layer in place of the transformer's.
    """

    kind: str
    head: str = ""
    layer: str | None = None


def parse_strategy(name: str) -> StrategyName:
    """Return the kind, head and layer that the name of a strategy says.

    Parameters
    ----------
    name : {"frozen", "frozen:HEAD", "finetuned", "scratch"}, perhaps with "@LAYER"

    Raises
    ------
    ParameterError
        If there is no such strategy or head.
    """
    short, at, layer = name.partition("@")
    kind, colon, head = short.partition(":")
    if kind == "frozen" and bool(colon) is bool(head) and bool(at) is bool(layer):
        check_head(head or "logistic")
        return StrategyName(kind, head or "logistic", layer or None)
    if short not in ("finetuned", "scratch") or bool(at) is not bool(layer):
        known = [*(f"frozen:{head}" for head in HEADS), "frozen", "finetuned", "scratch"]
        raise ParameterError(f"there is no strategy {name!r}", nearest(name, known) or f"Use {', '.join(known)}.")
    return StrategyName(short, layer=layer or None)
