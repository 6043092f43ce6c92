"""Check that heads can be saved in a model file, on made-up rows, before images are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..exceptions import ModelFileError, ParameterError
from ..heads.head_labels import head_label, is_named
from ..heads.head_names import head_grids
from ..heads.tuned_head import TunedHead

__all__ = ["check_savable"]

# Of each of two classes; enough for the folds of the tuning.
ROWS, WIDTH = 60, 100


def check_savable(heads: Sequence[Any], grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None) -> None:
    """Raise what saving a model with one of these heads would raise; named heads can be saved.

    Parameters
    ----------
    heads : sequence of str or classifier
    grids : mapping of head to (mapping of parameter to values), default=None
        Of each, the first values are tried.

    Raises
    ------
    ParameterError
        If a head fails, or a model file cannot hold it.
    """
    own = [(head, grid) for head, grid in zip(heads, head_grids(heads, grids), strict=True) if not is_named(head)]
    if not own:
        return
    from ..model_files.loadable import dump_loadable, types_to_trust  # not at the top: it loads torch

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2 * ROWS, WIDTH)).astype(np.float32), np.repeat(["one", "two"], ROWS)
    X[ROWS:] += 0.5
    for head, grid in own:
        first = {name: [next(iter(values))] for name, values in (grid or {}).items()}
        TunedHead(head, grid=first or None).spec(2)
        try:
            fitted = TunedHead(head, grid=first or None).fit(X, y).head_
        except ParameterError:
            continue  # made-up rows may be too few for it: saving shows
        try:
            dump_loadable(fitted, "", trusted=types_to_trust(fitted))
        except ModelFileError as error:
            raise ParameterError(
                f"the head {head_label(head)} cannot be saved: {error.message}", error.next_step
            ) from error
