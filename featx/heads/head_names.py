"""Names of the heads, which are checked before scikit-learn is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..exceptions import ParameterError, nearest

__all__ = ["HEADS", "HEADS_WITH_CLASS_WEIGHTS", "LINEAR_HEADS", "check_head", "check_heads"]

HEADS = ("logistic", "linear_svm", "svm", "knn", "ridge", "mlp")
LINEAR_HEADS = ("logistic", "linear_svm", "ridge")
# Those that take class weights.
HEADS_WITH_CLASS_WEIGHTS = ("logistic", "linear_svm", "svm", "ridge")


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
