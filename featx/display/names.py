"""Names in messages: the first few of many, and file names quoted for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

__all__ = ["few", "quoted", "span_text"]


def few(names: Sequence[str], most: int = 3, *, between: str = ", ", total: int | None = None) -> str:
    """Return the first names and how many more there are.

    Parameters
    ----------
    names : sequence of str
    most : int, default=3
        How many are named at most.
    between : str, default=", "
        Separates them.
    total : int, default=None
        How many there are, where `names` holds only the first of them.
    """
    rest = (len(names) if total is None else total) - min(len(names), most)
    return between.join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def span_text(names: Sequence[str]) -> str:
    """Return the first and the last of names in an order."""
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def quoted(*words: str) -> str:
    """Return file names as a shell takes them, none of which a command takes for an option."""
    return " ".join(shlex.quote(f"./{word}" if word.startswith("-") else word) for word in words)
