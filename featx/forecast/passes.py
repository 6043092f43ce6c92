"""Count the forward passes that a command will make, given what is cached, and estimate their time and disk space."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cache import EmbeddingCache, EmbeddingSpec, FileDigests
from ..exceptions import DatasetError, ImageDecodeError
from ..extraction.digests import image_keys
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.pooling import View
from ..runtime.deadlines import map_with_deadline
from .probe import PROBE_IMAGES, ForwardOptions, ProbeResult, peak_memory, probe_network
from .result import ForecastResult, Part

__all__ = ["CountedPasses"]

# Files are read for their digests for this long at most; remembered digests cost next to nothing.
DIGEST_SECONDS = 10.0
DIGEST_FIRST = 256
# The rate of writing a segment, checksum and fsync included; a disk of the year 2015 is as fast.
WRITE_BYTES_PER_SECOND = 2e8
# Of a row without its embedding: its digest, and its share of the segment's header.
ROW_BYTES = 48
MOST_EMBEDDINGS = 2048


class CountedPasses:
    """The forward passes of a command, counted without making them.

    What one part of the command writes to the cache, later parts find there.

    Parameters
    ----------
    images : sequence of ImageSource
    cache : EmbeddingCache or None
        Only the digests of files are written to it.
    verbose : bool, default=False
        Show a progress bar while files are read.
    """

    def __init__(self, images: Sequence[ImageSource], *, cache: EmbeddingCache | None, verbose: bool = False) -> None:
        self.images = images
        self.cache = cache
        self.verbose = verbose
        self.n_passes = self.n_cached = 0.0
        self.probed: list[int] = []
        self.unreadable: set[int] = set()
        self._order = np.random.default_rng(0).permutation(len(images))
        self._there: dict[EmbeddingSpec, np.ndarray] = {}
        self._probes: dict[Any, tuple[np.ndarray, ProbeResult]] = {}
        self._digest()

    @property
    def about(self) -> bool:
        """Whether the content of only some images is known."""
        return len(self._known) + len(self.unreadable) < len(self.images)

    def keys(self) -> list[bytes | None]:
        """Return what identifies the content of each image; None for images that were not read."""
        return [self._keys[place].tobytes() if place >= 0 else None for place in self._places]

    def digesting(self) -> Part | None:
        """Return the part of reading the files whose digests are not known yet, or None."""
        if not self.about:
            return None
        left = len(self.images) - len(self._known) - len(self.unreadable)
        return Part("read files to tell which are cached", left * self._digest_seconds, n_images=left)

    def passes(
        self,
        source: BackboneSource,
        views: Sequence[View],
        rows: np.ndarray | None = None,
        *,
        forwarding: ForwardOptions,
        name: str = "forward",
        kept: bool = True,
    ) -> Part:
        """Return the part of computing the embeddings of some rows, which count as cached from then on.

        Parameters
        ----------
        source : BackboneSource
        views : sequence of (layer, pooling)
            Computed by one pass.
        rows : ndarray of int, default=None
            None means all images.
        forwarding : ForwardOptions
        name : str, default="forward"
            Of the part.
        kept : bool, default=True
            False for a network that does not exist yet, whose embeddings cannot be cached.
        """
        rows = np.arange(len(self.images)) if rows is None else rows
        missing, some = self._missing(source, views, rows, forwarding) if kept else (float(len(rows)), rows)
        self.n_passes += len(rows)
        self.n_cached += len(rows) - missing
        if missing < 0.5:
            return Part(name, 0.0)
        probe = self.probe(source, views, forwarding, some)
        disk = round(missing * (probe.row_bytes + ROW_BYTES * len(views))) if self.cache is not None else 0
        return Part(
            name, missing * probe.seconds_per_image + disk / WRITE_BYTES_PER_SECOND, disk, n_images=round(missing)
        )

    def starts(self) -> Part:
        """Return the part of loading the libraries and building the networks that were probed so far."""
        return Part("load the network", sum(probe.start for _, probe in self._probes.values()))

    def probe(
        self, source: BackboneSource, views: Sequence[View], forwarding: ForwardOptions, rows: np.ndarray
    ) -> ProbeResult:
        """Return the speed of a network, measured once on up to 64 images: of these rows if it is the first."""
        # Augmented draws differ in their seeds and cost the same.
        plain = dataclasses.replace(source, preprocessing=source.preprocessing.with_draw(None, seed=0, draw=0))
        spec = plain.spec(views[0], forwarding.precision)
        key = spec, source.preprocessing.augmentation is not None, tuple(views), forwarding
        if key not in self._probes:
            if not self.probed:
                # Other images are added to a small number of rows, because few images say little about the speed.
                others = np.setdiff1d(np.arange(len(self.images)), rows)
                self.probed = [*self._sample(rows), *self._sample(others)][:PROBE_IMAGES]
            probe = probe_network([self.images[row] for row in self.probed], source, views, forwarding=forwarding)
            self._probes[key] = np.array([self.probed[place] for place in probe.places], dtype=int), probe
            self.unreadable |= {self.probed[failure.index] for failure in probe.failures}
        return self._probes[key][1]

    def readable(self) -> list[ImageSource]:
        """Return the probed images that could be read."""
        return [self.images[row] for row in self.probed if row not in self.unreadable]

    def _sample(self, rows: np.ndarray) -> list[int]:
        """Return the rows in a random order, without those that are known to be unreadable."""
        return [int(row) for row in self._order[np.isin(self._order, rows)] if row not in self.unreadable]

    def decoding(self) -> Part:
        """Return the part of decoding all images to find those that cannot be read."""
        some = [self.images[row] for row in self._order[:PROBE_IMAGES]]
        threads = min(4, os.cpu_count() or 1)
        began = time.perf_counter()
        for _ in map_with_deadline(_load, some, threads=threads):
            pass
        seconds = (time.perf_counter() - began) * len(self.images) / max(1, len(some))
        return Part("decode all to find those that cannot be read", seconds, n_images=len(self.images))

    def forecast(self, parts: Sequence[Part | None], *, at_most: bool = False) -> ForecastResult:
        """Return the forecast of a command: its parts, those of equal names added up, and the passes counted so far."""
        merged: dict[str, Part] = {}
        for part in parts:
            if part is not None and (part.seconds or part.disk_bytes):
                merged[part.name] = merged[part.name] + part if part.name in merged else part
        return ForecastResult(
            n_images=len(self.images),
            n_passes=round(self.n_passes),
            n_cached=round(self.n_cached),
            about=self.about,
            n_probed=len(self.probed),
            n_unreadable=len(self.unreadable),
            at_most=at_most,
            base_bytes=peak_memory(),
            parts=list(merged.values()),
        )

    def embeddings(
        self, source: BackboneSource, view: View, forwarding: ForwardOptions
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return up to 2,048 random rows with their embeddings, from the cache or else from the probe.

        Raises
        ------
        DatasetError
            If none of the images could be read.
        """
        spec = source.spec(view, forwarding.precision)
        known = self._order[self._places[self._order] >= 0]
        there = known[:0]
        if self.cache is not None and len(known):
            there = known[self.cache.contains(spec, self._keys[self._places[known]])][:MOST_EMBEDDINGS]
        if len(there) < PROBE_IMAGES:
            for (first, augmented, views, _), (rows, probe) in self._probes.items():
                alike = not augmented and dataclasses.replace(first, layer=view[0], pooling=view[1]) == spec
                if alike and view in views and len(rows):
                    return rows, probe.embeddings[views.index(view)]
        if self.cache is not None and len(there):
            return there, self.cache.get(spec, self._keys[self._places[there]])[0]
        raise DatasetError("none of the images can be read", "See what they are.")

    def _missing(
        self, source: BackboneSource, views: Sequence[View], rows: np.ndarray, forwarding: ForwardOptions
    ) -> tuple[float, np.ndarray]:
        """Return the number of distinct images that lack some view, and their known rows; count them as cached now."""
        places = self._places[rows]
        known, first = np.unique(places, return_index=True)
        known, first = known[known >= 0], first[known >= 0]
        there = [self._in_cache(source.spec(view, forwarding.precision)) for view in views]
        lacking = ~np.logical_and.reduce([found[known] for found in there])
        for found in there:
            found[known] = True
        readable = len(rows) - int(np.isin(rows, list(self.unreadable)).sum())
        seen = int((places >= 0).sum())
        missing = float(lacking.sum()) * readable / seen if seen else float(readable)
        return missing, rows[first[lacking]] if seen else rows

    def _digest(self) -> None:
        """Read the digests of the images in a random order, for a few seconds at most."""
        memory = FileDigests(None) if self.cache is None else self.cache.digests
        found: list[tuple[int, bytes]] = []
        began, done, height = time.perf_counter(), 0, DIGEST_FIRST
        threads = min(4, os.cpu_count() or 1)
        while done < len(self._order):
            rows = [int(row) for row in self._order[done : done + height]]
            some = [self.images[row] for row in rows]
            digests = image_keys(some, memory, threads=threads, verbose=self.verbose)
            for row, digest in zip(rows, digests, strict=True):
                if isinstance(digest, bytes):
                    found.append((row, digest))
                else:
                    self.unreadable.add(row)
            done, height = done + height, 2 * height
            if time.perf_counter() - began > DIGEST_SECONDS:
                break
        self._digest_seconds = (time.perf_counter() - began) / max(1, min(done, len(self._order)))
        self._known = [row for row, _ in found]
        keys = np.frombuffer(b"".join(digest for _, digest in found), np.uint8).reshape(-1, 32)
        self._keys, inverse = np.unique(keys, axis=0, return_inverse=True)
        self._places = np.full(len(self.images), -1)
        self._places[self._known] = inverse.reshape(-1)

    def _in_cache(self, spec: EmbeddingSpec) -> np.ndarray:
        if spec not in self._there:
            nothing = np.zeros(len(self._keys), dtype=bool)
            there = nothing if self.cache is None or not len(self._keys) else self.cache.contains(spec, self._keys)
            self._there[spec] = np.array(there)
        return self._there[spec]


def _load(image: ImageSource) -> bool:
    try:
        image.load()
    except ImageDecodeError:
        return False
    return True
