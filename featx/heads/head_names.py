"""Names of the heads, which are linear and which take class weights: checked before scikit-learn is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..exceptions import ParameterError, nearest

__all__ = ["HEADS", "HEADS_WITH_CLASS_WEIGHTS", "LINEAR_HEADS", "check_head", "check_heads"]

# What is known of each head without its classifier, which is in `heads`.
_TRAITS: dict[str, frozenset[str]] = {
    "logistic": frozenset(["linear", "class weights"]),
    "linear_svm": frozenset(["linear", "class weights"]),
    "svm": frozenset(["class weights"]),
    "knn": frozenset(),
    "ridge": frozenset(["linear", "class weights"]),
    "mlp": frozenset(),
}
HEADS = tuple(_TRAITS)
LINEAR_HEADS = tuple(name for name, traits in _TRAITS.items() if "linear" in traits)
HEADS_WITH_CLASS_WEIGHTS = tuple(name for name, traits in _TRAITS.items() if "class weights" in traits)


def check_head(name: str, *, class_weight: Any = None) -> None:
    """Raise ParameterError unless there is a head of that name, and it takes class weights if there are any."""
    if name not in HEADS:
        several = HEADS if name == "all" else [part.strip() for part in str(name).split(",")]
        if len(several) > 1 and set(several) <= set(HEADS):
            hint = f"Name each separately: {' '.join(f'--head {head}' for head in several)}, in Python {list(several)}."
        else:
            hint = nearest(str(name), HEADS) or f"Heads are {', '.join(HEADS)}."
        raise ParameterError(f"there is no head {name!r}", hint)
    if class_weight is not None and name not in HEADS_WITH_CLASS_WEIGHTS:
        raise ParameterError(
            f"the head {name} takes no class weights", f"Those that do: {', '.join(HEADS_WITH_CLASS_WEIGHTS)}."
        )


def check_heads(heads: Sequence[str], grids: Iterable[str] = (), *, class_weight: Any = None) -> None:
    """Raise ParameterError unless all these heads exist and include those that have a grid."""
    if not len(heads):  # a column of texts has no truth value
        raise ParameterError("got no heads", f"Name some of {', '.join(HEADS)}.")
    for name in heads:
        check_head(name, class_weight=class_weight)
    if unused := sorted(set(grids) - set(heads)):
        check_head(unused[0])
        raise ParameterError(f"got a grid for {', '.join(unused)}, which is not among the heads", "Name that head too.")
