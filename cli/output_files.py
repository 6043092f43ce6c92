"""Output files of a command: refused before any work if they cannot be written, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .overwrites import check_overwrites

__all__ = ["check_output", "check_outputs", "write_output"]


def check_output(path: Path, *, in_place: bool = False) -> None:
    """Refuse a file that could not be written, before hours are spent on its contents.

    A file that is written in place, and not replaced atomically, may be a pipe.

    Raises
    ------
    ParameterError
    """
    from ..cache.files import written_path
    from ..exceptions import ParameterError

    try:
        folder = (path.absolute() if in_place else written_path(path)).parent
    except OSError as error:
        raise ParameterError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
    if not folder.is_dir():
        raise ParameterError(f"cannot write {path}: there is no folder {folder}", "Make it, or choose another place.")
    if not os.access(folder, os.W_OK):
        raise ParameterError(f"cannot write {path}: no permission in {folder}", "Choose another place.")


def check_outputs(output: Path | None, options: dict[str, Any], **inputs: Sequence[str]) -> None:
    """Refuse output files that could not be written or would replace another file of the command."""
    if output is not None:
        check_output(output)
    for path in (options["failures"], options.get("json_file")):
        if path not in (None, "-"):
            check_output(Path(path), in_place=True)
    if options.get("predictions"):
        from ..reports.prediction_files import check_prediction_file

        check_output(options["predictions"])
        check_prediction_file(options["predictions"])
    if options.get("report"):
        from ..html_report.page import check_report_file

        check_output(options["report"])
        check_report_file(options["report"])
    if options["failures"] and options["on_error"] == "raise":
        from ..display.notes import note_once

        note_once("--failures has no effect with --on-error raise: the first unreadable image ends the command")
    if options.get("json_predictions") and not options["json_file"]:
        from ..display.notes import note_once

        note_once("--json-predictions has no effect without --json")
    check_overwrites(output, options, inputs)


def write_output(path: Path, content: bytes) -> None:
    """Replace a file atomically: it has the new content, or is left as it was."""
    from ..cache.files import replaced
    from ..exceptions import FeatxError

    try:
        with replaced(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise FeatxError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
