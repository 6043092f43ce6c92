"""pull_cache: fetch the segments that were pushed to a store, check them, and commit the rows that are new here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..cache.adoption import adopt_segment
from ..cache.os_errors import as_cache_errors
from ..cache.reference_outputs import ReferenceOutputs
from ..cache.selection import fitting_specs
from ..cache.store import EmbeddingCache
from ..exceptions import CacheError
from .object_store import ObjectStore
from .push_index import SegmentEntry, segment_path, spec_folder
from .pushed_rows import PushedRows, pushed_specs
from .result import TransferResult, left_out
from .transfers import check_transfer, opened_cache, transfer_bar
from .unreadable import pull_failures

__all__ = ["pull_cache"]

NOTHING = "`featx cache push` brings them there. Check the address."
AGAIN = "What is damaged there can be removed and pushed again; what does not fit, pulled into another cache."


def pull_cache(
    url: str | os.PathLike[str],
    *,
    cache: EmbeddingCache | str | os.PathLike[str] = "auto",
    spec: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    verbose: bool = False,
    **fields: str,
) -> TransferResult:
    """Fetch the embeddings that `push_cache` brought to a folder, a bucket or any other place that fsspec can read.

    Segments whose rows are here already do not travel. All others are compared with their checksums before they are
    committed by a rename; of rows that are there twice, or here already, one is kept. An interrupted pull leaves the
    cache whole, and the next one goes on where it was. No code of that place is run, but nothing proves that its
    rows are right: pull from whom you trust.

    Parameters
    ----------
    url : str or PathLike
        As for `push_cache`; it may be read-only, such as a zip archive or a server that lists its folders.
    cache : EmbeddingCache, str or PathLike, default="auto"
        The cache or its folder, which is made where there is none; "auto" is the default one.
    spec : str, default=None
        The first characters of a spec's digest.
    storage_options : mapping, default=None
        For fsspec's file system, such as credentials.
    verbose : bool, default=False
        Show the progress.
    **fields : str
        `backbone`, `layer`, `pooling` and `precision` of the specs. Without any, all are fetched.

    Returns
    -------
    TransferResult

    Raises
    ------
    CacheError
        If there are no embeddings there, no spec matches, the network fails, or the cache cannot be written; or if
        something there is damaged or not what featx writes, after all else was fetched.
    MissingDependencyError
        If fsspec needs another package for the URL.

    See Also
    --------
    push_cache : Bring them there.
    """
    check_transfer(locals(), fields)
    store = ObjectStore(os.fspath(url), options=storage_options)
    target = opened_cache(cache)
    pushed = [PushedRows(store, digest) for digest in pushed_specs(store) if digest.startswith(spec or "")]
    problems = [problem for rows in pushed for problem in rows.problems]
    specs = {rows.spec: rows for rows in pushed if rows.spec is not None}
    if problems and not specs:
        raise left_out(problems, place=store.shown, step=AGAIN)
    if not specs and spec is None:
        raise CacheError(f"there are no embeddings at {store.shown}", NOTHING)
    chosen = fitting_specs(list(specs), digest=spec, fields=fields, step=f"{store.shown} has others. {NOTHING}")
    result = TransferResult(store.shown, specs=len(chosen))
    for one in chosen:
        pull = _Pull(specs[one], target.reference_outputs(one), target, result)
        with as_cache_errors(target.root):
            pull.run(verbose=verbose)
        problems += pull.problems
    problems += pull_failures(store, target)
    if problems:
        raise left_out(problems, place=store.shown, step=AGAIN)
    return result


class _StoreFailedError(Exception):
    """Holds the error of a store, which ends a pull, while a segment that is damaged does not."""


class _Pull:
    """The pull of one spec."""

    def __init__(
        self, pushed: PushedRows, outputs: ReferenceOutputs, target: EmbeddingCache, result: TransferResult
    ) -> None:
        self.pushed, self.outputs, self.target, self.result = pushed, outputs, target, result
        self.folder = outputs.folder
        self.problems: list[tuple[str, str]] = []

    def run(self, *, verbose: bool) -> None:
        """Fetch what is missing."""
        entries: dict[str, SegmentEntry] = {}
        for index in self.pushed.indexes:
            if reason := self.outputs.refusal(index.outputs):
                self.problems.append((spec_folder(self.pushed.digest), reason))
                continue
            entries |= {entry.sha256: entry for entry in index.segments}
        total = sum(entry.size for entry in entries.values())
        with transfer_bar(total, name="pulling", shown=verbose) as progress:
            for _, entry in sorted(entries.items()):
                if self._is_here(entry):
                    self.result.skipped(entry.size)
                    progress(entry.size)
                elif reason := self._unusable(entry):
                    self.problems.append((segment_path(self.pushed.digest, entry.sha256), reason))
                else:
                    self._fetch(entry, progress)

    def _is_here(self, entry: SegmentEntry) -> bool:
        """Tell whether the rows of a segment are here, in a file of its name or in others."""
        if (self.folder.path / entry.name).exists():
            return True
        if not self.outputs.has_rows():
            return False
        digests = self.pushed.row_digests(entry)
        return digests is not None and bool(self.folder.contains(digests).all())

    def _unusable(self, entry: SegmentEntry) -> str:
        """Return why a segment need not be fetched at all, or ""."""
        sizes = self.pushed.sizes()
        if entry.sha256 not in sizes:
            return "it is missing"
        size = sizes[entry.sha256]
        return "" if size in (entry.size, None) else f"it has {size:,} bytes, and {entry.size:,} were pushed"

    def _place(self) -> Path:
        """Return the folder, or the nearest one above it that exists."""
        return next(place for place in (self.folder.path, *self.folder.path.absolute().parents) if place.exists())

    def _fetch(self, entry: SegmentEntry, progress: Callable[[int], object]) -> None:
        path = segment_path(self.pushed.digest, entry.sha256)
        # Known before hours are spent on it; and an index may claim any size.
        if entry.size > (free := shutil.disk_usage(self._place()).free):
            raise CacheError(
                f"no space in the cache {self.target.root}: {free:,} bytes are free, and a file has {entry.size:,}",
                "Free some space, run `featx cache prune --max-bytes N`, or choose another folder (cache=DIR).",
            )

        def fill(file: BinaryIO) -> None:
            try:
                size, sha256 = self.pushed.store.copy(path, file, size=entry.size, progress=progress)
            except CacheError as error:
                raise _StoreFailedError(error) from None
            if (size, sha256) != (entry.size, entry.sha256):
                raise CacheError("it does not match its checksum")

        with as_cache_errors(self.target.root, needed=entry.size):
            try:
                rows = adopt_segment(self.folder, entry.name, fill)
            except _StoreFailedError as failed:
                raise failed.args[0] from None
            except CacheError as error:
                self.problems.append((path, error.message))
            else:
                self.result.moved(entry.size, rows)
