"""Paths go in, SHA-256 digests of the files' bytes come out, remembered while the files stay as they were."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
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
        self._known: dict[str, tuple[_Version, bytes]] = {}

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
        results: list[bytes | OSError] = []
        rest: dict[int, _Version] = {}
        for number, path in enumerate(paths):
            found = _version(path)
            entry = self._known.get(path if path[:1] == "/" else os.path.abspath(path))
            if entry is not None and entry[0] == found:
                results.append(entry[1])
            elif isinstance(found, OSError):
                results.append(found)
            else:
                results.append(b"")
                rest[number] = found
        if rest:
            for number, digest in self._look_up(paths, rest, map):
                results[number] = digest
        return results

    def _look_up(
        self, paths: Sequence[str], versions: dict[int, _Version], map: Callable[..., Iterable[Any]]
    ) -> Iterator[tuple[int, bytes | OSError]]:
        """Yield the digests of the files that this object does not know, remembered or read."""
        keys = {number: os.path.abspath(paths[number]) for number in versions}
        remembered = self._recall(sorted(set(keys.values())))
        unknown: dict[tuple[str, _Version], int] = {}
        for number, key in keys.items():
            if (entry := remembered.get(key)) is None or entry[0] != versions[number]:
                unknown.setdefault((key, versions[number]), number)
        old = time.time_ns() - FRESH_NS
        read = dict(zip(unknown, map(_read_digest, [paths[n] for n in unknown.values()]), strict=True))
        fresh = {key: r for (key, _), r in read.items() if isinstance(r, tuple) and r[0][1] < old}
        self._remember(fresh)
        for number, key in keys.items():
            place = key, versions[number]
            outcome = read[place] if place in read else remembered[key]
            yield number, outcome if isinstance(outcome, OSError) else outcome[1]
        if self.path is not None and len(self._known) < KNOWN:
            self._known.update({key: remembered[key] for key in keys.values() if key in remembered} | fresh)

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

    def _recall(self, keys: list[str]) -> dict[str, tuple[_Version, bytes]]:
        if self.path is None or not os.path.exists(self.path):
            return {}
        found = {}
        query = "SELECT path, size, mtime_ns, inode, digest FROM files WHERE path IN ({})"
        try:
            with self._connect() as connection:
                limit = min(LOOKUP, connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
                for start in range(0, len(keys), limit):
                    some = [os.fsencode(key) for key in keys[start : start + limit]]
                    for path, *version, digest in connection.execute(query.format(",".join("?" * len(some))), some):
                        if _is_digest(digest):
                            found[os.fsdecode(path)] = tuple(version), digest
        except DAMAGE:
            return {}
        return found

    def _remember(self, read: dict[str, tuple[_Version, bytes]]) -> None:
        if self.path is None or not read:
            return
        rows = [(os.fsencode(key), *version, digest) for key, (version, digest) in read.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect() as connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, "
                    "inode INTEGER, digest BLOB) WITHOUT ROWID"
                )
                connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
        except DAMAGE:
            return

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


def _version(path: str) -> _Version | OSError:
    try:
        found = os.stat(path)
    except ValueError as error:  # a NUL in the name
        return OSError(str(error))
    except OSError as error:
        return error
    if not stat.S_ISREG(found.st_mode):
        return OSError("not a regular file")
    return found.st_size, found.st_mtime_ns, found.st_ino


def _read_digest(path: str) -> tuple[_Version, bytes] | OSError:
    """Return what identifies the version that was read, and its digest."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return error
    return (found.st_size, found.st_mtime_ns, found.st_ino), digest
