"""Refuse outputs that would overwrite an input, another output or a file of a cache."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from ..exceptions import ParameterError

__all__ = ["check_export", "check_overwrites"]

# Options by the names that click gives them.
OUTPUTS = {
    "json_file": "--json",
    "failures": "--failures",
    "predictions": "--predictions",
    "report": "--report",
    "plot": "--plot",
    "plot_confusion": "--plot-confusion",
    "plot_images": "--plot-images",
    "plot_predictions": "--plot-predictions",
    "export_weights": "--export-weights",
    "checkpoint": "--checkpoint",
    "write_groups": "--write-groups",
}
INPUTS = {"test_data": "--test", "split_from": "--split-from", "weights": "--weights"}
HDF5 = b"\x89HDF\r\n\x1a\n"


def check_overwrites(
    output: str | os.PathLike[str] | None, options: Mapping[str, Any], inputs: Mapping[str, Iterable[Any]]
) -> None:
    """Refuse outputs that would overwrite an input of the same command, another output or a file of a cache.

    Links and other names of the same file are recognised. Devices and pipes hold nothing that could be lost.

    Parameters
    ----------
    output : str or PathLike, or None
        The value of -o.
    options : mapping of str -> object
        The values of the other options, by the names that click gives them.
    inputs : mapping of str -> iterable
        Other inputs, by their names in messages: names of files, or images in memory.

    Raises
    ------
    ParameterError
    """
    named = {"-o": output, **{option: options.get(name) for name, option in OUTPUTS.items()}}
    written: dict[tuple[int, int] | str, tuple[str, str]] = {}
    for option, path in named.items():
        if path is None or str(path) == "-" or (os.path.exists(path) and not os.path.isfile(path)):
            continue
        place = os.fspath(path)
        # A file that does not exist yet is identified by its future place.
        identity = _identity(place) or os.path.realpath(place)
        if identity in written:
            raise _refused(place, option, *written[identity])
        written[identity] = option, place
        _check_outside_caches(place, option)
    if all(isinstance(identity, str) for identity in written):
        return  # outputs that do not exist yet cannot be inputs, so no image needs to be looked at
    for what, values in {**{INPUTS[name]: _several(options.get(name)) for name in INPUTS}, **inputs}.items():
        for value in values:
            found = _identity(os.fspath(value)) if isinstance(value, str | os.PathLike) else None
            if found is not None and found in written:
                option, place = written[found]
                raise _refused(place, option, what, os.fspath(value))


def check_export(output: str | os.PathLike[str]) -> None:
    """Refuse to export embeddings over a file that is not HDF5: it may be one of the images.

    Raises
    ------
    ParameterError
    """
    place = os.fspath(output)
    _check_outside_caches(place, "-o")
    if os.path.isfile(place) and os.path.getsize(place):
        with open(place, "rb") as file:
            if file.read(len(HDF5)) != HDF5:
                raise ParameterError(
                    f"got {place} as -o, which exists and is not an HDF5 file",
                    "Choose another name, or remove it first.",
                )


def _identity(path: str) -> tuple[int, int] | None:
    """Return what identifies a file under all of its names; None if there is no file."""
    from ..images.urls import is_url, local_path

    try:
        found = os.stat((local_path(path) if is_url(path) else None) or path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _several(value: Any) -> Iterable[Any]:
    return () if value is None else [value] if isinstance(value, str | os.PathLike) else value


def _check_outside_caches(path: str, option: str) -> None:
    place = os.path.realpath(path)
    folder, name = os.path.split(place)
    if os.path.isfile(place) and (name == "digests.sqlite" or os.path.isfile(os.path.join(folder, "spec.json"))):
        raise ParameterError(f"got {path} as {option}, which is a file of a cache", "Choose another place for it.")


def _refused(path: str, option: str, what: str, other: str) -> ParameterError:
    same = "" if path == other else f" ({other} is the same file)"
    return ParameterError(f"got {path} both as {what} and as {option}{same}", f"Choose another file for {option}.")
