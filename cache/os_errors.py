"""Turn errors of the operating system, such as a full disk, into a CacheError with a next step."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from ..exceptions import CacheError

__all__ = ["as_cache_errors"]


@contextlib.contextmanager
def as_cache_errors(root: Path, *, needed: int = 0, where: Path | None = None) -> Iterator[None]:
    """Raise a CacheError for an OSError of the block.

    Parameters
    ----------
    root : Path
        The folder of the cache.
    needed : int, default=0
        How many bytes are written, for the message.
    where : Path, default=None
        The file that is written, if it is outside the cache.
    """
    try:
        yield
    except OSError as error:
        place = f"the cache {root}" if where is None else str(where)
        other = "choose another file" if where is not None else "choose another folder (cache=DIR)"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error):
            message = f"no space in {place}" + (f" for {needed:,} bytes" if needed else "")
            step = f"Free some space, run `featx cache prune --max-bytes N`, or {other}."
        else:
            message = f"cannot use {place}: {error.strerror or error}"
            step = f"Check its permissions, or {other}{' or none (cache=None)' if where is None else ''}."
        raise CacheError(message, step) from error
