"""SHA-256 digests of files, remembered for as long as size, times, inode and device of a file stay the same."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from .digest_file import DigestFile
from .versions import Version, file_version
from .versions import file_versions as _versions

__all__ = [
    "MAX_BYTES",
    "FileDigests",
    "default_cache_dir",
    "digest_array",
    "digest_bytes",
    "is_old_enough",
    "reads_all",
]

# Files are read whole, so that the bytes that are decoded are those that were digested. Pillow's limit of 89 million
# pixels is 0.7 GB with four uncompressed 16-bit channels; a larger file is not a single image.
MAX_BYTES = 1 << 30
# A file that is changed again within the clock's granularity keeps its times, so newer entries are not trusted.
FRESH_NS = 2_000_000_000
# Like rsync's --checksum: every file is read, whatever its size and times.
CHECKSUM = "FEATX_CHECKSUM"
# Bytes that are read at once, as in `hashlib.file_digest`.
READ_BYTES = 1 << 18
# How many files one object remembers in memory, in addition to the SQLite file, at some 300 bytes each.
MOST_KNOWN = 200_000
# How many files are looked up, or remembered, at once: a process that is killed reads at most so many again.
FILES_AT_ONCE = 1 << 14

# A remembered file is a string of bytes, its version and its digest, so that 100,000 of them are compared at once.
ENTRY = struct.Struct("=5q32s")
ENTRIES = np.dtype([("version", "=i8", 5), ("digest", "V32")])
UNKNOWN = ENTRY.pack(-1, -1, -1, -1, -1, b"")


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


class FileDigests:
    """A memory of file digests in one SQLite file.

    An entry is valid as long as the file's size, modification time, change time and inode stay the same, and on the
    same host its device; a file that was changed less than two seconds before it was read is not remembered. Where the
    file system or the operating system keeps no change time (FAT, some network file systems, Windows), a file that is
    rewritten in place with the same size and modification time is taken for the old one; ``FEATX_CHECKSUM=1`` in the
    environment makes featx read every file. If the database cannot be read or written, files are digested each time.

    Parameters
    ----------
    path : Path or None
        The SQLite file; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file = None if path is None else DigestFile(path)
        self._known: dict[str, bytes] = {}
        self._depths: dict[bytes, bool] = {}

    def digest(
        self,
        paths: Sequence[str],
        *,
        apply: Callable[[Callable[[str], Any], Iterable[str]], Iterable[Any]] = map,
    ) -> list[bytes | OSError]:
        """Return for each file its 32-byte digest, or the error that reading it raised; EFBIG above `MAX_BYTES`.

        Parameters
        ----------
        paths : sequence of str
        apply : callable, default=map
            Applies a function to files, such as the `map` of a thread pool; it reads those that are not remembered.
        """
        results: list[Any] = []
        unread: list[np.ndarray] = []
        for start in range(0, len(paths), FILES_AT_ONCE):
            found, rest = self._remembered(paths[start : start + FILES_AT_ONCE])
            results += found
            unread.append(rest + (start, 0))
        if any(map(len, unread)):
            self._read(paths, np.concatenate(unread), results, apply)
        return results

    def _known_digests(self, paths: Sequence[str], versions: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """Return which files this object knows in that version, with digests that are valid for these alone."""
        remembered = {} if reads_all() else self._known
        entries = np.frombuffer(b"".join(map(remembered.get, paths, repeat(UNKNOWN))), ENTRIES)
        return (entries["version"] == versions).all(axis=1), entries["digest"].tolist()

    def _remembered(self, paths: Sequence[str]) -> tuple[list[Any], np.ndarray]:
        """Return what is known without reading, and the others' numbers and hashes of path and version, (n, 2)."""
        versions, errors = _versions(paths)
        errors |= {number: _too_large() for number in np.flatnonzero(versions[:, 0] > MAX_BYTES).tolist()}
        known, results = self._known_digests(paths, versions)
        for number, error in errors.items():
            results[number] = error
        if known.all():
            return results, np.empty((0, 2), np.int64)
        rest = [number for number in np.flatnonzero(~known).tolist() if number not in errors]
        keys = [_key(paths[number]) for number in rest]
        known, digests = self._known_digests(keys, versions[rest])
        for here in np.flatnonzero(known).tolist():
            results[rest[here]] = digests[here]
        places = {
            number: (key, tuple(versions[number].tolist()))
            for number, key, here in zip(rest, keys, known, strict=True)
            if not here
        }
        remembered = {} if reads_all() else self._recall(set(places.values()))
        for number, place in places.items():
            if place in remembered:
                results[number] = remembered[place]
                self._keep_in_mind(*place, remembered[place])
        unread = [(number, hash(place)) for number, place in places.items() if place not in remembered]
        return results, np.array(unread, np.int64).reshape(-1, 2)

    def _read(
        self, paths: Sequence[str], unread: np.ndarray, results: list[Any], apply: Callable[..., Iterable[Any]]
    ) -> None:
        """Read files, each once, put their digests or errors in their places, and remember them now and then."""
        first = _first_places(paths, unread)
        once = unread[~np.isin(unread[:, 0], list(first)), 0]
        old = time.time_ns() - FRESH_NS
        fresh: dict[str, tuple[Version, bytes]] = {}
        for number, read in zip(map(int, once), apply(_read_digest, _Chosen(paths, once)), strict=True):
            results[number] = read
            if isinstance(read, tuple):
                version, results[number] = read
                if max(version[1:3]) < old:
                    fresh[_key(paths[number])] = read
            if len(fresh) == FILES_AT_ONCE or number == once[-1]:
                if self._file is not None:
                    self._file.remember(fresh)
                for key, (version, digest) in fresh.items():
                    self._keep_in_mind(key, version, digest)
                fresh.clear()
        for number, place in first.items():
            results[number] = results[place]

    def _keep_in_mind(self, key: str, version: Version, digest: bytes) -> None:
        if self.path is not None and (len(self._known) < MOST_KNOWN or key in self._known):
            self._known[key] = ENTRY.pack(*version, digest)

    def forget(self) -> None:
        """Forget in memory what the file remembers, for the sake of memory: it is read there when it is asked for."""
        self._known.clear()

    def names(self) -> dict[bytes, str]:
        """Return one remembered path for each digest."""
        return {} if self._file is None else self._file.names()

    def depths(self, digests: Iterable[bytes]) -> dict[bytes, bool]:
        """Return, as far as it is remembered, which contents hold more than 8 bits a channel."""
        unknown = [digest for digest in digests if digest not in self._depths]
        if unknown and self._file is not None:
            self._depths.update(self._file.depths(unknown))
        return {digest: self._depths[digest] for digest in digests if digest in self._depths}

    def remember_depths(self, depths: Mapping[bytes, bool]) -> None:
        """Remember which contents hold more than 8 bits a channel."""
        self._depths.update(depths)
        if self._file is not None:
            self._file.remember_depths(depths)

    def failures(self, digests: Iterable[bytes]) -> dict[bytes, str]:
        """Return, as far as it is remembered, why contents could not be decoded."""
        return {} if self._file is None else self._file.failures(list(digests))

    def all_failures(self) -> dict[bytes, str]:
        """Return why contents could not be decoded, for all of which that is remembered."""
        return {} if self._file is None else self._file.all_failures()

    def remember_failures(self, failures: Mapping[bytes, str]) -> None:
        """Remember why contents could not be decoded, so that nobody waits for their rows."""
        if self._file is not None:
            self._file.remember_failures(failures)

    def _recall(self, places: Iterable[tuple[str, Version]]) -> dict[tuple[str, Version], bytes]:
        """Return the remembered digests by path and version."""
        return {} if self._file is None else self._file.recall(places)


class _Chosen(Sequence[str]):
    """Some of several paths, which need not be in memory together."""

    def __init__(self, paths: Sequence[str], numbers: np.ndarray) -> None:
        self.paths, self.numbers = paths, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        return self.paths[self.numbers[index]]


def _key(path: str) -> str:
    """Return the absolute path; one that is absolute is the caller's own string, which costs no memory."""
    return path if (key := os.path.abspath(path)) == path else key


def _first_places(paths: Sequence[str], unread: np.ndarray) -> dict[int, int]:
    """Return for each file that is listed again the number under which it is listed first."""
    # Only files of equal hashes are compared: a table of all their names would take more memory than the digests.
    by_hash = unread[np.argsort(unread[:, 1], kind="stable")]
    again = np.flatnonzero(np.diff(by_hash[:, 1]) == 0)
    first: dict[tuple[int, str], int] = {}
    found = {}
    for number, identity in np.unique(by_hash[np.concatenate([again, again + 1])], axis=0).tolist():
        if (place := first.setdefault((identity, _key(paths[number])), number)) != number:
            found[number] = place
    return found


def reads_all() -> bool:
    """Tell whether the environment asks to read every file, whatever is remembered."""
    return os.environ.get(CHECKSUM, "") not in ("", "0")


def _read_digest(path: str) -> tuple[Version, bytes] | OSError:
    """Return the version of the file that was read, and its digest."""
    checksum, left, part = hashlib.sha256(), MAX_BYTES, memoryview(bytearray(READ_BYTES))
    try:
        with open(path, "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            # An endless file may report a size of zero.
            while n_read := file.readinto(part):
                if (left := left - n_read) < 0:
                    return _too_large()
                checksum.update(part[:n_read])
    except OSError as error:
        return error
    return file_version(found), checksum.digest()


def _too_large() -> OSError:
    return OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def is_old_enough(version: Version) -> bool:
    """Tell whether a file's times are old enough that another change would show in them."""
    return max(version[1:3]) < time.time_ns() - FRESH_NS
