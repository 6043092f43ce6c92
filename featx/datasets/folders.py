"""List the sub-folders and images of a folder, each folder once, and collect what is left out (hidden, other files)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from ..images.formats import EXTENSIONS, UNSUPPORTED
from ..images.path_list import PathList

__all__ = ["Folder", "Skipped"]

# Folders that systems add to those of the user. Synology's @eaDir holds thumbnails, which would count as images.
SYSTEM = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__"})

# Formats that may hold images. A file of one of them beside the images is not a missing image.
CONTAINERS = frozenset({"archive", "NumPy", "MATLAB", "HDF5", "pickle", "PyTorch", "TensorFlow records", "PDF", "icon"})


class Skipped:
    """The files that were left out of the folders that were searched."""

    def __init__(self) -> None:
        self.hidden: list[str] = []
        self.others: list[str] = []
        self.unsupported: dict[str, list[str]] = {}

    def add(self, folder: Folder) -> None:
        """Collect what a folder holds besides images and folders."""
        self.hidden += folder.hidden
        for path in folder.others:
            suffix = os.path.splitext(path)[1].lower()
            if suffix in UNSUPPORTED:
                self.unsupported.setdefault(suffix, []).append(path)
            else:
                self.others.append(path)

    def formats(self, *, containers: bool) -> list[str]:
        """Return the suffixes of formats that are not read, the most frequent first."""
        found = [suffix for suffix in self.unsupported if containers or UNSUPPORTED[suffix][0] not in CONTAINERS]
        return sorted(found, key=lambda suffix: (-len(self.unsupported[suffix]), suffix))

    def describe(self, suffixes: list[str]) -> str:
        """Return the number of files of each suffix, such as "12 .heic (HEIC), 1 .svg (SVG)"."""
        return ", ".join(f"{len(self.unsupported[s]):,} {s} ({UNSUPPORTED[s][0]})" for s in suffixes)

    def notes(self) -> list[str]:
        """Return a sentence for each kind of file that was left out."""
        notes = []
        if self.hidden:
            notes.append(f"{count_text(len(self.hidden), 'hidden entry')} left out: {few(sorted(self.hidden))}")
        images = self.formats(containers=False)
        if images:
            number = sum(len(self.unsupported[suffix]) for suffix in images)
            first = min(self.unsupported[images[0]])
            notes.append(
                f"{count_text(number, 'image')} in formats that are not read left out: {self.describe(images)}, "
                f"such as {first}. {_steps(images)}".rstrip(".")
            )
        others = self.others + [
            path for s in self.formats(containers=True) if s not in images for path in self.unsupported[s]
        ]
        if others:
            kind = "that is not an image" if len(others) == 1 else "that are not images"
            notes.append(f"{count_text(len(others), 'file')} {kind} left out: {few(sorted(others))}")
        return notes

    def refusal(self, root: str, notes: list[str]) -> DatasetError:
        """Return the error for a folder without readable images, with what was found there."""
        if suffixes := self.formats(containers=False) or self.formats(containers=True):
            return DatasetError(
                f"{root} holds no image in a format that is read, but {self.describe(suffixes)}", _steps(suffixes)
            )
        return DatasetError(
            f"{root} holds no image" + (f" ({'; '.join(notes)})" if notes else ""),
            f"Images end in {' '.join(sorted(EXTENSIONS))}.",
        )


class Folder:
    """A folder that is listed once, when its contents are first needed.

    Parameters
    ----------
    path : str
    name : str, default=""
    parent : Folder, default=None
        The folder that it was found in.

    Attributes
    ----------
    folders : list of Folder
        The sub-folders by name, linked ones too, without hidden ones.
    images : PathList
        The images in the folder itself, sorted.
    others, hidden : list of str
        Paths of other files, and of hidden entries.
    """

    def __init__(self, path: str, name: str = "", parent: Folder | None = None) -> None:
        self.path, self.name, self.parent = path, name, parent

    @cached_property
    def _listed(self) -> tuple[list[Folder], PathList, list[str], list[str]]:
        folders: list[Folder] = []
        images: list[str] = []  # names, which take less than paths
        others: list[str] = []
        hidden: list[str] = []
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    name = entry.name
                    path = name if self.path == "." else entry.path
                    if name.startswith(".") or name in SYSTEM:
                        hidden.append(path)
                    elif _is_folder(entry):
                        folders.append(Folder(path, name, self))
                    elif os.path.splitext(name)[1].lower() in EXTENSIONS:
                        images.append(name)
                    else:
                        others.append(path)
        except OSError as error:
            raise DatasetError(
                f"cannot look into the folder {self.path}: {error.strerror}", "Give yourself permission to read it."
            ) from error
        folders.sort(key=lambda folder: folder.name)
        start = "" if self.path == "." else os.path.join(self.path, "")
        return folders, PathList(start + name for name in sorted(images)), sorted(others), sorted(hidden)

    @property
    def folders(self) -> list[Folder]:
        return self._listed[0]

    @property
    def images(self) -> PathList:
        return self._listed[1]

    @property
    def others(self) -> list[str]:
        return self._listed[2]

    @property
    def hidden(self) -> list[str]:
        return self._listed[3]

    @cached_property
    def with_images(self) -> list[Folder]:
        """The sub-folders that hold an image at any depth."""
        return [folder for folder in self.folders if any(below.images for below in folder.walk())]

    @property
    def without_images(self) -> list[Folder]:
        """The sub-folders that hold no image."""
        with_images = set(self.with_images)
        return [folder for folder in self.folders if folder not in with_images]

    @cached_property
    def with_any_images(self) -> list[Folder]:
        """The sub-folders that hold an image at any depth, formats that are not read included."""
        return [folder for folder in self.folders if any(below._has_pictures for below in folder.walk())]

    @property
    def _has_pictures(self) -> bool:
        if self.images:
            return True
        skipped = Skipped()
        skipped.add(self)
        return bool(skipped.formats(containers=False))

    @property
    def only(self) -> Folder | None:
        """The one sub-folder with images, if no other has any, formats that are not read included."""
        return self.with_images[0] if len(self.with_images) == len(self.with_any_images) == 1 else None

    @cached_property
    def _identity(self) -> tuple[int, int]:
        status = os.stat(self.path)
        return status.st_dev, status.st_ino

    @cached_property
    def _above(self) -> frozenset[tuple[int, int]]:
        """The identities of the folders above."""
        if self.parent is not None:
            return self.parent._above | {self.parent._identity}
        return frozenset((s.st_dev, s.st_ino) for s in map(os.stat, Path(os.path.abspath(self.path)).parents))

    def walk(self) -> Iterator[Folder]:
        """Yield the folder and all below it, each once; links to folders are followed."""
        # A link back to a folder above would bring in the images of other classes.
        seen = set(self._above)
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            if folder._identity not in seen:
                seen.add(folder._identity)
                yield folder
                waiting += reversed(folder.folders)

    def below(self, skipped: Skipped) -> PathList:
        """Return the images at any depth, sorted, and add what is left out to `skipped`."""
        found: list[PathList] = []
        for folder in self.walk():
            skipped.add(folder)
            if folder.images:
                found.append(folder.images)
        found.sort(key=itemgetter(0))
        images = PathList.joined(found)
        # Between the images of a folder that holds folders, there may be images of these.
        return images if all(a[-1] < b[0] for a, b in pairwise(found)) else PathList(sorted(images))


def _steps(suffixes: list[str]) -> str:
    """Return what to do about formats that are not read, each named where there are several."""
    steps = dict(UNSUPPORTED[suffix] for suffix in suffixes)
    return (
        next(iter(steps.values())) if len(steps) == 1 else " ".join(f"{name}: {step}" for name, step in steps.items())
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
