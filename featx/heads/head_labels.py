"""How a head is called: its name in full, and the short label that tables show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["EXAMPLE", "head_label", "head_labels", "head_name", "is_named"]

EXAMPLE = "sklearn.ensemble:RandomForestClassifier"
# Letters of a label.
LONGEST = 40


def is_named(head: Any) -> bool:
    """Tell whether a head is one of `HEADS`, and not a classifier of your own."""
    return isinstance(head, str) and ":" not in head


def head_name(head: Any) -> str:
    """Return the name of a head: as it is spelled, or an estimator as scikit-learn prints it, on one line."""
    return str(head) if isinstance(head, str) else " ".join(repr(head).split())


def head_label(head: Any) -> str:
    """Return the short name of a head: of a class, without its module; of an estimator, with what is not default."""
    name = head_name(head)
    short = name.rpartition(":")[2] if isinstance(head, str) else name
    return short if len(short) <= LONGEST else f"{short[: LONGEST - 3]}..."


def head_labels(heads: Iterable[Any]) -> dict[str, str]:
    """Return the short names of heads by their names; of heads with the same short name, the name in full."""
    labels = {head_name(head): head_label(head) for head in heads}
    short = list(labels.values())
    return {name: label if short.count(label) == 1 else name for name, label in labels.items()}
