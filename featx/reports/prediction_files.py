"""Write the prediction for each held-out image as CSV or Parquet, and list the images that are most surely wrong."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..cache.files import replaced
from ..display.quantities import probability_text
from ..display.tables import CLASS_NAMES, FILE_NAMES, Part, Table
from ..exceptions import MissingDependencyError, ParameterError

if TYPE_CHECKING:
    from ..evaluation.prediction_table import PredictionTable

__all__ = ["check_prediction_file", "surely_wrong_parts", "write_predictions"]

SUFFIXES = (".csv", ".parquet")
# Wrong predictions that a command prints.
SHOWN = 5


def check_prediction_file(path: str | os.PathLike[str] | None) -> None:
    """Refuse a file of predictions of another format, or one whose format lacks its package.

    Raises
    ------
    ParameterError, MissingDependencyError
    """
    suffix = "" if path is None else Path(path).suffix.lower()
    if path is not None and suffix not in SUFFIXES:
        raise ParameterError(f"cannot tell the format of {path}", f"End it in {' or '.join(SUFFIXES)}.")
    if suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError("pyarrow", "a Parquet file of predictions", "parquet") from error


def write_predictions(columns: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write predictions, one a row.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Such as `PredictionTable.columns`.
    path : str or PathLike
        Ends in .csv or .parquet; replaced atomically. Numbers in CSV have all their digits.

    Raises
    ------
    ParameterError, MissingDependencyError
    OSError
        If it cannot be written.
    """
    check_prediction_file(path)
    values = {name: column.tolist() for name, column in columns.items()}
    with replaced(Path(path)) as temporary:
        if Path(path).suffix.lower() == ".csv":
            # As in lists of files, names keep bytes that are no characters.
            with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(values)
                writer.writerows(zip(*values.values(), strict=True))
        else:
            import pyarrow
            from pyarrow import parquet

            parquet.write_table(pyarrow.table(values), temporary)


def surely_wrong_parts(table: PredictionTable) -> list[Part]:
    """Return the wrong predictions that are surest, with their images; nothing where none is wrong."""
    wrong = table.surely_wrong(SHOWN)
    if not len(wrong.rows) or "probability" not in wrong:
        return []
    n_wrong = int((table.truth != table.answers).sum())
    columns = [wrong["path" if "path" in wrong else "row"], wrong["label"], wrong["predicted"], wrong["probability"]]
    rows = [
        [str(name), label, predicted, probability_text(share)]
        for name, label, predicted, share in zip(*columns, strict=True)
    ]
    return [
        Table(
            ["image", "label", "predicted", "probability"],
            rows,
            right=[3],
            title="most surely wrong" + (f", {len(rows):,} of {n_wrong:,}" if n_wrong > len(rows) else ""),
            names={0: FILE_NAMES, 1: CLASS_NAMES, 2: CLASS_NAMES},
            pool=table.classes,
        )
    ]
