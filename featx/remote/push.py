"""push_cache: send the segments of a cache that a store does not have yet, and then an index of them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..cache.index import Digests, Index
from ..cache.os_errors import as_cache_errors
from ..cache.reference_outputs import ReferenceOutputs
from ..cache.segment import Segment, SegmentDamagedError, write_segment
from ..cache.selection import fitting_specs
from ..cache.spec_folders import lost_folders
from ..cache.store import EmbeddingCache
from ..exceptions import CacheError
from .object_store import ObjectStore
from .push_index import MOST_SEGMENTS, PushIndex, SegmentEntry, index_path, is_segment_name, segment_path
from .pushed_rows import KnownRows, PushedRows, pushed_specs
from .result import TransferResult, left_out
from .transfers import check_transfer, opened_cache, transfer_bar
from .unreadable import push_failures

__all__ = ["push_cache"]

# Of a segment of which only some rows are new, these are written to segments of so many bytes, one at a time, in the
# folder for temporary files.
PART_BYTES = 1 << 26
# How often a spec is begun again because its segments were merged meanwhile.
RESTARTS = 10
GONE = "Its rows are computed again when they are asked for; push again then. Nothing else is amiss."


def push_cache(
    url: str | os.PathLike[str],
    *,
    cache: EmbeddingCache | str | os.PathLike[str] = "auto",
    spec: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    verbose: bool = False,
    **fields: str,
) -> TransferResult:
    """Send the embeddings of a cache to a folder, a bucket or any other place that fsspec can write to.

    Only rows that are not there yet travel, in segments that are checked before; an index of them is written last, so
    that an interrupted push leaves nothing that is read, and the next one goes on where it was. Nothing there is
    changed or removed: several machines may push to one place at once. The paths of images, remembered in the cache,
    stay on the machine.

    Parameters
    ----------
    url : str or PathLike
        Such as ``s3://bucket/cache``, or a folder.
    cache : EmbeddingCache, str or PathLike, default="auto"
        The cache or its folder; "auto" is the default one.
    spec : str, default=None
        The first characters of a spec's digest.
    storage_options : mapping, default=None
        For fsspec's file system, such as credentials.
    dry_run : bool, default=False
        Return what would be sent, and send nothing.
    verbose : bool, default=False
        Show the progress.
    **fields : str
        `backbone`, `layer`, `pooling` and `precision` of the specs. Without any, all are sent.

    Returns
    -------
    TransferResult

    Raises
    ------
    CacheError
        If no spec matches, the place cannot be written, or a file of the cache is damaged, after all others were sent.
    MissingDependencyError
        If fsspec needs another package for the URL.

    See Also
    --------
    pull_cache : Fetch them.
    """
    check_transfer(locals(), fields)
    store = ObjectStore(os.fspath(url), writing=True, options=storage_options)
    source = opened_cache(cache)
    problems = _lost(source, spec, fields)
    if problems and not source.specs():
        raise left_out(problems, place=str(source.root), step=GONE)
    chosen = fitting_specs(source.specs(), digest=spec, fields=fields)
    pushed_specs(store)
    result = TransferResult(store.shown, specs=len(chosen))
    for one in chosen:
        outputs = source.reference_outputs(one)
        damages = len(outputs.folder.damaged)
        with as_cache_errors(source.root):
            _Push(store, outputs, result, dry_run=dry_run, verbose=verbose).run()
        problems += [(f"{one.digest}/{name}", reason) for name, reason in outputs.folder.damaged[damages:]]
    if not dry_run:
        push_failures(store, source)
    if problems:
        raise left_out(problems, place=str(source.root), step=GONE)
    return result


def _lost(source: EmbeddingCache, spec: str | None, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the folders of the cache whose spec is lost, with the reason; of what they hold, fields say nothing."""
    if fields:
        return []
    with as_cache_errors(source.root):
        found = [(os.path.relpath(path, source.root), reason) for path, reason in lost_folders(source.root)]
    return [(name, reason) for name, reason in found if name.startswith(spec or "")]


class _Push:
    """The push of one spec."""

    def __init__(
        self, store: ObjectStore, outputs: ReferenceOutputs, result: TransferResult, *, dry_run: bool, verbose: bool
    ) -> None:
        self.store, self.outputs, self.result = store, outputs, result
        self.dry_run, self.verbose = dry_run, verbose
        self.folder = outputs.folder
        self.digest = self.folder.spec.digest
        self.sent: dict[str, SegmentEntry] = {}
        self.sent_rows: list[Digests] = []

    def run(self) -> None:
        """Send what is missing, and then the index."""
        there = PushedRows(self.store, self.digest)
        self._check(there)
        for _ in range(RESTARTS):
            try:
                self._send_missing(there)
                break
            except FileNotFoundError:  # another process has merged segments: their rows are in another one now
                continue
        else:
            raise CacheError(
                f"the files in {self.folder.path} disappear faster than they can be sent",
                "End what merges or prunes there meanwhile.",
            )
        if self.dry_run:
            return
        entries = tuple(self.sent.values())
        for start in range(0, len(entries), MOST_SEGMENTS):
            some = entries[start : start + MOST_SEGMENTS]
            content = PushIndex(self.folder.spec, some, self.outputs.load()).content()
            self.store.write(index_path(self.digest, content), content)

    def _check(self, there: PushedRows) -> None:
        """Refuse to add to what another version has written, or to the rows of another network."""
        refused = f"cannot add to {self.store.shown}"
        for path, reason in there.problems:
            if path not in there.torn:
                raise CacheError(f"{refused}: {path}: {reason}", "Push to another place, or remove that file there.")
        if self.outputs.load() is None and self.outputs.path.exists():
            raise CacheError(f"{self.outputs.path} is damaged", "Remove the folder that it is in: its rows are lost.")
        for index in there.indexes:
            if reason := self.outputs.refusal(index.outputs):
                raise CacheError(f"{refused}: spec {self.digest}: {reason}", "Push to another place.")

    def _send_missing(self, there: PushedRows) -> None:
        """Send the rows that are not there, and note their entries."""
        local = sorted(self.folder.segments(), key=lambda segment: segment.path.name)
        sizes = {segment: os.path.getsize(segment.path) for segment in local}
        entries = [entry for entry in there.entries.values() if there.is_there(entry.sha256, entry.size)]
        known = {(entry.name, entry.size) for entry in (*entries, *self.sent.values())}
        missing = [segment for segment in local if (segment.path.name, sizes[segment]) not in known]
        skipped = [sizes[segment] for segment in local if segment not in missing]
        if missing:
            rows = self._rows_there(there, entries, [segment for segment in local if segment not in missing])
            index: Index[Digests] = Index()
            total = sum(sizes[segment] for segment in missing)
            with transfer_bar(total, name="pushing", shown=self.verbose) as progress:
                for segment in missing:
                    index = index.updated(rows)
                    new = index.find(segment.digests) < 0
                    if not new.any():
                        skipped.append(sizes[segment])
                        progress(sizes[segment])
                        continue
                    try:
                        segment.verify()
                        self._send_rows(segment, new, there, progress)
                    except SegmentDamagedError as damage:
                        self.folder.set_aside(damage)
                        continue
                    rows.append(segment)
        for size in skipped:
            self.result.skipped(size)

    def _rows_there(self, there: PushedRows, entries: list[SegmentEntry], both: list[Segment]) -> list[Digests]:
        """Return the digests of the rows that are there; of segments that are here as well they need not be fetched."""
        here = {segment.path.name for segment in both}
        found: list[Digests] = [*both, *self.sent_rows]
        for entry in entries:
            if entry.name not in here and (digests := there.row_digests(entry)) is not None:
                found.append(KnownRows(digests))
        return found

    def _send_rows(
        self, segment: Segment, new: np.ndarray, there: PushedRows, progress: Callable[[int], object]
    ) -> None:
        """Send a segment, or its new rows as segments of their own."""
        if new.all():
            self._send(segment, there, progress)
            return
        rows = np.flatnonzero(new)
        height = max(1, PART_BYTES // segment.row_bytes)
        with tempfile.TemporaryDirectory() as place:
            for start in range(0, len(rows), height):
                some = rows[start : start + height]
                block = np.empty((len(some), segment.width), segment.dtype)
                segment.read(some, block, np.arange(len(some)))
                digests = iter([segment.digests[some]])
                try:
                    path = write_segment(Path(place), self.folder.spec, len(some), digests, iter([block]))
                except OSError as error:
                    reason = f"cannot write {block.nbytes:,} bytes to {place}: {error.strerror or error}"
                    raise CacheError(reason, "Let TMPDIR name a folder with more room.") from error
                self._send(Segment(path, self.folder.spec), there, progress)
                path.unlink()

    def _send(self, segment: Segment, there: PushedRows, progress: Callable[[int], object]) -> None:
        with open(segment.path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = os.path.getsize(segment.path)
        if there.is_there(sha256, size):  # of a push that was interrupted before its index
            self.result.skipped(size)
            progress(size)
        else:
            if not self.dry_run:
                self.store.send(segment_path(self.digest, sha256), segment.path, progress=progress)
            self.result.moved(size, segment.n_rows)
        names = hashlib.sha256(np.ascontiguousarray(segment.digests).data).hexdigest()
        whole = segment.path.parent == self.folder.path and is_segment_name(segment.path.name)
        self.sent[sha256] = SegmentEntry(
            # The same name whenever the same part is sent.
            name=segment.path.name if whole else f"{sha256[:32]}.h5",
            sha256=sha256,
            size=size,
            rows=segment.n_rows,
            digests_offset=segment.digests_offset,
            digests_sha256=names,
        )
        self.sent_rows.append(KnownRows(segment.digests))
