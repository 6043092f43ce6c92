"""Shell commands that write a manifest of folders, or join lists of images; error messages print them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ..display.names import quoted
from .folders import Folder

__all__ = ["list_command", "manifest_command"]


def manifest_command(top: Folder, columns: str, rows: Sequence[tuple[Folder, int, str]]) -> str:
    """Return the command that writes a manifest of folders, and the name of that manifest, to put in a sentence.

    Parameters
    ----------
    top : Folder
        The folder that the manifest is written to, as classes.tsv.
    columns : str
        The names of its columns, separated by blanks.
    rows : sequence of (Folder, int, str)
        `top` or a folder below it; the least depth of an image below that; and the columns of its images as awk writes
        them: ``$2`` is the name of the folder in `top`, ``$3`` of the one inside that.
    """
    table = os.path.join(top.path, "classes.tsv")
    # Tabs, because the names of files may hold commas.
    finds = [
        f"find -L {quoted(_below(top, folder))} -mindepth {depth} -type f ! -path '*/.*' \\( {_suffixes(folder)} \\) "
        f"| sort | awk -F/ -v OFS='\\t' '{{print $0, {fields}}}'"
        for folder, depth, fields in rows
    ]
    header = "\\t".join(columns.split())
    commands = "; ".join([f"cd {quoted(top.path)}", f"printf '{header}\\n'", *finds])
    return f"`({commands}) > {quoted(table)}`, and pass {quoted(table)}"


def list_command(parts: Sequence[tuple[str, str]]) -> str:
    """Return the command that joins lists of images, each of one part of a split, into one table split.tsv.

    Parameters
    ----------
    parts : sequence of (str, str)
        The path of each list, and its part.
    """
    pieces = [
        # Lines of files from Windows end in \r\n, and a last line may have no end.
        f'awk \'{{sub(/\\r$/, "")}} NF {{print $0 "\\t{part}"}}\' {quoted(path)}'
        for path, part in parts
    ]
    commands = "; ".join(["printf 'path\\tsplit\\n'", *pieces])
    return f"`({commands}) > split.tsv`"


def _below(top: Folder, folder: Folder) -> str:
    return "." if folder is top else os.path.join(".", os.path.relpath(folder.path, top.path))


def _suffixes(folder: Folder) -> str:
    suffixes = {os.path.splitext(path)[1].lower() for below in folder.walk() for path in below.images}
    return " -o ".join(f"-iname {shlex.quote('*' + suffix)}" for suffix in sorted(suffixes))
