"""Write HDF5 files atomically, with errors of the disk raised in place of crashing HDF5's library."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import CacheError
from .files import replaced

if TYPE_CHECKING:
    import h5py

__all__ = ["OVERHEAD", "GuardedFile", "atomic_hdf5", "check_suffix"]

# Suffixes of other formats, for which an HDF5 file of that name would be taken.
OTHER_SUFFIXES = (
    ".npy", ".npz", ".csv", ".tsv", ".txt", ".parquet", ".feather", ".json", ".pkl", ".pickle", ".joblib", ".mat",
    ".pt", ".pth", ".safetensors", ".skops", ".xlsx", ".zarr",
)  # fmt: skip
# The most bytes that a file of the cache needs besides its rows.
OVERHEAD = 16 << 10


class GuardedFile(io.FileIO):
    """A file that keeps its first write error for later, because HDF5 may end the process when a write fails."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        try:
            done = 0
            while self.failure is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            if self.failure is None:
                return super().truncate(size)
        except OSError as error:
            self.failure = error
        return size or 0

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self.failure is not None:
            raise self.failure


def check_suffix(target: Path) -> None:
    """Raise CacheError if the name of an HDF5 file has the suffix of another format."""
    if target.suffix.lower() in OTHER_SUFFIXES:
        raise CacheError(
            f"got {target} to write to, and the file is HDF5, not {target.suffix}",
            f"Name it {target.with_suffix('.h5')}; h5py.File({target.with_suffix('.h5').name!r})['embeddings'][:] is "
            "the array in it.",
        )


@contextlib.contextmanager
def atomic_hdf5(target: Path) -> Iterator[h5py.File]:
    """Write an HDF5 file under a temporary name and rename it when it is complete.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind, and a file at `target` is untouched.
    CacheError
        If its name has the suffix of another format.
    """
    check_suffix(target)
    import h5py  # not at the top: looking at a cache does without

    with replaced(target) as temporary, GuardedFile(temporary, "w+") as output:
        with h5py.File(output, "w") as file:
            yield file
        output.check()
        os.fsync(output.fileno())
