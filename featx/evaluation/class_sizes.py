"""Class sizes: classes with too few images or groups are refused, all in one error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..display.quantities import all_text, count_text, plural
from ..exceptions import DatasetError

__all__ = ["SmallClassError", "check_counts", "check_sizes", "list_sizes"]

# How many names one message lists.
MOST_LISTED = 20


class SmallClassError(DatasetError):
    """Classes are too small for what is to be done with them; other settings may work."""


def check_counts(
    truth: np.ndarray,
    classes: Sequence[Any] | np.ndarray,
    least: int,
    needed: str,
    *,
    once: bool = False,
    instead: str = "",
) -> None:
    """Raise DatasetError unless there are at least two classes, each with enough images.

    Parameters
    ----------
    truth : ndarray of int
        The class number of each image.
    classes : sequence
    least : int
        The number of images that each class needs.
    needed : str
        What needs them, with its verb: "5 folds need".
    once : bool, default=False
        Whether `truth` counts copies of an image once.
    instead : str, default=""
        What would work with these classes, such as "cv=3 (--cv 3)".
    """
    if len(classes) < 2:
        raise DatasetError(f"there is only one class, {str(classes[0])!r}", "A classifier needs at least two.")
    check_sizes(classes, np.bincount(truth, minlength=len(classes)), least, needed, once=once, instead=instead)


def check_sizes(
    classes: Sequence[Any] | np.ndarray,
    counts: np.ndarray,
    least: int,
    needed: str,
    *,
    what: str = "image",
    kind: str = "class",
    once: bool = False,
    instead: str = "",
) -> None:
    """Raise SmallClassError unless each class has enough images or groups.

    Parameters
    ----------
    classes : sequence
    counts : ndarray of int
        How many each class has.
    least, needed, once, instead
        As for `check_counts`.
    what : str, default="image"
        What is counted.
    kind : {"class", "stratum"}, default="class"
    """
    short = np.flatnonzero(np.asarray(counts) < least)
    if not len(short):
        return
    need = f"the {least} that {needed}" + (", copies counted once" if once else "")
    if len(short) == 1:
        name, count = str(classes[short[0]]), int(counts[short[0]])
        text = f"{kind} {name!r} has {count} {what}{'' if count == 1 else 's'}, fewer than {need}"
    else:
        sizes = list_sizes([classes[int(number)] for number in short], np.asarray(counts)[short])
        every = len(short) == len(classes)
        some = all_text(len(classes), kind) if every else f"{len(short):,} of {count_text(len(classes), kind)}"
        text = f"{some} have fewer {what}s than {need}: {sizes}"
    ways = [f"Add {what}s"]
    if len(classes) - len(short) > 1:
        ways.append(f"leave {'it' if len(short) == 1 else f'these {plural(kind)}'} out")
    if instead:
        ways.append(f"use {instead}")
    raise SmallClassError(text, " or ".join(filter(None, [", ".join(ways[:-1]), ways[-1]])) + ".")


def list_sizes(classes: Sequence[Any] | np.ndarray, counts: np.ndarray) -> str:
    """Return the names of classes with their numbers of images or groups, the smallest classes first."""
    order = np.argsort(counts, kind="stable")
    listed = [f"{str(classes[int(place)])!r} ({counts[place]})" for place in order[:MOST_LISTED]]
    rest = counts[order[MOST_LISTED:]]
    if not len(rest):
        return ", ".join(listed)
    span = f"{rest.min()}" if rest.min() == rest.max() else f"{rest.min()} to {rest.max()}"
    return f"{', '.join(listed)} and {len(rest)} more with {span}"
