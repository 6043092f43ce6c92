"""Store the outputs of a network for fixed images next to its rows, so that another process can compare its own.

The file is written before the first row, and the first one stays: every process that puts rows compares its network
with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os

import numpy as np

from .files import committed
from .folder import SpecFolder
from .segment import SegmentDamagedError

__all__ = ["ReferenceOutputs", "outputs_agree"]

# The name on disk is that of earlier versions.
NAME = "answers.npy"
# How far outputs may be apart, relative to the largest value: processors and numbers of threads differ by less.
TOLERANCE = 1e-3


class ReferenceOutputs:
    """The reference outputs that belong to the rows of one spec.

    Parameters
    ----------
    folder : SpecFolder
    """

    def __init__(self, folder: SpecFolder) -> None:
        self.folder = folder
        self.path = folder.path / NAME

    def has_rows(self) -> bool:
        """Tell whether there are rows that depend on the outputs."""
        return any(segment.n_rows for segment in self.folder.segments())

    def load(self) -> np.ndarray | None:
        """Return the outputs, or None where there are none or they are damaged."""
        with contextlib.suppress(OSError, ValueError, EOFError):
            content = self.path.read_bytes()
            if hashlib.sha256(content[32:]).digest() == content[:32]:
                outputs: np.ndarray = np.load(io.BytesIO(content[32:]), allow_pickle=False)
                return outputs
        return None

    def keep(self, outputs: np.ndarray) -> np.ndarray:
        """Keep the outputs unless there are some already, and return those that are there."""
        buffer = io.BytesIO()
        np.save(buffer, outputs, allow_pickle=False)
        content = buffer.getvalue()
        # An error of writing is raised when the rows are put.
        with contextlib.suppress(OSError):
            if self.load() is not None:
                return self._first(outputs)
            self.folder.path.mkdir(parents=True, exist_ok=True)
            # A file that is there already could not be loaded: it is damaged, and replaced.
            with committed(self.path, keep_first=not self.path.exists()) as temporary, open(temporary, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
                file.flush()
                os.fsync(file.fileno())
        return self._first(outputs)

    def _first(self, outputs: np.ndarray) -> np.ndarray:
        known = self.load()
        return outputs if known is None else known

    def refusal(self, given: np.ndarray | None, *, lost: bool = False) -> str:
        """Keep the outputs that come with rows of another cache; return why its rows must be left out, or "".

        Parameters
        ----------
        given : ndarray or None
            None where the network was given by name, whose rows need none.
        lost : bool, default=False
            There were some, which cannot be read.
        """
        known = self.load()
        if given is None:
            if known is None and not lost:
                return ""
            return "the outputs of its network for two fixed images, by which it is recognised, are lost"
        if known is None and self.has_rows():
            return "the rows here have no outputs to compare its network by"
        with contextlib.suppress(OSError):
            known = self.keep(given)
        return "" if outputs_agree(known if known is not None else given, given) else "its rows are another network's"

    def set_rows_aside(self, reason: str) -> None:
        """Rename the segments, as is done with damaged ones, so that their rows are computed again."""
        for segment in self.folder.segments():
            self.folder.set_aside(SegmentDamagedError(segment.path, reason))


def outputs_agree(kept: np.ndarray, given: np.ndarray) -> bool:
    """Tell whether two outputs can be those of one network."""
    if kept.shape != given.shape or not np.array_equal(np.isfinite(kept), np.isfinite(given)):
        return False
    finite = np.isfinite(kept)
    if not finite.any():
        return True
    difference = np.abs(kept[finite].astype(np.float64) - given[finite])
    return bool(difference.max() <= TOLERANCE * np.abs(kept[finite]).max())
