"""The names of the heads, for what must know them before scikit-learn is loaded."""

from __future__ import annotations

from typing import Any

from .exceptions import ParameterError, nearest

__all__ = ["HEADS", "LINEAR", "WEIGHTED", "check_head"]

HEADS = ("logistic", "linear_svm", "svm", "knn", "ridge", "mlp")
LINEAR = ("logistic", "linear_svm", "ridge")
# Those that take class weights.
WEIGHTED = ("logistic", "linear_svm", "svm", "ridge")


def check_head(name: str, *, class_weight: Any = None) -> None:
    """Raise ParameterError unless there is a head of that name, which takes class weights if some are given."""
    if name not in HEADS:
        raise ParameterError(f"there is no head {name!r}", nearest(name, HEADS) or f"Heads are {', '.join(HEADS)}.")
    if class_weight is not None and name not in WEIGHTED:
        raise ParameterError(f"the head {name} takes no class weights", f"Those that do: {', '.join(WEIGHTED)}.")
