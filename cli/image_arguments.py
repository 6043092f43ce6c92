"""The IMAGES arguments of commands: names, patterns that match files, and - for names on standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence

from ..exceptions import DatasetError, ParameterError, nearest_path

__all__ = ["STDIN", "named_images"]

STDIN = "-"
WRITE = "Write names of images to it: find photos/ -name '*.jpg' | featx ... -"


def named_images(arguments: Sequence[str]) -> list[str]:
    """Return the names that the arguments stand for, in their order.

    ``-`` stands for the names on standard input, one a line, or separated by NUL as ``find -print0`` writes them. A
    pattern that the shell did not expand stands for the files that it matches, unless a file has exactly that name.

    Raises
    ------
    ParameterError
        If standard input is named twice.
    DatasetError
        If no file matches a pattern, or standard input has no name or cannot be read.
    """
    if list(arguments).count(STDIN) > 1:
        raise ParameterError("got - twice; standard input is read once", "Leave out one of them.")
    names: list[str] = []
    for argument in arguments:
        if argument == STDIN:
            names += _from_stdin()
        elif glob.has_magic(argument) and "://" not in argument and not os.path.lexists(argument):
            names += _matching(argument)
        else:
            names.append(argument)
    return names


def _from_stdin() -> list[str]:
    if sys.stdin is None or sys.stdin.closed:  # by a service, or by `<&-`
        raise DatasetError("standard input is closed", WRITE)
    if sys.stdin.isatty():
        print("reading names of images from the terminal, one a line; Ctrl-D ends them", file=sys.stderr)
    try:
        content = sys.stdin.buffer.read()
    except OSError as error:  # of a file that is open for writing, among others
        raise DatasetError(f"standard input cannot be read: {error.strerror or error}", WRITE) from error
    ends = b"\0" if b"\0" in content else b"\n"
    lines = [line.removesuffix(b"\r") if ends == b"\n" else line for line in content.split(ends)]
    # File names are bytes that need not be text.
    names = [os.fsdecode(line) for line in lines if line.strip()]
    if not names:
        raise DatasetError("no name came from standard input", WRITE)
    return names


def _matching(pattern: str) -> list[str]:
    found = sorted(glob.glob(pattern, recursive=True))
    if "**" in pattern:  # which matches the folders as well as the files in them
        found = [name for name in found if not os.path.isdir(name)]
    if not found:
        folder = os.path.dirname(pattern[: min(pattern.find(sign) for sign in "*?[" if sign in pattern)])
        hint = nearest_path(folder) if folder and not os.path.isdir(folder) else ""
        raise DatasetError(f"no file matches {pattern}", hint or "Check the pattern, or name a folder.")
    return found
