"""Choose installed fonts that have the characters of a picture's names, and write other characters by their codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..display.names import few
from ..display.notes import note_once
from ..display.short_names import cell_width, class_labels

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

__all__ = ["drawable_labels"]

# matplotlib's own, whose glyphs are boxes that name a character's script.
PLACEHOLDERS = "Last Resort"
# The narrowest that names are shortened to.
LEAST_WIDTH = 6


def drawable_labels(names: Sequence[Any], width: int) -> tuple[list[str], list[str]]:
    r"""Return names of classes as a picture can show them, and the font families that have their characters.

    A character that no installed font has is written by its code, such as \u732b, which is logged: it would be drawn
    as an empty box.

    Parameters
    ----------
    names : sequence
    width : int
        Most cells of a name, as for `class_labels`; a name of codes may take more, up to six characters of them.

    Returns
    -------
    labels : list of str
        On one line each, and different for different names.
    families : list of str
        For `fontfamily` of a text. Empty if the usual font has all characters.
    """
    labels = class_labels(names, width)
    needed = {character for label in labels for character in label}
    if all(character.isascii() for character in needed):
        return labels, []
    families, missing = _families(needed)
    if missing:
        shown = [f"{character} as {_code(character)}" for character in sorted(missing)]
        note_once(
            f"no installed font has some characters of the names, which the picture writes by their codes: "
            f"{few(shown)}. Install a font that has them, such as Noto Sans"
        )
        coded = [place for place, name in enumerate(names) if missing & set(str(name))]
        for place, label in zip(coded, _coded([names[place] for place in coded], missing, width), strict=True):
            labels[place] = label
    return labels, families


def _coded(names: Sequence[Any], missing: set[str], width: int) -> list[str]:
    """Return names with the codes of missing characters, shortened until they fit; no code is cut."""
    for room in range(width, LEAST_WIDTH - 1, -1):
        labels = ["".join(_code(c) if c in missing else c for c in text) for text in class_labels(names, room)]
        if all(cell_width(label) <= width for label in labels):
            break
    return labels


def _families(needed: Iterable[str]) -> tuple[list[str], set[str]]:
    """Return the usual family and as many others as it takes to draw the characters, and those that none draws."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    usual = get_font(findfont(FontProperties()))
    missing = {character for character in needed if not _draws(usual, character)}
    if not missing:
        return [], missing
    families = [usual.family_name]
    regular = {entry.fname: entry for entry in fontManager.ttflist if entry.style == "normal"}
    for entry in sorted(regular.values(), key=lambda e: (str(e.weight) not in ("400", "normal"), e.name, e.fname)):
        if not missing:
            break
        if entry.name.startswith(PLACEHOLDERS) or entry.name in families:
            continue
        try:
            font = get_font(entry.fname)
        except (OSError, RuntimeError):  # removed since matplotlib listed it, or damaged
            continue
        if found := {character for character in missing if _draws(font, character)}:
            families.append(entry.name)
            missing -= found
    return families if len(families) > 1 else [], missing


def _draws(font: FT2Font, character: str) -> bool:
    if ord(character) not in font.get_charmap():
        return False
    try:
        font.set_size(10, 100)
        font.load_char(ord(character))
    except RuntimeError:  # a font of bitmaps, such as one of coloured emoji
        return False
    return True


def _code(character: str) -> str:
    return ascii(character)[1:-1]
