"""What a push and a pull have in common: checked parameters, the cache, a progress bar that counts megabytes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..cache.checks import FIELD
from ..cache.store import EmbeddingCache
from ..constraints import NONE, OBJECT, PATH, TEXT, Constraint, a, check_values
from ..display.progress import progress_bar

__all__ = ["check_transfer", "opened_cache", "transfer_bar"]

_URL = Constraint("a URL or the path of a folder", PATH.accepts, "Such as 's3://bucket/cache'.")
_CACHE = a("EmbeddingCache", "'auto' is the default one.") | PATH
MEGABYTE = 1_000_000


def check_transfer(values: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Refuse wrong parameters of a push or a pull."""
    check_values(values, url=_URL, cache=_CACHE, spec=TEXT | NONE, storage_options=OBJECT)
    check_values(fields, **dict.fromkeys(fields, TEXT))
    for name in fields:
        FIELD.check("a keyword", name)


def opened_cache(cache: EmbeddingCache | str | os.PathLike[str]) -> EmbeddingCache:
    """Return the cache that a parameter stands for.

    Raises
    ------
    CacheError
        If something other than a folder is there.
    """
    if not isinstance(cache, EmbeddingCache):
        cache = EmbeddingCache(None if cache == "auto" else cache)
    cache.check_place()
    return cache


@contextlib.contextmanager
def transfer_bar(total: int, *, name: str, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show how many megabytes of `total` bytes have travelled; yields what is told the bytes, from any thread."""
    done = 0
    with progress_bar(-(-total // MEGABYTE), name=name, unit="MB", shown=shown) as bar:

        def advance(n: int) -> None:
            nonlocal done
            before, done = done, min(done + n, total)
            if steps := done // MEGABYTE - before // MEGABYTE:
                bar.update(steps)

        yield advance
