"""Adopt segments that were written in other folders: all bytes are checked, and rows that are here are left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..exceptions import CacheError
from .files import sync_folder, temporary_name
from .folder import SpecFolder
from .segment import SUFFIX, Segment, SegmentDamagedError, write_segment

__all__ = ["adopt_segment"]

BLOCK_BYTES = 1 << 20
NEXT = "Bring it here again, or run `featx cache verify` where it is."


def adopt_segment(folder: SpecFolder, name: str, content: bytes | Path | Callable[[BinaryIO], object]) -> int:
    """Commit the rows of a segment that are not in the folder yet, and return their number.

    Parameters
    ----------
    folder : SpecFolder
    name : str
        The file's name, which is random: where a file of that name is here, it is this segment, and nothing is done.
    content : bytes, Path or callable
        The segment, where it is, or what writes it to the open file that it is given.

    Raises
    ------
    CacheError
        If it cannot be read, does not match its checksums, or its rows have another width or dtype than those that are
        here.
    """
    target = folder.path / name
    if target.exists():
        return 0
    folder.prepare()
    temporary = target.with_name(temporary_name(SUFFIX))
    try:
        with open(temporary, "wb") as file:
            if callable(content):
                content(file)
            else:
                for block in _blocks(content):
                    file.write(block)
            file.flush()
            os.fsync(file.fileno())
        try:
            segment = Segment(temporary, folder.spec)
            segment.verify()
        except SegmentDamagedError as damage:
            how = "cannot be used" if damage.later else "is damaged"
            step = "" if damage.later else NEXT
            raise CacheError(f"{name} for {folder.path} {how}: {damage.reason}", step) from None
        here = [s for s in folder.segments() if s.n_rows]
        if here and (segment.width, segment.dtype) != (here[0].width, here[0].dtype):
            own = f"{folder.path} has rows of {here[0].width} {here[0].dtype}"
            raise CacheError(
                f"{own}, and {name} of {segment.width} {segment.dtype}", "Verify both with `featx cache verify`."
            )
        new = ~folder.contains(segment.digests)
        if new.all():
            os.replace(temporary, target)
            sync_folder(folder.path)
        elif new.any():
            rows = np.flatnonzero(new)
            write_segment(folder.path, folder.spec, len(rows), iter([segment.digests[new]]), segment.blocks(rows))
    finally:
        temporary.unlink(missing_ok=True)
    folder.merge_small()
    return int(np.count_nonzero(new))


def _blocks(content: bytes | Path) -> Iterator[bytes]:
    """Yield the bytes of a segment; an error of reading is not one of the cache that they are written to."""
    if isinstance(content, bytes):
        yield content
        return
    try:
        with open(content, "rb") as source:
            while block := source.read(BLOCK_BYTES):
                yield block
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CacheError(f"it cannot be read: {error.strerror or error}", NEXT) from error
