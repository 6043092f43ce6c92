"""Write and read segments: immutable HDF5 files of embeddings with checksums.

A segment holds `digests` uint8 (n, 32) and `embeddings` float32, float16 or int16 (n, d), contiguous. It is written
under a temporary name, fsynced and renamed, and never touched again. Its HDF5 user block, the free space before the
HDF5 part, holds a header in JSON with a checksum of its own: the spec, the shape, the dtype unless it is float32, the
offset and SHA-256 of both data sets, and the SHA-256 of the bytes around them. Reading needs nothing else and uses
plain file reads, for three reasons: HDF5's library can crash or hang on damaged metadata, its gathering of scattered
rows is several times slower, and a memory map of a truncated file can end the process.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import stat
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np

from .files import committed, sync_folder
from .hdf5 import GuardedFile
from .scattered_rows import puts_rows_in_places, read_scattered_rows
from .segment_header import DTYPES, FLOAT32, FORMAT, MAGIC, checksum_outside, data_places, header_bytes, stored_dtype
from .spec import EmbeddingSpec

__all__ = [
    "DAMAGED",
    "SUFFIX",
    "Segment",
    "SegmentDamagedError",
    "mismatched_segments",
    "sort_keys",
    "write_segment",
]

SUFFIX = ".h5"
DAMAGED = ".damaged"
DIGEST_BYTES = 32
# Small enough to stay in a processor's cache while its rows are copied to their places.
BLOCK = 1 << 20
# To seek takes as long as to read so many bytes: rows that are further apart are read one by one.
SEEK_BYTES = 20 << 10
# The most threads that read a segment, and how many bytes make another thread worthwhile.
READ_THREADS = min(4, os.cpu_count() or 1)
BYTES_PER_THREAD = 16 << 20


class SegmentDamagedError(Exception):
    """Raised if a segment does not match its header or checksums, or is of a `later` version; with path and reason."""

    def __init__(self, path: Path, reason: str, *, later: bool = False) -> None:
        super().__init__(path, reason)
        self.path, self.reason, self.later = path, reason, later


def write_segment(
    folder: Path, spec: EmbeddingSpec, n_rows: int, digests: Iterator[np.ndarray], blocks: Iterator[np.ndarray]
) -> Path:
    """Commit one segment and return its path.

    Parameters
    ----------
    folder : Path
    spec : EmbeddingSpec
    n_rows : int
    digests : iterator of ndarray of uint8, shape (n, 32)
        The digests of all rows in order, in pieces of any size, so that a merge never holds them all.
    blocks : iterator of ndarray of float32, float16 or int16
        The rows, in pieces of any size. The first one determines the dtype.
    """
    import h5py  # not at the top: reading segments does without

    final = folder / f"{uuid.uuid4().hex}{SUFFIX}"
    room = 1 << (len(json.dumps(spec.to_json())) + 1024).bit_length()
    with committed(final) as temporary, GuardedFile(temporary, "w+") as output:
        with h5py.File(output, "w", userblock_size=room) as file:
            file.attrs["spec"] = spec.to_json()
            stored = file.create_dataset("digests", (n_rows, 32), dtype="u1")
            names = hashlib.sha256()
            start = 0
            for piece in digests:
                stored[start : start + len(piece)] = piece
                names.update(np.ascontiguousarray(piece).data)
                start += len(piece)
            checksum = hashlib.sha256()
            dataset, n_digests, start = None, start, 0
            for block in blocks:
                if dataset is None:
                    dtype = stored_dtype(block.dtype)
                    dataset = file.create_dataset("embeddings", (n_rows, block.shape[1]), dtype=dtype)
                rows = np.ascontiguousarray(block, dtype=dtype)
                dataset[start : start + len(rows)] = rows
                output.check()
                checksum.update(rows.data)
                start += len(rows)
            if dataset is None or not start == n_digests == n_rows:
                raise ValueError(f"{n_digests} digests and {start} embeddings for {n_rows} rows")
            header: dict[str, Any] = {
                "format": FORMAT,
                "spec": spec.to_json(),
                "shape": dataset.shape,
                "digests": [stored.id.get_offset(), names.hexdigest()],
                "embeddings": [dataset.id.get_offset(), checksum.hexdigest()],
            }
            if dtype.str != FLOAT32:
                header["dtype"] = dtype.str
        output.check()
        header["rest"] = hashlib.sha256().hexdigest()  # a placeholder of the same length
        parts = [(0, len(header_bytes(header))), *data_places(header, dtype.itemsize)]
        header["rest"] = checksum_outside(output, parts)
        output.seek(0)
        output.write(header_bytes(header))
        output.check()
        os.fsync(output.fileno())
    sync_folder(folder)
    return final


class Segment:
    """One committed segment, opened for reading without HDF5, whose library can crash or hang on damaged metadata.

    Opening checks the header and the digests; `verify` checks the embeddings, and `read` calls it once.

    Attributes
    ----------
    n_rows, width : int
    dtype : dtype of float32, float16 or int16
    row_bytes : int
    digests_offset : int
        Where in the file they begin.

    Raises
    ------
    SegmentDamagedError
        If the file is not a segment of the spec, its dtype is unknown, or its digests do not match their checksum.
    FileNotFoundError
        If another process has merged or pruned it.
    """

    def __init__(self, path: Path, spec: EmbeddingSpec | None = None) -> None:
        self.path = path
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block for ever
            raise SegmentDamagedError(path, "not a regular file")
        with open(path, "rb") as file:
            start = file.read(len(MAGIC) + 74)
            checksum, size = start[len(MAGIC) :][:64], start[-9:-1]
            text = file.read(int(size)) if start.startswith(MAGIC) and size.isdigit() else b""
            if hashlib.sha256(text).hexdigest().encode() != checksum or start[-10:] != b" %08d " % len(text):
                raise SegmentDamagedError(path, "not a segment, or its header does not match its checksum")
            try:
                header = json.loads(text)
                digests_checksum = self._parse_header(header, os.fstat(file.fileno()).st_size)
                parts = [(0, len(start) + len(text)), *data_places(header, self.dtype.itemsize)]
                # Segments of earlier versions have no such checksum.
                sound = "rest" not in header or checksum_outside(file, parts) == header["rest"]
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                raise SegmentDamagedError(path, "its header is not a segment's") from error
            if spec is not None and self.spec_json != spec.to_json():
                raise SegmentDamagedError(path, "belongs to another spec")
            if not sound:
                raise SegmentDamagedError(path, "the bytes around its rows do not match their checksum")
            if _checksum(file, self.digests_offset, self.n_rows * DIGEST_BYTES) != digests_checksum:
                raise SegmentDamagedError(path, "the digests do not match their checksum")
        self._verified = False

    def _parse_header(self, header: dict[str, Any], size: int) -> str:
        """Check and take over the header of a file of that size; return the checksum of the digests."""
        if header["format"] != FORMAT:
            reason = f"it is of format {header['format']}, and this featx reads {FORMAT}: update featx"
            raise SegmentDamagedError(self.path, reason, later=header["format"] > FORMAT)
        self.spec_json = header["spec"]
        self.n_rows, self.width = header["shape"]
        if (dtype := header.get("dtype", FLOAT32)) not in DTYPES:
            raise SegmentDamagedError(self.path, f"dtype {dtype!r}, this featx reads {', '.join(DTYPES)}")
        self.dtype = np.dtype(dtype)
        self.row_bytes = self.width * self.dtype.itemsize
        self.digests_offset, checksum = header["digests"]
        self._offset, self._checksum = header["embeddings"]
        numbers = (self.n_rows, self.width, self.digests_offset, self._offset)
        whole = all(type(n) is int and n >= 0 for n in numbers) and (self.width or not self.n_rows)
        # Before anything of that size is allocated.
        ends = self.digests_offset + DIGEST_BYTES * self.n_rows, self._offset + self.n_rows * self.row_bytes
        if not whole or max(ends) > size:
            raise SegmentDamagedError(self.path, f"truncated, or its shape {header['shape']} is impossible")
        return str(checksum)

    @property
    def digests(self) -> np.ndarray:
        """The digests of all rows, uint8 (n_rows, 32), read from the file: a cache may have more than fit in memory."""
        return self.digests_of(np.arange(self.n_rows))

    def digests_of(self, rows: np.ndarray) -> np.ndarray:
        """Read the digests of increasing `rows`."""
        out = np.empty((len(rows), DIGEST_BYTES), np.uint8)
        self._read(self.digests_offset, rows, out, np.arange(len(rows)))
        return out

    def read(self, rows: np.ndarray, out: np.ndarray, places: np.ndarray) -> None:
        """Put the embeddings of increasing `rows` at `out[places]`, in block reads that skip unneeded rows."""
        self.verify()
        # The system clears and fills fresh memory for several threads at once; NumPy scatters rows over it for one.
        parts = min(READ_THREADS, len(rows) * self.row_bytes // BYTES_PER_THREAD)
        if parts < 2 or not (puts_rows_in_places(BLOCK // self.row_bytes) or (np.diff(places) == 1).all()):
            self._read(self._offset, rows, out, places)
            return
        cuts = np.linspace(0, len(rows), parts + 1).astype(int).tolist()
        with ThreadPoolExecutor(parts) as pool:
            pairs = itertools.pairwise(cuts)
            reads = [pool.submit(self._read, self._offset, rows[a:b], out, places[a:b]) for a, b in pairs]
        for read in reads:
            read.result()

    def _read(self, offset: int, rows: np.ndarray, out: np.ndarray, places: np.ndarray) -> None:
        row_bytes = out.itemsize * out.shape[1]
        height = max(1, BLOCK // row_bytes)
        buffer = np.empty((height, out.shape[1]), out.dtype)
        with open(self.path, "rb", buffering=0) as file:
            start = 0
            while start < len(rows):
                first = int(rows[start])
                stop = int(np.searchsorted(rows, first + height))
                last = int(rows[stop - 1])
                wanted, where = rows[start:stop] - first, places[start:stop]
                every, aligned = (np.diff(wanted) == 1).all(), (np.diff(where) == 1).all()
                if (last - first + 1) * row_bytes > SEEK_BYTES * (stop - start):
                    for row, place in zip(rows[start:stop].tolist(), where.tolist(), strict=True):
                        self._fill(file, offset + row * row_bytes, out[place : place + 1])
                elif every and aligned:
                    self._fill(file, offset + first * row_bytes, out[where[0] : where[-1] + 1])
                elif (
                    aligned
                    or not puts_rows_in_places(height)
                    or not read_scattered_rows(file, offset + first * row_bytes, wanted, out, where, buffer)
                ):
                    block = self._fill(file, offset + first * row_bytes, buffer[: last - first + 1])
                    if aligned:
                        np.take(block, wanted, axis=0, out=out[where[0] : where[-1] + 1], mode="clip")
                    else:
                        out[where] = block if every else block[wanted]
                start = stop

    def blocks(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield the embeddings, or those of increasing `rows`, in blocks of a megabyte."""
        self.verify()
        height = max(1, BLOCK // self.row_bytes)
        with open(self.path, "rb", buffering=0) as file:
            for first in range(0, self.n_rows, height):
                count = min(height, self.n_rows - first)
                block = np.empty((count, self.width), self.dtype)
                self._fill(file, self._offset + first * self.row_bytes, block)
                if rows is not None:
                    start, stop = np.searchsorted(rows, (first, first + count))
                    block = block[rows[start:stop] - first]
                yield block

    def verify(self, *, again: bool = False) -> None:
        """Check the embeddings against their checksum, once for each opening unless `again`.

        Raises
        ------
        SegmentDamagedError
        """
        if self._verified and not again:
            return
        with open(self.path, "rb", buffering=0) as file:
            checksum = _checksum(file, self._offset, self.n_rows * self.row_bytes)
        if checksum != self._checksum:
            raise SegmentDamagedError(self.path, "the embeddings do not match their checksum")
        self._verified = True

    def _fill(self, file: io.FileIO, start: int, block: np.ndarray) -> np.ndarray:
        """Read the bytes of a file from `start` on into contiguous memory and return it."""
        file.seek(start)
        view = block.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(view):
            read = file.readinto(view[done:])
            if not read:
                raise SegmentDamagedError(self.path, "truncated")
            done += read
        return block


def _checksum(file: IO[bytes], start: int, size: int) -> str:
    """Return the SHA-256 of a part of a file, or of what there is of it."""
    checksum = hashlib.sha256()
    file.seek(start)
    while size and (data := file.read(min(BLOCK, size))):
        checksum.update(data)
        size -= len(data)
    return checksum.hexdigest()


def mismatched_segments(segments: list[Segment]) -> list[SegmentDamagedError]:
    """Return an error for each segment whose rows differ in dtype or width from those of the segment with most rows."""
    if not segments:
        return []
    one = min(segments, key=lambda s: (-s.n_rows, s.path.name))
    return [
        SegmentDamagedError(s.path, f"rows of {s.width} {s.dtype} in a spec with rows of {one.width} {one.dtype}")
        for s in segments
        if (s.dtype, s.width) != (one.dtype, one.width)
    ]


def sort_keys(digests: np.ndarray) -> np.ndarray:
    """Return the first eight bytes of each digest as an integer, which is fast to sort and search by."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64)
