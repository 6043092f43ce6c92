"""Paths go in, SHA-256 digests of the files' bytes come out, remembered while the files stay as they were."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["FileDigests", "default_cache_dir", "digest_array", "digest_bytes"]

# A file changed again within the clock's granularity keeps its mtime: younger entries are not trusted.
FRESH_NS = 2_000_000_000
LOOKUP = 20_000
# Files that one object keeps in mind beside the SQLite file, some 300 bytes each.
KNOWN = 200_000

# Size, modification time and inode.
_Version = tuple[int, int, int]
MOST = (1 << 63) - 1
# A file in mind is one run of bytes, so that a hundred thousand are compared at once: its version and its digest.
ENTRY = struct.Struct("=3q32s")
ENTRIES = np.dtype([("version", "=i8", 3), ("digest", "V32")])
UNKNOWN = ENTRY.pack(-1, -1, -1, b"")
STATUS = attrgetter("st_mode", "st_size", "st_mtime_ns", "st_ino")
ABSENT = SimpleNamespace(st_mode=-1, st_size=0, st_mtime_ns=0, st_ino=0)


def default_cache_dir() -> Path:
    """Return the folder of the default cache: $FEATX_CACHE, or the user's cache folder."""
    if chosen := os.environ.get("FEATX_CACHE"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("featx", appauthor=False))


def digest_bytes(data: bytes) -> bytes:
    """Return the 32 bytes of the SHA-256."""
    return hashlib.sha256(data).digest()


def digest_array(array: np.ndarray) -> bytes:
    """Return the SHA-256 of an array's shape, dtype and bytes."""
    checksum = hashlib.sha256(f"{array.shape}{array.dtype.str}".encode())
    checksum.update(np.ascontiguousarray(array).data)
    return checksum.digest()


# SQLite quotes damaged bytes in its messages, which then are no text.
DAMAGE = (sqlite3.Error, OSError, UnicodeDecodeError)


class FileDigests:
    """A memory of file digests in one SQLite file.

    An entry holds as long as the file's size, modification time and inode stay the same; what was modified less
    than two seconds before it was read is not remembered. When the memory cannot be read or written, files are
    digested each time: nothing depends on it.

    Parameters
    ----------
    path : Path or None
        The SQLite file; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[str, bytes] = {}
        self._depths: dict[bytes, bool] = {}

    def digest(
        self,
        paths: Sequence[str],
        *,
        map: Callable[[Callable[[str], Any], Iterable[str]], Iterable[Any]] = map,
    ) -> list[bytes | OSError]:
        """Return for each file its 32-byte digest, or the error that reading it gave.

        Parameters
        ----------
        paths : sequence of str
        map : callable, default=map
            Applies the reading to the files that are not remembered; a thread pool's `map` fits.
        """
        versions, errors = _versions(paths)
        known, digests = self._in_mind(paths, versions)
        results: list[bytes | OSError] = digests
        for number, error in errors.items():
            results[number] = error
        if not known.all():
            rest = [number for number in np.flatnonzero(~known).tolist() if number not in errors]
            for number, digest in self._look_up(paths, rest, versions, map):
                results[number] = digest
        return results

    def _in_mind(self, paths: Sequence[str], versions: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """Return which files this object knows in that version, and their digests among other bytes."""
        entries = np.frombuffer(b"".join(map(self._known.get, paths, repeat(UNKNOWN))), ENTRIES)
        return (entries["version"] == versions).all(axis=1), entries["digest"].tolist()

    def _look_up(
        self, paths: Sequence[str], numbers: list[int], versions: np.ndarray, map: Callable[..., Iterable[Any]]
    ) -> Iterator[tuple[int, bytes | OSError]]:
        """Yield the digests of the files whose paths this object does not know, remembered or read."""
        # An absolute path is kept as the caller's own string, which costs no memory.
        keys = [key if (key := os.path.abspath(path)) != path else path for path in (paths[n] for n in numbers)]
        known, digests = self._in_mind(keys, versions[numbers])
        yield from ((numbers[place], digests[place]) for place in np.flatnonzero(known))
        places = {
            number: (key, tuple(versions[number].tolist()))
            for number, key, here in zip(numbers, keys, known, strict=True)
            if not here
        }
        remembered = self._recall(sorted({key for key, _ in places.values()}))
        unknown: dict[tuple[str, _Version], int] = {}
        for number, place in places.items():
            if place not in remembered:
                unknown.setdefault(place, number)
        old = time.time_ns() - FRESH_NS
        read = dict(zip(unknown, map(_read_digest, [paths[n] for n in unknown.values()]), strict=True))
        fresh = {key: r for (key, _), r in read.items() if isinstance(r, tuple) and r[0][1] < old}
        self._remember(fresh)
        for number, place in places.items():
            outcome = read[place] if place in read else remembered[place]
            yield number, outcome[1] if isinstance(outcome, tuple) else outcome
        if self.path is not None and len(self._known) < KNOWN:
            for key, version in places.values():
                if (digest := remembered.get((key, version))) is not None:
                    self._known[key] = ENTRY.pack(*version, digest)
            self._known.update({key: ENTRY.pack(*version, digest) for key, (version, digest) in fresh.items()})

    def names(self) -> dict[bytes, str]:
        """Return one remembered path for each digest."""
        if self.path is None or not os.path.exists(self.path):
            return {}
        try:
            with self._connect() as connection:
                rows = connection.execute("SELECT digest, path FROM files ORDER BY path DESC")
                return {
                    digest: os.fsdecode(path) for digest, path in rows if _is_digest(digest) and type(path) is bytes
                }
        except DAMAGE:
            return {}

    def depths(self, digests: Iterable[bytes]) -> dict[bytes, bool]:
        """Return, as far as it is remembered, which contents hold more than 8 bits a channel."""
        unknown = [digest for digest in digests if digest not in self._depths]
        if unknown and self.path is not None and os.path.exists(self.path):
            query = "SELECT digest, high FROM depths WHERE digest IN ({})"
            with contextlib.suppress(*DAMAGE):
                self._depths.update(
                    (d, h == 1) for d, h in self._select(query, unknown) if _is_digest(d) and h in (0, 1)
                )
        return {digest: self._depths[digest] for digest in digests if digest in self._depths}

    def remember_depths(self, depths: Mapping[bytes, bool]) -> None:
        """Remember which contents hold more than 8 bits a channel."""
        self._depths.update(depths)
        self._write(
            "CREATE TABLE IF NOT EXISTS depths (digest BLOB PRIMARY KEY, high INTEGER) WITHOUT ROWID",
            "INSERT OR REPLACE INTO depths VALUES (?, ?)",
            [(digest, int(high)) for digest, high in depths.items()],
        )

    def _recall(self, keys: list[str]) -> dict[tuple[str, _Version], bytes]:
        """Return the remembered digests by path and version."""
        if self.path is None or not os.path.exists(self.path):
            return {}
        found = {}
        query = "SELECT path, size, mtime_ns, inode, digest FROM files WHERE path IN ({})"
        try:
            for path, *version, digest in self._select(query, [os.fsencode(key) for key in keys]):
                if _is_digest(digest):
                    found[os.fsdecode(path), tuple(version)] = digest
        except DAMAGE:
            return {}
        return found

    def _remember(self, read: dict[str, tuple[_Version, bytes]]) -> None:
        self._write(
            "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, "
            "inode INTEGER, digest BLOB) WITHOUT ROWID",
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
            [(os.fsencode(key), *version, digest) for key, (version, digest) in read.items()],
        )

    def _select(self, query: str, values: list[bytes]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query with `IN ({})` for all values, a portion at a time."""
        with self._connect() as connection:
            limit = min(LOOKUP, connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
            for start in range(0, len(values), limit):
                some = values[start : start + limit]
                yield from connection.execute(query.format(",".join("?" * len(some))), some)

    def _write(self, table: str, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Write rows; a memory that cannot be written remembers nothing."""
        if self.path is None or not rows:
            return
        with contextlib.suppress(*DAMAGE):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect() as connection:
                connection.execute(table)
                connection.executemany(statement, rows)

    def _connect(self) -> _Connection:
        return _Connection(self.path)


class _Connection:
    """A SQLite connection that commits and closes at the end of its block."""

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(str(path), timeout=10)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._connection.commit()
        finally:
            self._connection.close()


def _is_digest(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def _versions(paths: Sequence[str]) -> tuple[np.ndarray, dict[int, OSError]]:
    """Return the versions of the files, int64 (n, 3), and what is wrong with some of them; one stat for each."""
    failed: list[OSError] = []

    def statuses() -> Iterator[Any]:
        left = iter(paths)
        while True:
            try:
                yield from map(os.stat, left)
                return
            except OSError as error:
                failed.append(error)
            except ValueError as error:  # a NUL in the name
                failed.append(OSError(str(error)))
            yield ABSENT

    # Loops in C: this runs for every image of every fold of every search.
    try:
        numbers = np.fromiter(chain.from_iterable(map(STATUS, statuses())), np.int64, 4 * len(paths))
    except OverflowError:
        failed.clear()
        rows = [(status.st_mode, *_version(status)) for status in statuses()]
        numbers = np.array(rows, np.int64)
    numbers = numbers.reshape(-1, 4)
    modes = numbers[:, 0]
    errors: dict[int, OSError] = dict(zip(np.flatnonzero(modes == ABSENT.st_mode).tolist(), failed, strict=True))
    for number in np.flatnonzero((modes != ABSENT.st_mode) & (modes & stat.S_IFMT(0xFFFF) != stat.S_IFREG)).tolist():
        errors[number] = OSError("not a regular file")
    return numbers[:, 1:], errors


def _version(status: Any) -> _Version:
    """Return what identifies a file's version, in numbers of 63 bits."""
    return status.st_size, min(status.st_mtime_ns, MOST), status.st_ino & MOST


def _read_digest(path: str) -> tuple[_Version, bytes] | OSError:
    """Return what identifies the version that was read, and its digest."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return error
    return _version(found), digest
