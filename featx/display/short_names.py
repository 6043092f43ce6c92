"""Shorten names to a width in terminal cells, so that different names stay different.

A Chinese character or an emoji takes two cells, a combining accent none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wcwidth import iter_graphemes, wcswidth

__all__ = ["ELLIPSIS", "cell_width", "class_labels", "shorten_files", "shorten_names"]

ELLIPSIS = "…"
# Characters between the words of a name.
WORD_BREAKS = "_-./\\ :"
# A shorter common beginning is kept: it says something and takes little room.
SHORTEST_PREFIX = 4


def cell_width(text: str) -> int:
    """Return how many cells a text takes on a terminal."""
    if text.isascii():
        return len(text)
    width = wcswidth(text)
    # Negative if there are control characters, which are escaped before they are shown.
    return width if width >= 0 else sum(max(0, wcswidth(part)) for part in text)


def class_labels(classes: Iterable[Any], width: int) -> list[str]:
    """Return names of classes as they can be drawn: on one line each, shortened, and different for different names."""
    names = [str(name) for name in classes]
    plain = [" ".join(name.encode("utf-8", "replace").decode().split()) for name in names]
    plain = ["".join(c if c.isprintable() else "?" for c in text) for text in plain]
    alike = {text for text, count in Counter(plain).items() if count > 1}
    return shorten_names([ascii(n) if text in alike else text for n, text in zip(names, plain, strict=True)], width)


def shorten_names(names: Sequence[str], width: int, *, pool: Iterable[str] = ()) -> list[str]:
    """Return names that take at most `width` cells; different names stay different.

    If a name is too long, words that all names begin with are left out, as many as necessary, and then more of the
    beginning; if they share no words, the middle of long names is left out. Names that would become equal keep the part
    around their first difference; failing that, they are numbered.

    Parameters
    ----------
    names : sequence of str
        A name may occur more than once.
    width : int
        At least 6; with less, names are as wide as they must be to differ.
    pool : iterable of str, default=()
        More names that the shortened ones must differ from, such as those of the other classes.
    """
    return _shortened(names, width, _short_names, pool=pool)


def shorten_files(names: Sequence[str], width: int) -> list[str]:
    """Return the ends of file names, at most `width` cells wide; different names stay different."""
    return _shortened(names, width, lambda names, width: [_without_beginning(name, width) for name in names])


def _shortened(
    names: Sequence[str],
    width: int,
    shorten: Callable[[list[str], int], list[str]],
    *,
    pool: Iterable[str] = (),
) -> list[str]:
    distinct = list(dict.fromkeys([*names, *pool]))
    if all(cell_width(name) <= width for name in distinct):
        return list(names)
    short = _made_distinct(dict(zip(distinct, shorten(distinct, width), strict=True)), width)
    return [short[name] for name in names]


def _made_distinct(short: dict[str, str], width: int) -> dict[str, str]:
    """Return the short names, with equal ones replaced."""
    for attempt in (_around_difference, _numbered):
        counts = Counter(short.values())
        groups: dict[str, list[str]] = {}
        for name, text in short.items():
            if counts[text] > 1:
                groups.setdefault(text, []).append(name)
        taken = {text for text in counts if counts[text] == 1}
        for alike in groups.values():
            found = attempt(alike, width, taken)
            if len(set(found)) == len(found) and not taken & set(found):
                short.update(zip(alike, found, strict=True))
                taken.update(found)
    return short


def _short_names(names: list[str], width: int) -> list[str]:
    """Return the names without the words that all of them begin with, or without the middle of long ones."""
    shared = names[0][: _common(names)] if len(names) > 1 else ""
    cuts = [i + 1 for i, character in enumerate(shared) if character in WORD_BREAKS and i + 1 >= SHORTEST_PREFIX]
    short = [_without_middle(name, width) for name in names]
    for cut in cuts:
        short = [ELLIPSIS + name[cut:] for name in names]
        if max(map(cell_width, short)) <= width:
            break
    return [_without_beginning(name, width) for name in short]


def _common(names: list[str]) -> int:
    """Return the length of the common beginning, which the first and the last name in alphabetical order have."""
    low, high = min(names), max(names)
    return next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))


def _without_middle(name: str, width: int) -> str:
    """Return the name, without its middle if it is too long."""
    if cell_width(name) <= width:
        return name
    head = width // 2
    return _head(name, head) + ELLIPSIS + _tail(name, width - 1 - head)


def _without_beginning(name: str, width: int) -> str:
    """Return the name, or its end if it is too long."""
    if cell_width(name) <= width:
        return name
    return ELLIPSIS + _tail(name, width - 1)


def _around_difference(names: list[str], width: int, taken: set[str]) -> list[str]:
    """Return the parts of the names around their first difference."""
    start = _common(names)
    # An accent stays with its letter.
    while start and any(cell_width(name[start : start + 1]) == 0 for name in names if start < len(name)):
        start -= 1
    for head in (width // 3, 1, 0):
        found = []
        for name in names:
            before = _head(name[:start], head)
            rest = name[start:]
            lead = before if before == name[:start] else before + ELLIPSIS
            room = width - cell_width(lead)
            found.append(lead + (rest if cell_width(rest) <= room else _head(rest, max(0, room - 1)) + ELLIPSIS))
        if len(set(found)) == len(found) and not taken & set(found):
            return found
    return found


def _numbered(names: list[str], width: int, taken: set[str]) -> list[str]:
    """Return the beginning of each name followed by a number."""
    found: dict[str, None] = {}
    number = 0
    for name in names:
        while True:
            number += 1
            end = f"{ELLIPSIS}{number}"
            text = _head(name, max(0, width - len(end))) + end
            if text not in taken and text not in found:
                break
        found[text] = None
    return list(found)


def _head(text: str, width: int) -> str:
    """Return as much of the beginning as fits in `width` cells."""
    if text.isascii():
        return text[:width]
    kept, used = [], 0
    for part in iter_graphemes(text):
        used += cell_width(part)
        if used > width:
            break
        kept.append(part)
    return "".join(kept)


def _tail(text: str, width: int) -> str:
    """Return as much of the end as fits in `width` cells."""
    if text.isascii():
        return text[len(text) - width :] if width else ""
    kept, used = [], 0
    for part in reversed(list(iter_graphemes(text))):
        used += cell_width(part)
        if used > width:
            break
        kept.append(part)
    return "".join(reversed(kept))
