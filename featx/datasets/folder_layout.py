"""Find out which folders are classes and which are parts of a split (train, val, test), or refuse to guess."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from ..display.names import few, quoted
from ..display.quantities import count_text
from ..exceptions import DatasetError
from .ambiguous_folders import fit_command, is_generic, refuse_ambiguous
from .folders import Folder
from .manifest_commands import manifest_command
from .repeated_subfolders import refuse_repeated
from .split_names import PARTS, part_of, parts_of

__all__ = ["ClassFolder", "Layout", "find_layout"]


@dataclass
class ClassFolder:
    """A folder whose images, at any depth, are of one class and of one part of a split, if there is one."""

    folder: Folder
    label: str | None
    part: str | None = None


@dataclass
class Layout:
    """Where the images are.

    Attributes
    ----------
    classes : list of ClassFolder
        In the order in which their images are listed.
    outer : list of Folder
        The folders above them; images in these folders themselves are outside the class folders.
    notes : list of str
    problem : DatasetError or None
        Why the labels cannot be used, where only the parts are known.
    """

    classes: list[ClassFolder]
    outer: list[Folder]
    notes: list[str] = field(default_factory=list)
    problem: DatasetError | None = None


def find_layout(top: Folder) -> Layout | None:
    """Return where the classes and parts are, or None where there are no class folders.

    Raises
    ------
    DatasetError
        If it cannot be told which folders are classes.
    """
    outer, parent = [top], top
    inner = _inner(parent)
    while inner is not None and not inner.images:
        outer.append(inner)
        parent, inner = inner, _inner(inner)
    if inner is not None:
        # One folder at the end of the chain holds the images: it is a class, unless its name is generic.
        if parent.only is None or any(is_generic(folder.name) for folder in [*outer[1:], inner]):
            return None
        return Layout([ClassFolder(top.with_images[0], top.with_images[0].name)], [top])
    if not parent.with_images:
        return None
    layout = _several(parent) if len(parent.with_any_images) > 1 else _all_classes(parent)
    layout.outer = outer + layout.outer
    if len(outer) > 1:
        formats = "" if all(folder.only for folder in outer[:-1]) else " in formats that are read"
        layout.notes.insert(0, f"{parent.path} is read, the only folder with images{formats} in {top.path}")
    return layout


def _inner(parent: Folder) -> Folder | None:
    """Return the one sub-folder that may hold the class folders, or None.

    It is the only one with images; or the others hold formats that are not read, and all of their names are generic:
    parts of a split, or kinds of files.
    """
    if parent.only is not None or len(parent.with_images) != 1:
        return parent.only
    (found,), parts = parent.with_images, parts_of([folder.name for folder in parent.with_any_images])
    if any(folder.name not in parts and not is_generic(folder.name) for folder in parent.with_any_images):
        return None
    train = next((folder for folder in parent.with_any_images if parts.get(folder.name) == "training"), None)
    if train is not None and parts.get(found.name, "training") != "training":
        raise DatasetError(
            f"{train.path} holds images in formats that are not read, and {found.path} others",
            f"Convert those to train on; or pass the others alone: `featx fit {quoted(found.path)} -o model.skops`.",
        )
    return found


def _several(parent: Folder) -> Layout:
    """Return the layout of a folder with several sub-folders of images, perhaps in formats that are not read."""
    parts = parts_of([folder.name for folder in parent.with_images])
    if len(parent.with_images) > 1 and len(parts) == len(parent.with_images):
        return _parts_layout(parent, {folder.name: folder for folder in parent.with_images}, parts)
    refuse_ambiguous(parent, parts_of([folder.name for folder in parent.with_any_images]))
    layout = _classes_with_parts(parent)
    if layout is None:
        refuse_repeated(parent)
    return layout or _all_classes(parent)


def _all_classes(parent: Folder) -> Layout:
    notes = []
    deep = [folder for folder in parent.with_images if not folder.images and len(folder.with_images) > 1]
    if deep:
        notes.append(
            f"{_classes_are(len(parent.with_images))} of {parent.path}; {deep[0].name} holds "
            f"{few([folder.name for folder in deep[0].with_images])}, whose images are all of class {deep[0].name}"
        )
    return Layout([ClassFolder(folder, folder.name) for folder in parent.with_images], [], notes)


def _classes_are(number: int) -> str:
    return "the only class is the one folder" if number == 1 else f"the classes are the {count_text(number, 'folder')}"


def _parts_layout(parent: Folder, folders: dict[str, Folder], parts: dict[str, str]) -> Layout:
    """Return the layout of folders that are all parts of a split, each with class folders inside."""
    levels = {name: _class_level(folder) for name, folder in folders.items()}
    # Where a part has a single folder, it is a class if another part has a class of that name.
    several = {
        inner.name for chain in levels.values() if len(chain[-1].with_images) > 1 for inner in chain[-1].with_images
    }
    for name, chain in levels.items():
        for depth, folder in enumerate(chain):
            if {inner.name for inner in folder.with_images} & several:
                levels[name] = chain[: depth + 1]
                break
    flat = [name for name, chain in levels.items() if not _has_classes(chain[-1], several)]
    by_part: dict[str, str] = {}
    for name, part in parts.items():
        if part in by_part:
            raise DatasetError(
                f"{parent.path} holds {by_part[part]} and {name}, which both mean the {part} part",
                _keep_one([folder for folder in folders.values() if folder.name not in flat], parts),
            )
        by_part[part] = name
    if not flat:
        refuse_repeated(parent, {part: levels[by_part[part]] for part in PARTS if part in by_part})
    ordered = {part: folders[by_part[part]] for part in PARTS if part in by_part}
    notes = [
        f"{parent.path} comes with a split: " + ", ".join(f"{folder.name} ({part})" for part, folder in ordered.items())
    ]
    found: list[ClassFolder] = []
    outer: list[Folder] = []
    for part, folder in ordered.items():
        if folder.name in flat:
            found.append(ClassFolder(folder, None, part))
        else:
            found += [ClassFolder(inner, inner.name, part) for inner in levels[folder.name][-1].with_images]
            outer += levels[folder.name]
    problem = _without_classes(ordered, flat, parts) if flat else _no_common_class(found, ordered)
    return Layout(found, outer, notes, problem)


def _keep_one(usable: list[Folder], parts: dict[str, str]) -> str:
    """Return what to do about two folders of one part: a command where one of them is to train on."""
    train = [folder for folder in usable if parts[folder.name] == "training"]
    others = [folder for folder in usable if parts[folder.name] != "training"]
    step = "Keep one of them in this folder"
    return f"{step}, or pass them yourself: {fit_command(train[0], others, parts)}." if train else f"{step}."


def _without_classes(ordered: dict[str, Folder], flat: list[str], parts: dict[str, str]) -> DatasetError:
    without = [folder.path for folder in ordered.values() if folder.name in flat]
    known = [folder for folder in ordered.values() if folder.name not in flat]
    message = f"{' and '.join(without)} {'holds' if len(flat) == 1 else 'hold'} images without class folders"
    if not known:
        return DatasetError(
            message, "Make a folder for each class in each part, or pass a manifest with the columns path and label."
        )
    return DatasetError(
        f"{message}, {' and '.join(folder.path for folder in known)} with them",
        f"Pass those with classes, {fit_command(known[0], known[1:], parts)}; "
        f"`featx predict model.skops {quoted(without[0])}` names the classes of the others.",
    )


def _class_level(part: Folder) -> list[Folder]:
    """Return the folder of a part and those below it, one in the other, down to the one that holds the classes."""
    chain = [part]
    while (inner := _inner(chain[-1])) is not None and not inner.images:
        chain.append(inner)
    return chain


def _has_classes(level: Folder, known: set[str]) -> bool:
    return any(f.name in known or not (is_generic(f.name) or f.name == level.name) for f in level.with_images)


def _no_common_class(found: list[ClassFolder], ordered: dict[str, Folder]) -> DatasetError | None:
    """Return the error for the first part that has no class in common with the first one, or None."""
    # Names that were written on a Mac are in another Unicode form.
    classes = {
        part: {unicodedata.normalize("NFC", entry.label or "") for entry in found if entry.part == part}
        for part in ordered
    }
    first, there = next(iter(ordered.items()))
    for part, folder in ordered.items():
        if not classes[part] & classes[first]:
            return DatasetError(
                f"{folder.path} has the classes {few(sorted(classes[part]))}, {there.path} others: "
                f"{few(sorted(classes[first]))}",
                f"Name the same folders in both, or pass one alone: `featx fit {quoted(there.path)} -o model.skops`.",
            )
    return None


def _classes_with_parts(parent: Folder) -> Layout | None:
    """Return the layout of class folders with the parts inside (`cat/train`, `cat/test`), or None."""
    inner = {folder.name: parts_of([f.name for f in folder.with_images]) for folder in parent.with_images}
    if all(len(set(parts.values())) < 2 for parts in inner.values()):
        return None
    whole = all(len(inner[f.name]) == len(f.with_images) and not f.images for f in parent.with_images)
    flat = not any(part.with_images for folder in parent.with_images for part in folder.with_images)
    if whole and flat:
        found = [
            ClassFolder(part, folder.name, inner[folder.name][part.name])
            for wanted in PARTS
            for folder in parent.with_images
            for part in folder.with_images
            if inner[folder.name][part.name] == wanted
        ]
        return Layout(found, list(parent.with_images), [f"{parent.path} comes with a split inside its class folders"])
    some = next(folder for folder in parent.with_images if len(set(inner[folder.name].values())) > 1)
    holds = f"{some.path} holds parts of a split ({few([f.name for f in some.with_images])})"
    alone = f"Pass {some.path} alone, if it is one of several data sets"
    others = [
        f.path for f in parent.with_images if f.images or not inner[f.name] or len(inner[f.name]) < len(f.with_images)
    ]
    if others:
        same = f"make such folders in {others[0]}"
        raise DatasetError(
            f"{holds}, but {few(others)} {'has' if len(others) == 1 else 'have'} images outside such folders",
            # Without class folders inside, that folder is not a data set.
            f"{alone}; else {same}." if any(part.with_images for part in some.with_images) else f"M{same[1:]}.",
        )
    manifest = "make a manifest with the columns path, label and split"
    pieces = [part for folder in parent.with_images for part in folder.with_images]
    if all(
        part_of(part.name) and not part.images and not any(is_generic(f.name) for f in part.with_images)
        for part in pieces
    ):
        # The classes are inside the parts: ./cam1/train/cat/1.png, cut at each /.
        manifest = f"make one of all: {manifest_command(parent, 'path label split', [(parent, 4, '$4, $3')])}"
    raise DatasetError(f"{holds}, but they do not make one split of {parent.path}", f"{alone}; or {manifest}.")
