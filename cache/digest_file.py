"""Remember the digests of files in one SQLite database, in rows with a checksum each.

Nothing depends on it: if a row cannot be read or written, or does not match its checksum, the file is read again.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..process import remember
from .machine import machine
from .versions import Version

__all__ = ["DigestFile"]

log = logging.getLogger("featx")

VALUES_PER_QUERY = 20_000
ROWS_AT_ONCE = 50_000
# How long a process waits, once, for others that write; after that it does without the database immediately.
LOCK_TIMEOUT = 1.0
# SQLite quotes damaged bytes in its messages, which then cannot be decoded.
FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)
DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# An entry of a host replaces only its own entry for the path; device numbers are valid until the host reboots.
COLUMNS = ("path", "host", "size", "mtime_ns", "ctime_ns", "inode", "device", "boot", "digest", "checksum")
FILES = """CREATE TABLE IF NOT EXISTS files (path BLOB, host TEXT, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
inode INTEGER, device INTEGER, boot TEXT, digest BLOB, checksum INTEGER, PRIMARY KEY (path, host)) WITHOUT ROWID"""
DEPTHS = """CREATE TABLE IF NOT EXISTS depths (digest BLOB PRIMARY KEY, high INTEGER, checksum INTEGER)
WITHOUT ROWID"""
# Why contents could not be decoded, where a shard left them out.
FAILURES_TABLE = """CREATE TABLE IF NOT EXISTS failures (digest BLOB PRIMARY KEY, reason TEXT, checksum INTEGER)
WITHOUT ROWID"""
TABLES = {
    "files": (FILES, COLUMNS),
    "depths": (DEPTHS, ("digest", "high", "checksum")),
    "failures": (FAILURES_TABLE, ("digest", "reason", "checksum")),
}
NUMBERS = struct.Struct("=5q")

_warned: set[str] = remember("remarks", set())
_locked: set[str] = remember("files", set())


class DigestFile:
    """Remembered digests of files, by path and version, and depths, by digest.

    Parameters
    ----------
    path : Path
        The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def recall(self, places: Iterable[tuple[str, Version]]) -> dict[tuple[str, Version], bytes]:
        """Return the remembered digests by path and version."""
        wanted = {os.fsencode(key): (key, version) for key, version in places}
        _, now = _host_and_boot()
        own: dict[tuple[str, Version], bytes] = {}
        others: dict[tuple[str, Version], set[bytes]] = {}
        query = f"SELECT {', '.join(COLUMNS)} FROM files WHERE path IN ({{}})"
        with self._errors_ignored():
            for row in self._select(query, sorted(wanted)):
                path, _, *version, device, boot, digest, _ = row
                place = wanted.get(path)
                if place is None or tuple(version) != place[1][:4] or not _is_intact(row):
                    continue
                if boot != now:
                    others.setdefault(place, set()).add(digest)
                elif device == place[1][4]:
                    own[place] = digest
            return {place: next(iter(found)) for place, found in others.items() if len(found) == 1} | own
        return {}

    def remember(self, read: Mapping[str, tuple[Version, bytes]]) -> None:
        """Remember versions and digests by path."""
        host, boot = _host_and_boot()
        rows = []
        for key, (version, digest) in read.items():
            path = os.fsencode(key)
            rows.append((path, host, *version, boot, digest, _checksum(path, host, version, boot, digest)))
        self._write("files", rows)

    def names(self) -> dict[bytes, str]:
        """Return one remembered path for each digest."""
        if not os.path.exists(self.path):
            return {}
        with self._errors_ignored(), self._connect() as connection:
            rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM files ORDER BY path DESC")
            return {row[-2]: os.fsdecode(row[0]) for row in rows if _is_intact(row)}
        return {}

    def depths(self, digests: list[bytes]) -> dict[bytes, bool]:
        """Return, as far as it is remembered, which contents hold more than 8 bits a channel."""
        query = "SELECT digest, high, checksum FROM depths WHERE digest IN ({})"
        with self._errors_ignored():
            return {row[0]: row[1] == 1 for row in self._select(query, digests) if _is_intact_depth(row)}
        return {}

    def remember_depths(self, depths: Mapping[bytes, bool]) -> None:
        """Remember which contents hold more than 8 bits a channel."""
        self._write("depths", [(digest, int(high), _depth_checksum(digest, high)) for digest, high in depths.items()])

    def failures(self, digests: list[bytes]) -> dict[bytes, str]:
        """Return, as far as it is remembered, why contents could not be decoded."""
        query = "SELECT digest, reason, checksum FROM failures WHERE digest IN ({})"
        with self._errors_ignored():
            return {row[0]: row[1] for row in self._select(query, digests) if _is_intact_failure(row)}
        return {}

    def all_failures(self) -> dict[bytes, str]:
        """Return why contents could not be decoded, for all of which that is remembered."""
        if not os.path.exists(self.path):
            return {}
        with self._errors_ignored(), self._connect() as connection:
            if self._columns(connection, "failures") == TABLES["failures"][1]:
                rows = connection.execute("SELECT digest, reason, checksum FROM failures")
                return {row[0]: row[1] for row in rows if _is_intact_failure(row)}
        return {}

    def remember_failures(self, failures: Mapping[bytes, str]) -> None:
        """Remember why contents could not be decoded."""
        self._write("failures", [(digest, why, _failure_checksum(digest, why)) for digest, why in failures.items()])

    def adopt(self, other: DigestFile) -> None:
        """Remember what another file remembers, row by row, where the row is intact."""
        if not os.path.exists(other.path):
            return
        with self._errors_ignored(), other._connect() as connection:
            for table, (_, columns) in TABLES.items():
                if self._columns(connection, table) == columns:
                    rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table}")
                    while some := rows.fetchmany(ROWS_AT_ONCE):
                        self._write(table, [row for row in some if INTACT[table](row)])

    def verify(self, *, repair: bool = False) -> tuple[str, str]:
        """Compare all rows with their checksums; return the damage, and why rows could not be compared, or "" for each.

        Parameters
        ----------
        repair : bool, default=False
            Remove the rows that do not match, or the file if it is not a database or they cannot be removed.
        """
        if not os.path.isfile(self.path):
            return "", ""
        try:
            damaged, rows = self._damaged_rows(remove=repair)
            if repair and damaged and self._damaged_rows()[0]:
                self.path.unlink()
        except FAILURES as error:
            if _code(error) not in DAMAGE_CODES and not isinstance(error, UnicodeDecodeError):
                return "", str(error)
            if repair:
                self.path.unlink()
            return "not a sound database", ""
        return f"{damaged:,} of {rows:,} rows do not match their checksum" if damaged else "", ""

    def _damaged_rows(self, *, remove: bool = False) -> tuple[int, int]:
        """Return how many rows do not match their checksum, and how many there are."""
        n_damaged = n_rows = 0
        with self._connect() as connection:
            for table, (_, columns) in TABLES.items():
                if self._columns(connection, table) != columns:
                    continue  # no table, or one of another version, which is not read
                keys, is_intact = columns[: 2 if table == "files" else 1], INTACT[table]
                damaged = []
                for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                    n_rows += 1
                    if not is_intact(row):
                        damaged.append(row[: len(keys)])
                n_damaged += len(damaged)
                if remove and damaged:
                    where = " AND ".join(f"{key} IS ?" for key in keys)
                    connection.executemany(f"DELETE FROM {table} WHERE {where}", damaged)
        return n_damaged, n_rows

    def _select(self, query: str, values: list[bytes]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query with `IN ({})` for all values, in several queries."""
        if not os.path.exists(self.path):
            return
        with self._connect() as connection:
            limit = min(VALUES_PER_QUERY, connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
            for start in range(0, len(values), limit):
                some = values[start : start + limit]
                yield from connection.execute(query.format(",".join("?" * len(some))), some)

    def _write(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Write rows; if the file cannot be written, nothing is remembered."""
        if not rows:
            return
        create, columns = TABLES[table]
        with self._errors_ignored():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect() as connection:
                # Entries of versions without a checksum are not trusted.
                if self._columns(connection, table) not in ((), columns):
                    connection.execute(f"DROP TABLE {table}")
                connection.execute(create)
                places = ", ".join("?" * len(columns))
                connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", rows)

    @staticmethod
    def _columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
        return tuple(column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})"))

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """Open the file, commit at the end of the block, and close it."""
        name = str(self.path)
        connection = sqlite3.connect(name, timeout=0 if name in _locked else LOCK_TIMEOUT)
        try:
            yield connection
            connection.commit()
        except sqlite3.OperationalError as error:
            if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                _locked.add(name)
            raise
        finally:
            connection.close()

    @contextlib.contextmanager
    def _errors_ignored(self) -> Iterator[None]:
        """Go on where the file cannot be read or written, and log once why it is of no use."""
        try:
            yield
        except FAILURES as error:
            if str(self.path) in _warned:
                return
            if str(self.path) in _locked:
                reason = "is locked by another process, which may be stopped, or cannot be locked here"
            elif _code(error) in DAMAGE_CODES:
                reason = "is damaged; `featx cache repair` removes the damaged rows"
            else:
                return
            _warned.add(str(self.path))
            log.warning("%s %s: files are read again in place of being remembered", self.path, reason)


@functools.cache
def _host_and_boot() -> tuple[str, str]:
    """Return the name of this host and that of its current boot, as far as the system has one."""
    return socket.gethostname(), machine()


def _code(error: BaseException) -> int | None:
    """Return SQLite's primary code of an error."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


@functools.lru_cache(64)
def _seed(host: str, boot: str) -> int:
    return zlib.crc32(f"{host}\0{boot}".encode())


def _checksum(path: bytes, host: str, version: Iterable[int], boot: str, digest: bytes) -> int:
    """Return the checksum of a row, which one that is damaged or mixed from two does not match."""
    return zlib.crc32(digest, zlib.crc32(NUMBERS.pack(*version), zlib.crc32(path, _seed(host, boot))))


def _is_intact(row: tuple[Any, ...]) -> bool:
    path, host, *version, boot, digest, checksum = row
    try:
        return len(digest) == 32 and _checksum(path, host, version, boot, digest) == checksum
    except (TypeError, ValueError, struct.error, AttributeError):  # values of other types
        return False


def _depth_checksum(digest: bytes, high: int) -> int:
    return zlib.crc32(b"%d" % high, zlib.crc32(digest))


def _is_intact_depth(row: tuple[Any, ...]) -> bool:
    digest, high, checksum = row
    try:
        return len(digest) == 32 and high in (0, 1) and _depth_checksum(digest, high) == checksum
    except (TypeError, ValueError):
        return False


def _failure_checksum(digest: bytes, reason: str) -> int:
    return zlib.crc32(reason.encode(errors="surrogatepass"), zlib.crc32(digest))


def _is_intact_failure(row: tuple[Any, ...]) -> bool:
    digest, reason, checksum = row
    try:
        return len(digest) == 32 and _failure_checksum(digest, reason) == checksum
    except (TypeError, ValueError, AttributeError):
        return False


INTACT = {"files": _is_intact, "depths": _is_intact_depth, "failures": _is_intact_failure}
