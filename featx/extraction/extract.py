"""Look up embeddings in the cache, compute the missing ones, and return all in order, NaN for skipped images.

The loop: digest, look up, forward what is missing, gather. When everything is cached, the network is never built.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..cache import EmbeddingCache, FileDigests
from ..cache.memory import MemoryStore, OverlayStore, Store, writable_store
from ..constraints import BATCH, CACHE, SOURCES, check_values
from ..display.progress import progress_bar
from ..display.summary_mixin import SummaryMixin
from ..exceptions import CacheError, ImageDecodeError
from ..images.failures import Failure
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.device import resolve_device
from ..networks.pooling import View
from ..networks.precision import choose_precision
from ..runtime.lanes import auto_batch_size, lane_count
from ..runtime.resources import thread_count
from ..runtime.timing import timed
from .digests import all_read, image_keys
from .distribute import distribute
from .forward import note_scale
from .forward_task import ForwardTask
from .rounds import Rounds

log = logging.getLogger("featx")

__all__ = ["ExtractionResult", "Failure", "ensure_embeddings", "extract_embeddings"]

STAGES = ("digest", "read", "decode", "wait", "forward", "write", "gather")


@dataclass(repr=False)
class ExtractionResult(SummaryMixin):
    """The embeddings of one call, its failures and its timings.

    Attributes
    ----------
    embeddings : list of ndarray of float32, shape (n, d)
        One matrix for each view, in input order; rows of NaN for the images in `failures`.
    failures : list of Failure
        Images that could not be read, by index.
    n_images : int
    n_forwarded : int
        How many images went through the network.
    seconds : dict of str to float
        Wall time of `digest`, `wait` (for decoding), `forward`, `write` and `gather`; and, over all threads together,
        of `read` and `decode`.
    damaged : list of (str, str)
        Cache segments that failed their checksum and were set aside, with the reason.
    """

    embeddings: list[np.ndarray] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    n_images: int = 0
    n_forwarded: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    damaged: list[tuple[str, str]] = field(default_factory=list)

    @property
    def wall_seconds(self) -> float:
        """The time that passed, without `read` and `decode`, which run in threads beside the rest."""
        return sum(value for stage, value in self.seconds.items() if stage not in ("read", "decode"))


def extract_embeddings(
    images: Sequence[ImageSource],
    source: BackboneSource,
    *,
    views: Sequence[View],
    cache: EmbeddingCache | None,
    precision: str = "auto",
    device: str = "auto",
    batch_size: int | str = "auto",
    n_jobs: int | None = None,
    on_error: str = "raise",
    verbose: bool = False,
    keys: Sequence[Any] | None = None,
) -> ExtractionResult:
    """Compute or look up the embeddings of images.

    Duplicated content is forwarded once. Under ``joblib.parallel_config`` with a backend of processes (loky, dask,
    Ray) and a cache, the missing images are distributed among its workers, which commit to the cache themselves and
    must see its folder. Inside a task of another joblib.Parallel nothing is distributed.

    Parameters
    ----------
    images : sequence of ImageSource
    source : BackboneSource
    views : sequence of (layer, pooling)
        All of them are filled by one pass.
    cache : EmbeddingCache or None
        None keeps nothing beyond this call.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Arithmetic of the forward pass; see `choose_precision` for "auto".
    device : str, default="auto"
    batch_size : int or "auto"
        How many images are in the network at once. On a CPU they are divided into up to 8 batches that run in parallel,
        each on its share of the cores; "auto" is 6 for each batch, 32 for a module of your own, and 128 on an
        accelerator.
    n_jobs : int, default=None
        Threads that read and decode while the network works; None and -1 mean one for each processor.
    on_error : {"raise", "skip"}, default="raise"
        Whether an unreadable image raises, or is skipped: its row is NaN, and `failures` names it.
    verbose : bool, default=False
        Show a progress bar, on a terminal or in a notebook, for what takes longer than a second.
    keys : sequence of (bytes or ImageDecodeError), default=None
        The key of each image's content, where `image_keys` has computed it already.

    Returns
    -------
    ExtractionResult

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and `on_error` is "raise"; rows computed before it are kept in the cache.
    CacheError
        If the cache cannot be used, or the rows that workers compute do not arrive there.
    WorkerError
        If the workers of joblib's backend are lost; the rows that they have committed are kept.
    BackboneError, ParameterError
    """
    check_values(locals(), images=SOURCES, cache=CACHE)
    store: Store = MemoryStore() if cache is None else cache
    work = _Extraction(images, source, views, store, precision, device, batch_size, n_jobs, on_error, verbose, keys)
    while (gathered := work.gather()) is None:
        work.forward_missing(hold=True)
    result = work.result()
    result.embeddings = gathered
    return result


def ensure_embeddings(
    images: Sequence[ImageSource],
    source: BackboneSource,
    *,
    views: Sequence[View],
    store: Store,
    precision: str = "auto",
    device: str = "auto",
    batch_size: int | str = "auto",
    n_jobs: int | None = None,
    verbose: bool = False,
) -> tuple[np.ndarray, ExtractionResult]:
    """Put missing rows into a store and read nothing back, for rows that may not fit into memory.

    Parameters
    ----------
    images, source, views, precision, device, batch_size, n_jobs, verbose
        As for `extract_embeddings`.
    store : Store
        An EmbeddingCache or a MemoryStore.

    Returns
    -------
    digests : ndarray of uint8, shape (n, 32)
        The keys of the rows, in input order.
    extraction : ExtractionResult
        Without the embeddings.

    Raises
    ------
    ImageDecodeError, BackboneError, CacheError, ParameterError
    """
    work = _Extraction(images, source, views, store, precision, device, batch_size, n_jobs, "raise", verbose)
    while work.forward_missing():
        pass
    return work.keys(), work.result()


class _Extraction:
    """The images of one call, with their digests and failures so far."""

    def __init__(
        self,
        images: Sequence[ImageSource],
        source: BackboneSource,
        views: Sequence[View],
        store: Store,
        precision: str,
        device: str,
        batch_size: int | str,
        n_jobs: int | None,
        on_error: str,
        verbose: bool,
        keys: Sequence[Any] | None = None,
    ) -> None:
        check_values({"batch_size": batch_size, "n_jobs": n_jobs, "on_error": on_error}, batch_size=BATCH)
        self.images, self.source, self.views, self.store = images, source, tuple(views), store
        below = store.cache if isinstance(store, OverlayStore) else store
        self.cache = below if isinstance(below, EmbeddingCache) else None
        self.precision = choose_precision(source, precision, device=device, cache=self.cache)
        self.device, self.batch_size, self.threads = device, batch_size, thread_count(n_jobs)
        self.raises, self.verbose = on_error == "raise", verbose
        self.specs = [source.spec(view, self.precision) for view in views]
        if source.is_custom:
            from ..networks.reference_outputs import store_to_read

            self.store = store_to_read(self.store, source, self.specs)
        self.clock: Counter[str] = Counter(dict.fromkeys(STAGES, 0.0))
        self.n_forwarded = 0
        self.rounds = Rounds(len(images), "memory" if self.cache is None else str(self.cache.root))
        self.peaks: list[int] = []
        self.held = False
        with timed(self.clock, "digest"):
            memory = FileDigests(None) if self.cache is None else self.cache.digests
            found = image_keys(images, memory, threads=self.threads, verbose=verbose) if keys is None else list(keys)
        failed = {} if all_read(found) else {i: d for i, d in enumerate(found) if isinstance(d, ImageDecodeError)}
        self.digests: list[bytes] = [b"" if i in failed else d for i, d in enumerate(found)] if failed else found
        self.reasons = {i: error.reason for i, error in failed.items()}
        if failed and self.raises:
            raise next(iter(failed.values()))

    def good(self) -> list[int]:
        """Return the indices of the images that have not failed so far."""
        every = range(len(self.images))
        return [i for i in every if i not in self.reasons] if self.reasons else list(every)

    def keys(self) -> np.ndarray:
        """Return the digests of the good images, uint8 (n, 32)."""
        return np.frombuffer(b"".join([self.digests[i] for i in self.good()]), np.uint8).reshape(-1, 32)

    def gather(self) -> list[np.ndarray] | None:
        """Return a matrix for each spec, with NaN rows for skipped images, or None if a row is missing in the store."""
        with timed(self.clock, "gather"):
            good, keys, matrices = self.good(), self.keys(), []
            for spec in self.specs:
                rows, found = self.store.get(spec, keys, all_or_none=True)
                if not found.all():
                    return None
                if self.reasons:
                    computed, rows = rows, np.full((len(self.images), rows.shape[1]), np.nan, dtype=np.float32)
                    rows[good] = computed
                matrices.append(rows)
            return matrices

    def missing(self) -> dict[bytes, list[int]]:
        """Return the input indices of each distinct content that lacks a row of some spec, in input order."""
        good, keys = self.good(), self.keys()
        missing: dict[bytes, list[int]] = {}
        if good:
            lacking = ~np.logical_and.reduce([self.store.contains(spec, keys) for spec in self.specs])
            for place in np.flatnonzero(lacking):
                missing.setdefault(keys[place].tobytes(), []).append(good[place])
        return missing

    def forward_missing(self, *, hold: bool = False) -> bool:
        """Forward the images without rows; tell whether there were any.

        If the cache keeps losing rows, raise a CacheError, or with `hold` keep them in memory for this call.
        """
        missing = self.missing()
        try:
            if not self.held:
                self.rounds.begin(sum(map(len, missing.values())))
        except CacheError as error:
            if not hold or not isinstance(self.store, EmbeddingCache):
                raise
            log.warning("%s. What is computed now is held in memory for this call", error.message)
            self.store, self.held = OverlayStore(self.store), True
        if missing:
            self.forward(missing)
        return bool(missing)

    def forward(self, missing: dict[bytes, list[int]]) -> None:
        """Forward and commit; note the images that could not be read."""
        if isinstance(self.store, EmbeddingCache):
            self.store = writable_store(self.store)
        if self.source.is_custom:
            from ..networks.batch_dependence import refuse_batch_dependence
            from ..networks.reference_outputs import store_to_write

            refuse_batch_dependence(self.source, self.views)
            self.store = store_to_write(self.store, self.source, self.specs)
        device = resolve_device(self.device)
        # A user's module may keep state from one batch to the next.
        lanes = 1 if self.source.is_custom else lane_count(device)
        size = int(self.batch_size) if self.batch_size != "auto" else auto_batch_size(device, lanes)
        task = ForwardTask(
            self.source, self.views, self.precision, device, size, self.threads, self.raises, lanes=lanes
        )
        first = list(missing.values())
        with progress_bar(len(first), name="forwarding", unit="img", shown=self.verbose) as bar:
            forwarded = distribute(task, [self.images[r[0]] for r in first], list(missing), self.store, bar.update)
        self.n_forwarded += forwarded.n_forwarded
        self.clock.update(forwarded.seconds)
        self.peaks += forwarded.peaks
        for rows, (digest, reason) in zip(first, forwarded.results, strict=True):
            if reason is not None:
                self.reasons.update(dict.fromkeys(rows, reason))
            elif digest is not None:
                # A file that changed since it was first read counts as what was decoded.
                self.digests[rows[0]] = digest

    def result(self) -> ExtractionResult:
        """Return the failures, counts and timings."""
        note_scale(self.peaks)
        return ExtractionResult(
            failures=[Failure(i, self.images[i].name, self.reasons[i]) for i in sorted(self.reasons)],
            n_images=len(self.images),
            n_forwarded=self.n_forwarded,
            seconds=dict(self.clock),
            damaged=[] if self.cache is None else list(self.cache.damaged),
        )
