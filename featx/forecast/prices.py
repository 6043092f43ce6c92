"""Price a plan: count the passes that are cached, measure the pace of each network, and time a fit of each head."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..cache import EmbeddingSpec, FileDigests
from ..display.quantities import count_text
from ..exceptions import DatasetError
from ..extraction.digests import image_keys
from ..extraction.estimator import open_cache
from ..extraction.pace import PACE_IMAGES, Pace, measure_pace
from ..extraction.steps import HeadFits, Passes
from ..finetuning.training_plan import Epochs
from ..heads.svm_cost import announce_svm
from ..heads.tuning_rows import TUNING_IMAGES
from ..images.failures import find_unreadable
from ..images.sources import ImageSource
from ..networks.pooling import View
from ..runtime.resources import peak_memory, thread_count
from .result import ForecastResult, Part
from .timings import FitTimes, epoch_seconds, tuned_head

__all__ = ["WRITE_BYTES_PER_SECOND", "Prices"]

# Files are read for their digests for this long at most; remembered digests cost next to nothing.
DIGEST_SECONDS = 10.0
DIGESTS_AT_A_TIME = 1024
# The rate of writing a segment, checksum and fsync included; a disk of the year 2015 is as fast.
WRITE_BYTES_PER_SECOND = 2e8
# Of a row without its embedding: its digest, and its share of the segment's header.
ROW_BYTES = 48
# Known embeddings that heads are fitted to: as many as their parameters are chosen on.
KNOWN_ROWS = TUNING_IMAGES
# Copies that a head makes of a matrix: standardised, of a fold, and in float64.
COPIES = 4


class Prices:
    """The prices of what a command plans. What one part of it writes to the cache, later parts find there.

    Parameters
    ----------
    images : sequence of ImageSource
    labels : ndarray of shape (n,) or None
        Theirs, if heads are fitted.
    readers : sequence of ImageEstimator
        The first cache of these is looked into; only the digests of files are written to it.
    began : float
        The `time.perf_counter` at which the plan was begun: what planning takes, the command takes too.
    """

    def __init__(self, images: Sequence[ImageSource], labels: Any, *, readers: Sequence[Any], began: float) -> None:
        self.images, self.labels, self._planning = images, np.asarray(labels), 0.0
        self.cache = next(filter(None, [open_cache(reader.cache) for reader in readers]), None)
        self.verbose = any(reader.verbose for reader in readers)
        self.n_passes = self.n_cached = 0.0
        # Before heads are timed, whose memory is that of the parts.
        self._base_bytes = 0
        self.probed, self.unreadable = list[int](), set[int]()
        self._order = np.random.default_rng(0).permutation(len(images)).tolist()
        self._keys: dict[int, bytes] = {}
        self._written: dict[EmbeddingSpec, set[bytes]] = {}
        self._paces, self._seconds = dict[Any, Pace](), dict[Any, float]()
        self._widths: dict[EmbeddingSpec, int] = {}
        # By head and number of features, with all sizes that are fitted.
        self._fit_times: dict[tuple[str, int], tuple[FitTimes, list[int]]] = {}
        self._began = began + self._digest()

    def keys(self) -> list[bytes | None]:
        """Return what identifies the content of each image; None for images that were not read."""
        return [self._keys.get(row) for row in range(len(self.images))]

    def price(self, step: Passes | HeadFits | Epochs) -> Part:
        """Return the price of one step of a plan; the embeddings of passes count as cached from then on."""
        self._planning = self._planning or time.perf_counter() - self._began
        if isinstance(step, Passes):
            return self._passes(step)
        return self._fits(step) if isinstance(step, HeadFits) else self._epochs(step)

    def forwarding(self, passes: Passes, n_images: int) -> Part:
        """Return the price of forwarding so many images of which nothing is kept, at the pace of these passes."""
        return Part(passes.name, n_images * self._pace(passes).seconds, n_images=n_images)

    def _passes(self, passes: Passes) -> Part:
        missing, lacking = self._missing(passes)
        if missing >= 0.5:
            pace = self._pace(passes, lacking)
            # Some of those that were forwarded may have been unreadable.
            missing, lacking = self._missing(passes)
        if passes.kept:
            keys = {self._keys[row] for row in self._readable(passes) if row in self._keys}
            for view in passes.views:
                self._written[passes.spec(view)] |= keys
        n = len(self._readable(passes))
        self.n_passes, self.n_cached = self.n_passes + n, self.n_cached + n - missing
        if missing < 0.5:
            return Part(passes.name, 0.0)
        row_bytes = sum(matrix.shape[1] * matrix.itemsize + ROW_BYTES for matrix in pace.embeddings)
        disk = round(missing * row_bytes) if self.cache is not None else 0
        # A trained network is another network, and is built anew.
        seconds = missing * pace.seconds + disk / WRITE_BYTES_PER_SECOND + (0.0 if passes.kept else pace.start)
        return Part(passes.name, seconds, disk, n_images=round(missing))

    def _fits(self, fits: HeadFits) -> Part:
        self._base_bytes = self._base_bytes or peak_memory()
        spec = fits.passes.spec(fits.view)
        if spec not in self._widths:
            self._widths[spec] = self._embeddings(fits.passes, fits.view, PACE_IMAGES)[1].shape[1]
        key = str(fits.head.get_params()), self._widths[spec]
        if key not in self._fit_times:

            def read() -> tuple[np.ndarray, np.ndarray]:
                rows, known = self._embeddings(fits.passes, fits.view, KNOWN_ROWS)
                return known, self.labels[rows]

            self._fit_times[key] = FitTimes(fits.head, read, key[1], self.labels[fits.passes.rows]), []
        times, sizes = self._fit_times[key]
        sizes += fits.sizes
        # The largest first, since it tells how much has to be timed.
        seconds = sum(times.seconds(n, fits.predicted) for n in sorted(fits.sizes, reverse=True))
        memory = 4 * max(fits.sizes) * times.width * (len(fits.passes.views) + COPIES)
        return Part(fits.name, seconds, 0, memory)

    def _epochs(self, epochs: Epochs) -> Part:
        key = str({**epochs.classifier.get_params(deep=False), "random_state": None})
        if key not in self._seconds:
            rows, _ = self._embeddings(epochs.passes, epochs.passes.views[0], PACE_IMAGES)
            # As many as pass in a second: four epochs of forward and backward passes then take some ten.
            few = int(np.clip(1 / self._pace(epochs.passes).seconds, 16, PACE_IMAGES))
            self._seconds[key] = epoch_seconds(epochs, [self.images[row].content for row in rows[:few]])
        seconds = self._seconds[key] * epochs.number * (epochs.n_train + epochs.n_validation)
        name = f"train {count_text(epochs.number, 'epoch')}"
        return Part(name, seconds, epochs.weight_bytes, n_images=epochs.number * epochs.n_train)

    def _pace(self, passes: Passes, rows: Sequence[int] = ()) -> Pace:
        """Return the speed of a network, measured once on up to 64 images: of these rows if it is the first."""
        # Augmented draws differ in their seeds and cost the same.
        preprocessing = passes.source.preprocessing
        plain = replace(passes.source, preprocessing=preprocessing.with_draw(None, seed=0, draw=0))
        key = replace(passes, source=plain).spec(), preprocessing.augmentation is not None, *passes.views
        if key not in self._paces:
            if not self.probed:
                # Others are added to a small number of rows, because few images say little about the speed.
                first = set(rows)
                order = sorted(self._order, key=lambda row: row not in first)
                self.probed = [row for row in order if row not in self.unreadable][:PACE_IMAGES]
            self._paces[key] = pace = measure_pace(passes, [self.images[row] for row in self.probed], repeats=3)
            self._leave_out([self.probed[place] for place in pace.failed])
            self._base_bytes = 0
        return self._paces[key]

    def decoding(self) -> Part:
        """Return the price of decoding all images to find those that cannot be read."""
        rows, began = self._order[:PACE_IMAGES], time.perf_counter()
        some = [self.images[row] for row in rows]
        self._leave_out([rows[failure.index] for failure in find_unreadable(some)])
        seconds = (time.perf_counter() - began) * len(self.images) / max(1, len(some))
        return Part("decode all to find those that cannot be read", seconds, n_images=len(self.images))

    def forecast(self, parts: Sequence[Part], *, at_most: bool = False) -> ForecastResult:
        """Return the forecast of a command: its parts, those of equal names added up, and the passes counted so far."""
        start = sum(pace.start for pace in self._paces.values()) + (self._planning if self._paces else 0.0)
        merged: dict[str, Part] = {}
        for part in [self._reading, Part("load the network", start), *parts]:
            if part.seconds or part.disk_bytes:
                merged[part.name] = merged[part.name] + part if part.name in merged else part
        for times, sizes in self._fit_times.values():
            if (tuned := tuned_head(times.head)) is not None:
                announce_svm(tuned.spec(), sizes, times.width, tuned.tuning_images)
        return ForecastResult(
            n_images=len(self.images),
            n_passes=round(self.n_passes),
            n_cached=round(self.n_cached),
            about=self._reading.n_images > 0,
            n_probed=len(self.probed),
            n_unreadable=len(self.unreadable),
            at_most=at_most,
            base_bytes=self._base_bytes or peak_memory(),
            parts=list(merged.values()),
        )

    def _embeddings(self, passes: Passes, view: View, most: int) -> tuple[list[int], np.ndarray]:
        """Return random rows with their embeddings, from the cache or else up to 64 from the measured pace."""
        cached = self._cached(spec := passes.spec(view))
        rows = [row for row in self._order if self._keys.get(row) in cached][:most]
        if self.cache is not None and len(rows) >= min(PACE_IMAGES, len(passes.rows)):
            return rows, self.cache.get(spec, _matrix([self._keys[row] for row in rows]))[0]
        pace = self._pace(passes)
        if not pace.good:
            raise DatasetError("none of the images can be read", "See what they are.")
        return [self.probed[place] for place in pace.good], pace.embeddings[passes.views.index(view)]

    def _missing(self, passes: Passes) -> tuple[float, list[int]]:
        """Return the number of distinct readable images that lack some view, and their known rows."""
        readable = self._readable(passes)
        if not passes.kept:
            return float(len(readable)), readable
        known = [row for row in readable if row in self._keys]
        rows = {self._keys[row]: row for row in known}
        lacking: set[bytes] = set()
        for view in passes.views:
            spec = passes.spec(view)
            if spec not in self._written:
                self._written[spec] = self._cached(spec)
            lacking |= rows.keys() - self._written[spec]
        missing = len(lacking) * len(readable) / len(known) if known else float(len(readable))
        return missing, [rows[key] for key in lacking] if known else readable

    def _readable(self, passes: Passes) -> list[int]:
        """Return the rows of passes without those of images that are known to be unreadable."""
        return [row for row in passes.rows.tolist() if row not in self.unreadable]

    def _leave_out(self, rows: Sequence[int]) -> None:
        """Note images that cannot be read, and with them their copies."""
        keys = {self._keys[row] for row in rows if row in self._keys}
        self.unreadable |= {*rows, *(row for row, key in self._keys.items() if key in keys)}

    def _cached(self, spec: EmbeddingSpec) -> set[bytes]:
        """Return the keys of the images whose embeddings are in the cache."""
        keys = list(set(self._keys.values()))
        there = self.cache.contains(spec, _matrix(keys)) if self.cache is not None and keys else ()
        return {key for key, found in zip(keys, there, strict=False) if found}

    def _digest(self) -> float:
        """Read the digests of the images in a random order, for a few seconds at most; return the seconds."""
        memory = FileDigests(None) if self.cache is None else self.cache.digests
        began, done = time.perf_counter(), 0
        while done < len(self._order) and (not done or time.perf_counter() - began < DIGEST_SECONDS):
            rows = self._order[done : done + DIGESTS_AT_A_TIME]
            keys = image_keys(
                [self.images[row] for row in rows], memory, threads=thread_count(None), verbose=self.verbose
            )
            self._keys |= {row: key for row, key in zip(rows, keys, strict=True) if isinstance(key, bytes)}
            self.unreadable |= set(rows) - self._keys.keys()
            done += len(rows)
        spent, left = time.perf_counter() - began, len(self._order) - done
        self._reading = Part("read files to tell which are cached", left * spent / max(1, done), n_images=left)
        return spent


def _matrix(keys: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32)
