"""Images and a backbone go in; embeddings in input order come out, computed once and cached.

The one loop: digest, look up, forward the misses, gather. When everything is cached the network is never built.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from .backbones import BackboneSource, View, resolve_device, resolve_precision
from .cache import EmbeddingCache, EmbeddingSpec, FileDigests
from .exceptions import ImageDecodeError, ParameterError
from .forwarding import ForwardPlan, Outcome, Store, forward_images, timed
from .images import ImageSource

__all__ = ["Extraction", "Failure", "extract_embeddings"]


@dataclass(frozen=True)
class Failure:
    """An entry of the ledger: an image that could not be read.

    Attributes
    ----------
    index : int
        Position in the input.
    name : str
    reason : str
    """

    index: int
    name: str
    reason: str


@dataclass
class Extraction:
    """What came out of one call.

    Attributes
    ----------
    embeddings : list of ndarray of float32, shape (n, d)
        One matrix for each view, in input order; rows of NaN for the images in the ledger.
    failures : list of Failure
        The ledger, by index.
    n_images : int
    n_forwarded : int
        How many images went through the network.
    seconds : dict of str to float
        Wall time of `digest`, `wait` (for decoding), `forward`, `write` and `gather`.
    damaged : list of (str, str)
        Cache segments that failed their checksum and were set aside, with the reason.
    """

    embeddings: list[np.ndarray] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    n_images: int = 0
    n_forwarded: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    damaged: list[tuple[str, str]] = field(default_factory=list)


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
) -> Extraction:
    """Compute or look up the embeddings of images.

    Duplicated content is forwarded once. Under ``joblib.parallel_config`` with a backend of processes (loky, dask,
    ray) and a cache, the misses are shared out among its workers, which commit to the cache themselves.

    Parameters
    ----------
    images : sequence of ImageSource
    source : BackboneSource
    views : sequence of (layer, pooling)
        All of them are filled by one pass.
    cache : EmbeddingCache or None
        None keeps nothing beyond this call.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Arithmetic of the forward pass; "auto" is float32.
    device : str, default="auto"
    batch_size : int or "auto"
        "auto" is 32 on a CPU, 128 on an accelerator.
    n_jobs : int, default=None
        Threads that read and decode; None means up to four, -1 as many as there are processors.
    on_error : {"raise", "nan"}, default="raise"
        Whether an unreadable image raises, or becomes a row of NaN and an entry of the ledger.
    verbose : bool, default=False
        Show a progress bar when the network works for longer than a second and stderr is a terminal.

    Returns
    -------
    Extraction

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and `on_error` is "raise"; what was computed before it is kept in the cache.
    BackboneError, CacheError, ParameterError
    """
    check_options(batch_size, n_jobs, on_error)
    store: Store = cache if cache is not None else _MemoryStore()
    precision = resolve_precision(precision)
    specs = [source.spec(view, precision) for view in views]
    threads = _threads(n_jobs)
    clock: Counter[str] = Counter(dict.fromkeys(("digest", "wait", "forward", "write", "gather"), 0.0))
    result = Extraction(n_images=len(images))
    with timed(clock, "digest"):
        found = _digest(images, cache.digests if cache is not None else FileDigests(None), threads)
    digests = [d if isinstance(d, bytes) else b"" for d in found]
    failed = {i: d for i, d in enumerate(found) if isinstance(d, ImageDecodeError)}
    reasons = {i: error.reason for i, error in failed.items()}
    if failed and on_error == "raise":
        raise next(iter(failed.values()))
    while True:
        good = [i for i in range(len(images)) if i not in reasons] if reasons else list(range(len(images)))
        keys = np.frombuffer(b"".join([digests[i] for i in good]), np.uint8).reshape(-1, 32)
        with timed(clock, "gather"):
            gathered = _gather(store, specs, good, keys, len(images))
        if gathered is not None:
            break
        missing = _missing(store, specs, good, keys)
        real_device = resolve_device(device)
        size = int(batch_size) if batch_size != "auto" else 32 if real_device == "cpu" else 128
        plan = ForwardPlan(source, tuple(views), precision, real_device, size, threads, on_error == "raise")
        first = list(missing.values())
        with tqdm(total=len(first), unit="img", delay=1, leave=False, disable=None if verbose else True) as bar:
            outcome = _share_out(plan, [images[r[0]] for r in first], list(missing), store, bar.update)
        result.n_forwarded += outcome.n_forwarded
        clock.update(outcome.seconds)
        for rows, (digest, reason) in zip(first, outcome.results, strict=True):
            if reason is not None:
                reasons.update(dict.fromkeys(rows, reason))
            elif digest is not None:
                # A file that changed since it was first read counts as what was decoded.
                digests[rows[0]] = digest
    result.embeddings = gathered
    result.failures = [Failure(i, images[i].name, reasons[i]) for i in sorted(reasons)]
    result.seconds = dict(clock)
    result.damaged = list(cache.damaged) if cache is not None else []
    return result


def _digest(images: Sequence[ImageSource], memory: FileDigests, threads: int) -> list[bytes | ImageDecodeError]:
    """Return each image's digest, or the error that reading it gave."""

    def other(image: ImageSource) -> bytes | ImageDecodeError:
        try:
            return image.digest()
        except ImageDecodeError as error:
            return error

    # image.path, spelled out: this runs for every image of every fold of every search
    paths = {i: c for i, image in enumerate(images) if type(c := image.content) is str and "://" not in c}
    rest = [i for i in range(len(images)) if i not in paths] if len(paths) < len(images) else []
    digests: list[bytes | ImageDecodeError] = [b""] * len(images)
    with ThreadPoolExecutor(threads) as pool:
        found = memory.digest(list(paths.values()), map=pool.map)
        for i, of_other in zip(rest, pool.map(other, [images[i] for i in rest]), strict=True):
            digests[i] = of_other
    for i, digest in zip(paths, found, strict=True):
        if isinstance(digest, OSError):
            digests[i] = ImageDecodeError(images[i].name, digest.strerror or str(digest))
        else:
            digests[i] = digest
    return digests


def _missing(store: Store, specs: list[EmbeddingSpec], good: list[int], keys: np.ndarray) -> dict[bytes, list[int]]:
    """Return each distinct content that some spec lacks with its input indices, in input order."""
    missing: dict[bytes, list[int]] = {}
    if good:
        lacking = ~np.logical_and.reduce([store.contains(spec, keys) for spec in specs])
        for place in np.flatnonzero(lacking):
            missing.setdefault(keys[place].tobytes(), []).append(good[place])
    return missing


def _gather(
    store: Store, specs: list[EmbeddingSpec], good: list[int], keys: np.ndarray, n_images: int
) -> list[np.ndarray] | None:
    """Return a matrix for each spec with NaN rows for failures, or None if a row is missing."""
    matrices = []
    for spec in specs:
        rows, found = store.get(spec, keys, all_or_none=True)
        if not found.all():
            return None
        if len(good) < n_images:
            full = np.full((n_images, rows.shape[1]), np.nan, dtype=np.float32)
            full[good] = rows
            rows = full
        matrices.append(rows)
    return matrices


def _share_out(
    plan: ForwardPlan,
    images: list[ImageSource],
    digests: list[bytes],
    store: Store,
    advance: Callable[[int], Any],
) -> Outcome:
    """Forward here, or in the processes that the user's joblib configuration offers."""
    workers = _process_workers() if isinstance(store, EmbeddingCache) else 1
    if workers == 1 or len(images) <= plan.batch_size:
        return forward_images(plan, images, digests, store, advance)
    import joblib

    plan = dataclasses.replace(plan, takes_turns=False)
    height = max(plan.batch_size, -(-len(images) // (4 * workers)))
    shares = [slice(start, start + height) for start in range(0, len(images), height)]
    tasks = (joblib.delayed(forward_images)(plan, images[part], digests[part], store) for part in shares)
    total = Outcome()
    for outcome in joblib.Parallel(return_as="generator")(tasks):
        advance(len(outcome.results))
        total.results += outcome.results
        total.n_forwarded += outcome.n_forwarded
        total.seconds.update(outcome.seconds)
    return total


class _MemoryStore:
    """Keeps rows for the length of one call, with the look-up interface of EmbeddingCache."""

    def __init__(self) -> None:
        self._rows: dict[EmbeddingSpec, dict[bytes, np.ndarray]] = {}

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        rows = self._rows.get(spec, {})
        return np.array([digest.tobytes() in rows for digest in digests], dtype=bool)

    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        here = self.contains(spec, digests)
        if not here.all():
            return np.zeros((len(digests), 0), np.float32), here
        rows = self._rows.get(spec, {})
        found = [rows[digest.tobytes()] for digest in digests]
        return np.array(found, np.float32).reshape(len(found), -1 if found else 0), np.ones(len(found), dtype=bool)

    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        rows = self._rows.setdefault(spec, {})
        rows.update((digest.tobytes(), row) for digest, row in zip(digests, embeddings, strict=True))

    def turn(self, name: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def _threads(n_jobs: int | None) -> int:
    cores = os.cpu_count() or 1
    if n_jobs is None:
        return min(4, cores)
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs == 0:
        raise ParameterError(f"got n_jobs={n_jobs!r}; expected a positive integer, -1 or None")
    return int(n_jobs) if n_jobs > 0 else max(1, cores + 1 + int(n_jobs))


def check_options(batch_size: Any, n_jobs: Any, on_error: Any) -> None:
    """Raise a ParameterError where one of them holds a value that the extraction does not accept."""
    if on_error not in ("raise", "nan"):
        raise ParameterError(f"got on_error={on_error!r}; expected 'raise' or 'nan'")
    _threads(n_jobs)
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if batch_size != "auto" and not (whole and int(batch_size) > 0):
        raise ParameterError(f"got batch_size={batch_size!r}; expected a positive integer or 'auto'")


def _process_workers() -> int:
    """Return how many processes the user's joblib configuration offers; 1 when it offers none."""
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    if getattr(backend, "supports_sharedmem", False) or getattr(backend, "nesting_level", 0):
        return 1
    return max(1, backend.effective_n_jobs(n_jobs or 1))
