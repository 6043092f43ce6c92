"""Folders, or lists of images, go in; the shell command that makes a table of them comes out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ..display.names import quoted
from .folders import Folder

__all__ = ["list_command", "manifest_command"]


def manifest_command(top: Folder, columns: str, rows: Sequence[tuple[Folder, int, str]]) -> str:
    """Return the command that writes a manifest of folders, and where to, ready for a sentence.

    Parameters
    ----------
    top : Folder
        Where the manifest is written, as classes.tsv.
    columns : str
        Their names, divided by blanks.
    rows : sequence of (Folder, int, str)
        `top` or folders below it; how many names there are at least from there to an image; and the columns of these
        images as awk writes them: ``$2`` is the name of the folder in `top`, ``$3`` that of the one in it.
    """
    table = os.path.join(top.path, "classes.tsv")
    # Separated by tabs, the names of files may hold commas.
    finds = [
        f"find -L {quoted(_below(top, folder))} -mindepth {depth} -type f ! -path '*/.*' \\( {_suffixes(folder)} \\) "
        f"| sort | awk -F/ -v OFS='\\t' '{{print $0, {fields}}}'"
        for folder, depth, fields in rows
    ]
    header = "\\t".join(columns.split())
    commands = "; ".join([f"cd {quoted(top.path)}", f"printf '{header}\\n'", *finds])
    return f"`({commands}) > {quoted(table)}`, and pass {quoted(table)}"


def list_command(parts: Sequence[tuple[str, str]]) -> str:
    """Return the command that joins lists of images, each of one part, in one table split.tsv.

    Parameters
    ----------
    parts : sequence of (str, str)
        The path of each list, and its part.
    """
    pieces = [
        # Files of Windows end their lines in \r\n, and a last line may end in nothing.
        f'awk \'{{sub(/\\r$/, "")}} NF {{print $0 "\\t{part}"}}\' {quoted(path)}'
        for path, part in parts
    ]
    commands = "; ".join(["printf 'path\\tsplit\\n'", *pieces])
    return f"`({commands}) > split.tsv`"


def _below(top: Folder, folder: Folder) -> str:
    return "." if folder is top else os.path.join(".", os.path.relpath(folder.path, top.path))


def _suffixes(folder: Folder) -> str:
    suffixes = {os.path.splitext(path)[1].lower() for place in folder.walk() for path in place.images}
    return " -o ".join(f"-iname {shlex.quote('*' + suffix)}" for suffix in sorted(suffixes))
