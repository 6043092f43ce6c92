"""Resolve the image paths of a manifest to files that can be opened, and say what was changed to find them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ..display.names import few, quoted
from ..exceptions import DatasetError
from ..images.formats import EXTENSIONS
from ..images.path_list import PathList
from ..images.urls import is_url
from .columns import Table

__all__ = ["locate_images"]

DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\\w")


def locate_images(table: Table, names: Sequence[str], folder: str, notes: list[str]) -> PathList:
    """Return the paths and URLs of images.

    Relative paths start at the manifest's folder. If neither the first nor the last image is there, they start at the
    one other place that has both: the current folder or a sub-folder of the manifest's, perhaps with a suffix added.

    Parameters
    ----------
    table : Table
        The manifest, for messages.
    names : sequence of str
    folder : str
        The manifest's folder.
    notes : list of str
        Notes on what was changed are added to it.

    Raises
    ------
    DatasetError
        If a path has a drive of Windows, or several places have the images.
    """
    slashed = _with_slashes(table, names, folder, notes)
    local = [name for name in slashed if not is_url(name) and not os.path.isabs(name)]
    base, suffix = _base(table, local, folder, notes) if local else (folder, "")
    # Joining leaves absolute paths as they are.
    return PathList(name if is_url(name) else os.path.join(base, name + suffix) for name in slashed)


def _with_slashes(table: Table, names: Sequence[str], folder: str, notes: list[str]) -> Sequence[str]:
    """Return the names with the separators of Windows and ~ replaced, unless a file has that very name."""
    unusual = [row for row, name in enumerate(names) if ("\\" in name or name[:1] == "~" or name[1:2] == ":")]
    if not unusual or os.name == "nt":
        return names
    changed, found = 0, list(names)
    for row in unusual:
        name = names[row]
        if is_url(name) or os.path.lexists(os.path.join(folder, name)):
            continue
        if DRIVE.match(name):
            raise DatasetError(
                f"{table.path} has {name} in {table.where(row)}, a path of Windows",
                "Write paths that start at the manifest's folder, "
                f"{'the current one' if folder == '.' else quoted(folder)}.",
            )
        found[row] = os.path.expanduser(name.replace("\\", "/"))
        changed += "\\" in name
    if changed:
        notes.append(f"{table.path}: \\ in paths, such as {names[unusual[0]]}, is taken as /")
    return found


def _base(table: Table, names: Sequence[str], folder: str, notes: list[str]) -> tuple[str, str]:
    """Return the folder that relative paths start at, and the suffix that they lack."""
    if any(os.path.lexists(os.path.join(folder, name)) for name in (names[0], names[-1])):
        return folder, ""
    suffixes = [""] if os.path.splitext(names[0])[1].lower() in EXTENSIONS else ["", *_suffixes()]
    places = [folder, ".", *_sub_folders(folder)]
    # The current folder may be one of the others, and a system may take .png and .PNG for one suffix.
    found = {
        (os.path.abspath(place), suffix.lower()): (place, suffix)
        for place in reversed(places)
        for suffix in suffixes
        if all(os.path.lexists(os.path.join(place, name + suffix)) for name in (names[0], names[-1]))
    }
    if not found:
        return folder, ""
    (place, suffix), *others = found.values()
    if others:
        shown = [os.path.join(place, names[0] + suffix) for place, suffix in sorted(found.values())]
        raise DatasetError(f"{table.path} names {names[0]}, which may be {few(shown)}", "Write the whole path.")
    lacking = f" and end in {suffix}" if suffix else ""
    start = "the current folder" if place == "." else quoted(place)
    notes.append(f"{table.path}: paths start at {start}{lacking}: {os.path.join(place, names[0] + suffix)}")
    return place, suffix


def _suffixes() -> list[str]:
    return sorted(EXTENSIONS | {suffix.upper() for suffix in EXTENSIONS})


def _sub_folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []
