"""Class labels go in; the same names in one Unicode form, and remarks on doubtful ones, come out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError

__all__ = ["check_class_names", "nearest_class", "normalise_classes", "plain_name"]

# What spreadsheets, databases, pandas, R and Python write where there is no value; compared without case and blanks.
MISSING = frozenset(
    [
        "nan",
        "-nan",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#na",
        "<na>",
        "#n/an/a",
        "nat",
        "none",
        "null",
        "nil",
        "\\n",
        "?",
        "1.#ind",
        "-1.#ind",
        "1.#qnan",
        "-1.#qnan",
        "#null!",
        "#ref!",
        "#value!",
        "#div/0!",
        "#name?",
        "#num!",
    ]
)
# Characters that join words as a blank does; at the ends they are part of the name, as in -1.
JOINERS = re.compile(r"(?<=\w)[-_\u2010-\u2015]+(?=\w)")
# Variation selectors and fillers, which show nothing and are no format characters.
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def normalise_classes(labels: np.ndarray) -> np.ndarray:
    """Return the labels with every name in the composed Unicode form, NFC.

    Some systems write an accent as a character of its own, so that folders with the same name on the screen have
    different ones on the disk.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        What is no text is left as it is.

    Raises
    ------
    DatasetError
        If a name holds nothing that can be seen.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "UO" or not labels.size:
        return labels
    names = labels.tolist()
    forms = {name: unicodedata.normalize("NFC", name) for name in set(names) if isinstance(name, str)}
    for name in sorted(forms):
        if not plain_name(name):
            raise DatasetError(
                f"a class has the blank name {name!a}, of {count_text(names.count(name), 'image')}",
                "Name its folder, or fill in its label.",
            )
    if all(name == form for name, form in forms.items()):
        return labels
    return np.array([forms.get(name, name) for name in names], dtype=None if labels.dtype.kind == "U" else object)


def plain_name(name: str) -> str:
    """Return what is left of a name without case, invisible characters, and the kind and number of its blanks.

    Characters of the same meaning, such as full-width letters and ligatures, are one (NFKC).
    """
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", name))
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    # Case folding may leave characters that have a composed form again.
    return unicodedata.normalize("NFKC", " ".join(JOINERS.sub(" ", text).split()).casefold())


def check_class_names(labels: np.ndarray) -> list[str]:
    """Return remarks on classes that may be one class, and on classes that may be missing labels.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    """
    counts = Counter(str(label) for label in np.asarray(labels).tolist())
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts):
        alike[plain_name(name)].append(name)
    same = [names for names in alike.values() if len(names) > 1]
    notes = []
    if same:
        texts = [
            " and ".join(f"{_shown(name)} ({count_text(counts[name], 'image')})" for name in names) for names in same
        ]
        notes.append(
            "classes whose names differ only by case, blanks, hyphens, invisible characters or forms of one character: "
            f"{few(texts, between='; ')}; if they are one class, give it one name"
        )
    for name in sorted(counts):
        if "".join(name.split()).casefold() in MISSING:
            notes.append(
                f"class {name!r} ({count_text(counts[name], 'image')}): are these missing labels? If so remove these "
                "images, else rename the class"
            )
    return notes


def _shown(name: str) -> str:
    """Return the name in quotes, with escapes for whatever does not look like itself."""
    return "'" + "".join(c if c == " " or _is_plain(c) else ascii(c)[1:-1] for c in name) + "'"


def _is_plain(character: str) -> bool:
    # Marks of their own and characters with another form for the same meaning are taken for others.
    return unicodedata.category(character)[0] in "LNPS" and unicodedata.normalize("NFKC", character) == character


def nearest_class(name: str, known: Iterable[str]) -> str | None:
    """Return the known class that differs from a name only in what `plain_name` takes away."""
    plain = plain_name(name)
    return next((other for other in known if plain_name(other) == plain), None)
