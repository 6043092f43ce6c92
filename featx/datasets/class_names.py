"""Class names: write them in one Unicode form (NFC), and find those that may be typos or missing labels."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from .coded_texts import CodedTexts

__all__ = ["check_class_names", "nearest_class", "normalise_classes", "plain_name"]

# What spreadsheets, databases, pandas, R and Python write for a missing value; compared without case and blanks.
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
# Variation selectors and fillers: they are invisible, and Unicode does not count them as format characters.
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def normalise_classes(labels: CodedTexts) -> CodedTexts:
    """Return the labels with every name in the composed Unicode form, NFC.

    Some systems write an accent as a separate character, so folders that look alike on the screen may have different
    names on the disk.

    Raises
    ------
    DatasetError
        If a name has no visible character.
    """
    names = labels.values.tolist()
    for number, name in enumerate(names):
        if not plain_name(name):
            n_images = int(np.count_nonzero(labels.codes == number))
            raise DatasetError(
                f"a class has the blank name {name!a}, of {count_text(n_images, 'image')}",
                "Name its folder, or fill in its label.",
            )
    forms = [unicodedata.normalize("NFC", name) for name in names]
    return labels if forms == names else labels.recoded(forms)


def plain_name(name: str) -> str:
    """Return a name without case, invisible characters, and the kind and number of its blanks.

    Characters of the same meaning, such as full-width letters and ligatures, become the same (NFKC).
    """
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", name))
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    # Case folding may leave characters that have a composed form.
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
    """Return the name in quotes, with escapes for characters that cannot be seen or look like others."""
    return "'" + "".join(c if c == " " or _is_plain(c) else ascii(c)[1:-1] for c in name) + "'"


def _is_plain(character: str) -> bool:
    # Combining marks on their own, and characters with another form for the same meaning, look like others.
    return unicodedata.category(character)[0] in "LNPS" and unicodedata.normalize("NFKC", character) == character


def nearest_class(name: str, known: Iterable[str]) -> str | None:
    """Return the known class that differs from a name only in what `plain_name` removes, or None."""
    plain = plain_name(name)
    return next((other for other in known if plain_name(other) == plain), None)
