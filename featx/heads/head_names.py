"""Names of the heads, which are linear and which take class weights: checked before scikit-learn is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..exceptions import ParameterError, nearest
from .head_labels import EXAMPLE, head_label, head_name, is_named

__all__ = [
    "HEADS",
    "HEADS_WITH_CLASS_WEIGHTS",
    "LINEAR_HEADS",
    "check_head",
    "check_heads",
    "head_grids",
]

# What is known of each head without its classifier, which is in `heads`.
_TRAITS: dict[str, frozenset[str]] = {
    "logistic": frozenset(["linear", "class weights"]),
    "linear_svm": frozenset(["linear", "class weights"]),
    "svm": frozenset(["class weights"]),
    "knn": frozenset(),
    "ridge": frozenset(["linear", "class weights"]),
    "mlp": frozenset(),
    "lda": frozenset(["linear"]),
    "ncm": frozenset(["linear"]),
}
HEADS = tuple(_TRAITS)
LINEAR_HEADS = tuple(name for name, traits in _TRAITS.items() if "linear" in traits)
HEADS_WITH_CLASS_WEIGHTS = tuple(name for name, traits in _TRAITS.items() if "class weights" in traits)
OWN = f"package.module:Class, such as {EXAMPLE}"


def check_head(head: Any, *, class_weight: Any = None) -> None:
    """Raise ParameterError unless there is such a head, and it takes class weights if there are any.

    A classifier of your own is imported.
    """
    if not is_named(head):
        from .own_classifiers import own_classifier  # which loads scikit-learn

        classifier = own_classifier(head)
        if class_weight is not None and "class_weight" not in classifier.get_params():
            raise _no_class_weights(head_label(head))
        return
    name = str(head)
    if name not in HEADS:
        several = HEADS if name == "all" else [part.strip() for part in name.split(",")]
        if len(several) > 1 and set(several) <= set(HEADS):
            hint = f"Name each separately: {' '.join(f'--head {head}' for head in several)}, in Python {list(several)}."
        elif "." in name:
            hint = f"A class has a colon before it: {':'.join(name.rsplit('.', 1))}."
        else:
            hint = nearest(name, HEADS) or f"Heads are {', '.join(HEADS)}, or {OWN}."
        raise ParameterError(f"there is no head {name!r}", hint)
    if class_weight is not None and name not in HEADS_WITH_CLASS_WEIGHTS:
        raise _no_class_weights(name)


def check_heads(heads: Sequence[Any], grids: Iterable[str] = (), *, class_weight: Any = None) -> None:
    """Raise ParameterError unless all these heads exist and include those that have a grid."""
    if not len(heads):  # a column of texts has no truth value
        raise ParameterError("got no heads", f"Name some of {', '.join(HEADS)}.")
    for head in heads:
        check_head(head, class_weight=class_weight)
    head_grids(heads, dict.fromkeys(grids))


def head_grids(heads: Sequence[Any], grids: Mapping[str, Any] | None) -> list[Any]:
    """Return the grid of each head, None where there is none; a grid names its head in full or by its class alone.

    Raises
    ------
    ParameterError
        If a grid is of no head, or of several.
    """
    found: dict[str, Any] = {}
    names = [head_name(head) for head in heads]
    for owner, grid in (grids or {}).items():
        fitting = [owner] if owner in names else [
            name for name, head in zip(names, heads, strict=True) if owner in _short_names(head)
        ]  # fmt: skip
        if len(set(fitting)) > 1:
            raise ParameterError(f"got a grid for {owner}, and {len(set(fitting))} heads are called that",
                                 f"Name one of them in full: {' or '.join(dict.fromkeys(fitting))}.")  # fmt: skip
        if not fitting:
            if is_named(owner) and not any(not is_named(head) for head in heads):
                check_head(owner)
            raise ParameterError(f"got a grid for {owner}, which is not among the heads", "Name that head too.")
        if fitting[0] in found:
            raise ParameterError(f"got two grids for {fitting[0]}", "Name it in the same way in both.")
        found[fitting[0]] = grid
    return [found.get(name) for name in names]


def _short_names(head: Any) -> set[str]:
    """Return what a head may be called: the name of its class, and for a name with a module that without it."""
    return {head_label(head)} if isinstance(head, str) else {head_label(head), type(head).__name__}


def _no_class_weights(name: str) -> ParameterError:
    return ParameterError(
        f"the head {name} takes no class weights", f"Those that do: {', '.join(HEADS_WITH_CLASS_WEIGHTS)}."
    )
