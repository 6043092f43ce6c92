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

from ..cache import EmbeddingCache
from ..cache.interface import EmbeddingStore
from ..cache.memory import MemoryStore, OverlayStore
from ..choices import Auto, OnError, Precision
from ..constraints import BATCH, CACHE, SOURCES, check_values
from ..display.progress import progress_bar
from ..display.summary_mixin import SummaryMixin
from ..exceptions import CacheError, ImageDecodeError
from ..images.failures import Failure
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.pooling import View
from ..networks.verified_stores import store_to_read, store_to_write
from ..runtime.timing import timed
from .digests import all_read, image_keys
from .distribute import distribute
from .early_images import EarlyImages, early_images
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
    precision: Precision = "auto",
    device: str = "auto",
    batch_size: int | Auto = "auto",
    n_jobs: int | None = None,
    on_error: OnError = "raise",
    verbose: bool = False,
    keys: Sequence[Any] | None = None,
    early: EarlyImages | None = None,
) -> ExtractionResult:
    """Compute or look up the embeddings of images.

    Duplicated content is forwarded once. Under ``joblib.parallel_config`` with a backend of processes (loky, dask,
    Ray) and a cache, the missing images are distributed among its workers, which commit to the cache's folder if they
    see it, and send their rows otherwise. Inside a task of another joblib.Parallel nothing is distributed.

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
        Show a progress bar, on a terminal or in a notebook, for what takes longer than a second; elsewhere, print a
        line now and then.
    keys : sequence of (bytes or ImageDecodeError), default=None
        The key of each image's content, where `image_keys` has computed it already.
    early : EarlyImages, default=None
        The first of the images, if they are being decoded already; else this begins where the network must be loaded.

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
    check_values(locals(), images=SOURCES, cache=CACHE, batch_size=BATCH)
    store: EmbeddingStore = MemoryStore() if cache is None else cache
    raises = on_error == "raise"
    task = ForwardTask.of(source, views, store=store, precision=precision, device=device, n_jobs=n_jobs, raises=raises)
    work = _Extraction(images, store, task, batch_size=batch_size, verbose=verbose, keys=keys, early=early)
    while missing := work.gather():
        work.forward(missing, hold=True)
    return work.result()


def ensure_embeddings(
    images: Sequence[ImageSource],
    source: BackboneSource,
    *,
    views: Sequence[View],
    store: EmbeddingStore,
    precision: Precision = "auto",
    device: str = "auto",
    batch_size: int | Auto = "auto",
    n_jobs: int | None = None,
    on_error: OnError = "raise",
    verbose: bool = False,
) -> tuple[np.ndarray, ExtractionResult]:
    """Put missing rows into a store and read nothing back, for rows that may not fit into memory.

    Parameters
    ----------
    images, source, views, precision, device, batch_size, n_jobs, on_error, verbose
        As for `extract_embeddings`.
    store : EmbeddingStore
        An EmbeddingCache or a MemoryStore.

    Returns
    -------
    digests : ndarray of uint8, shape (n, 32)
        The keys of the rows, in input order; without those of images that were skipped.
    extraction : ExtractionResult
        Without the embeddings.

    Raises
    ------
    ImageDecodeError, BackboneError, CacheError, ParameterError
    """
    check_values({"batch_size": batch_size, "n_jobs": n_jobs}, batch_size=BATCH)
    task = ForwardTask.of(
        source, views, store=store, precision=precision, device=device, n_jobs=n_jobs, raises=on_error == "raise"
    )
    work = _Extraction(images, store, task, batch_size=batch_size, verbose=verbose)
    while missing := work.missing():
        work.forward(missing)
    return work.keys(), work.result()


class _Extraction:
    """The images of one call, with their digests and failures so far."""

    def __init__(
        self,
        images: Sequence[ImageSource],
        store: EmbeddingStore,
        task: ForwardTask,
        *,
        batch_size: int | Auto,
        verbose: bool,
        keys: Sequence[Any] | None = None,
        early: EarlyImages | None = None,
    ) -> None:
        self.images, self.task, self.batch_size, self.verbose, self.early = images, task, batch_size, verbose, early
        self.specs = task.specs
        # Rows may turn out to have to be elsewhere than the digests of files.
        self.given, self.store = store, store_to_read(store, task.source, self.specs)
        self.clock: Counter[str] = Counter(dict.fromkeys(STAGES, 0.0))
        self.embeddings: list[np.ndarray] = []
        self.n_forwarded = 0
        self.rounds = Rounds(len(images), "memory" if store.root is None else str(store.root))
        self.peaks: list[int] = []
        self.held = False
        with timed(self.clock, "digest"):
            if keys is None:
                keys = image_keys(images, store.digests, threads=task.threads, verbose=verbose)
            found = list(keys)
        failed = {} if all_read(found) else {i: d for i, d in enumerate(found) if isinstance(d, ImageDecodeError)}
        self.digests: list[bytes] = [b"" if i in failed else d for i, d in enumerate(found)] if failed else found
        if early is not None:
            early.name(self.digests)
        self.reasons = {i: error.reason for i, error in failed.items()}
        if failed and task.raises:
            raise next(iter(failed.values()))

    def good(self) -> Sequence[int]:
        """Return the indices of the images that have not failed so far."""
        every = range(len(self.images))
        return [i for i in every if i not in self.reasons] if self.reasons else every

    def keys(self) -> np.ndarray:
        """Return the digests of the good images, uint8 (n, 32)."""
        digests = [self.digests[i] for i in self.good()] if self.reasons else self.digests
        return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)

    def gather(self) -> dict[bytes, list[int]]:
        """Read a matrix for each spec, with NaN rows for skipped images, or return what `missing` returns."""
        with timed(self.clock, "gather"):
            good, keys, matrices = self.good(), self.keys(), []
            lacking = np.zeros(len(good), dtype=bool)
            for spec in self.specs:
                if lacking.any():
                    lacking |= ~self.store.contains(spec, keys)
                    continue
                rows, found = self.store.get(spec, keys, all_or_none=True)
                lacking |= ~found
                if self.reasons:
                    computed, rows = rows, np.full((len(self.images), rows.shape[1]), np.nan, dtype=np.float32)
                    rows[good] = computed
                matrices.append(rows)
            self.embeddings = matrices
            return _contents(good, keys, lacking)

    def missing(self) -> dict[bytes, list[int]]:
        """Return the input indices of each distinct content that lacks a row of some spec, in input order."""
        good, keys = self.good(), self.keys()
        if not good:
            return {}
        lacking = ~np.logical_and.reduce([self.store.contains(spec, keys) for spec in self.specs])
        return _contents(good, keys, lacking)

    def forward(self, missing: dict[bytes, list[int]], *, hold: bool = False) -> None:
        """Forward what is missing and commit; note the images that could not be read.

        If the cache keeps losing rows, raise a CacheError, or with `hold` keep them in memory for this call.
        """
        try:
            if not self.held:
                self.rounds.begin(sum(map(len, missing.values())))
        except CacheError as error:
            if not hold or not self.store.is_shared:
                raise
            log.warning("%s. What is computed now is held in memory for this call", error.message)
            self.store, self.held = OverlayStore(self.store), True
        source = self.task.source
        if source.is_custom:
            from ..networks.batch_dependence import refuse_batch_dependence

            refuse_batch_dependence(source, self.task.views)
        self.store = store_to_write(self.store.for_writing(), source, self.specs)
        first = list(missing.values())
        images, digests = [self.images[r[0]] for r in first], list(missing)
        new, n_threads = self.early is None and not source.is_loaded(), self.task.threads
        with (
            progress_bar(len(first), name="forwarding", unit="img", shown=self.verbose) as bar,
            early_images(images, source.preprocessing, threads=n_threads, wanted=new, digests=digests) as others,
        ):
            early, to = self.early or others, self.store
            forwarded = distribute(self.task, images, digests, to, bar.update, batch_size=self.batch_size, early=early)
        self.n_forwarded += forwarded.n_forwarded
        self.clock.update(forwarded.seconds)
        self.peaks += forwarded.peaks
        for rows, (digest, failure) in zip(first, forwarded.results, strict=True):
            if failure is not None:
                self.reasons.update(dict.fromkeys(rows, failure.reason))
            elif digest is not None:
                # A file that changed since it was first read counts as what was decoded.
                self.digests[rows[0]] = digest

    def result(self) -> ExtractionResult:
        """Return the failures, counts and timings."""
        note_scale(self.peaks)
        return ExtractionResult(
            embeddings=self.embeddings,
            failures=[Failure(i, self.images[i].name, self.reasons[i]) for i in sorted(self.reasons)],
            n_images=len(self.images),
            n_forwarded=self.n_forwarded,
            seconds=dict(self.clock),
            damaged=list(self.given.damaged),
        )


def _contents(good: Sequence[int], keys: np.ndarray, lacking: np.ndarray) -> dict[bytes, list[int]]:
    """Return the input indices of each distinct content among the keys that are lacking, in input order."""
    contents: dict[bytes, list[int]] = {}
    for place in np.flatnonzero(lacking).tolist():
        contents.setdefault(keys[place].tobytes(), []).append(good[place])
    return contents
