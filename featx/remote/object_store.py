"""The objects below a URL of any fsspec store: list, read and write them as a whole, with errors in plain words."""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..cache.files import TEMPORARY, committed, sweep, sync_folder
from ..exceptions import CacheError, FeatxError
from ..images.url_errors import error_reason, missing_package, unknown_protocol
from ..images.urls import is_url, local_path, redacted, with_lowercase_schemes

__all__ = ["ObjectStore"]

# Protocols that keep what is written to them only as a whole: an interrupted upload leaves nothing. On all others a
# temporary name comes first. Making folders there is needless, and may make a bucket.
ATOMIC = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "obs", "oci", "tos", "hf", "memory"}
# What can be read only, and what is no place for a cache: texts, templates that are run, copies.
READ_ONLY = {"http", "https", "zip", "tar", "libarchive", "github", "git"}
REFUSED = {"data", "reference", "simplecache", "filecache", "blockcache", "cached"}
BLOCK = 8 << 20
PLACES = "Name a folder or a bucket, such as s3://bucket/cache."
WRITE = "write to"
KEPT = "What has arrived is kept."
# A name such as s3:/bucket, from which a slash is missing.
_ONE_SLASH = re.compile(r"[A-Za-z][\w+.-]+:/(?!/)")


class ObjectStore:
    """The objects below a URL.

    Parameters
    ----------
    url : str
        Or the path of a folder.
    writing : bool, default=False
        Whether objects will be written.
    options : mapping, default=None
        For the file system of fsspec, such as credentials.

    Attributes
    ----------
    shown : str
        The URL without credentials, for messages.

    Raises
    ------
    CacheError, MissingDependencyError
        If the store cannot be opened, or not be written.
    """

    def __init__(self, url: str, *, writing: bool = False, options: Mapping[str, Any] | None = None) -> None:
        self.shown = redacted(url)
        self._given = url
        self._verb = WRITE if writing else "read"
        try:
            path = local_path(url) if is_url(url) else os.path.expanduser(url)
        except OSError as error:
            raise CacheError(f"cannot {self._verb} {self.shown}: {error.strerror}") from None
        self._local = path is not None
        self._atomic = False
        if path is None:
            self._open(with_lowercase_schemes(url), writing=writing, options=options or {})
            return
        if not is_url(url) and _ONE_SLASH.match(url):
            raise CacheError(f"{self.shown} is no URL", f"Write {self.shown.replace(':/', '://', 1)}.")
        if os.path.exists(path) and not os.path.isdir(path):
            raise CacheError(f"cannot {self._verb} {self.shown}: it is a file", "Name a folder.")
        from fsspec.implementations.local import LocalFileSystem

        # Not from a URL, in which "::" has a meaning.
        self._system, self._root = LocalFileSystem(), os.path.abspath(path).rstrip("/")

    def _open(self, url: str, *, writing: bool, options: Mapping[str, Any]) -> None:
        """Open the file system of a URL that is not of this machine's files."""
        protocols = re.findall(r"(?:^|::)([a-z][\w+.-]*)(?=::|://)", url)
        if not protocols:
            raise CacheError(f"{self.shown} is no URL", PLACES)
        if refused := next((name for name in protocols if name in REFUSED), None):
            raise CacheError(f"cannot {self._verb} {self.shown}: {refused} is no store", "Name the place itself.")
        if writing and (protocol := next((name for name in protocols if name in READ_ONLY), None)):
            raise CacheError(f"cannot {WRITE} {self.shown}: {protocol} can be read, not written", PLACES)
        if (unknown := unknown_protocol(url, purpose="writing to" if writing else "reading")) is not None:
            raise CacheError(f"there is no protocol {unknown!r}", "fsspec knows file, s3, gs, abfs, sftp and others.")
        with self._errors(self._verb):
            from fsspec.core import url_to_fs

            self._system, root = url_to_fs(url, **options)
            self._root = root.rstrip("/")
        self._atomic = protocols[0] in ATOMIC

    def sizes(self, folder: str = "") -> dict[str, int | None]:
        """Return the names in a folder with their sizes, as far as they are known; none where it is missing."""
        with self._errors("list", folder):
            self._system.invalidate_cache()
            try:
                if self._local:  # pipes would block for ever
                    with os.scandir(self._path(folder)) as entries:
                        return {one.name: one.stat().st_size for one in entries if one.is_file() or one.is_dir()}
                found = self._system.ls(self._path(folder), detail=True)
            except FileNotFoundError:
                return {}
            return {posixpath.basename(entry["name"].rstrip("/")): entry.get("size") for entry in found}

    def read(self, path: str, *, most: int) -> bytes:
        """Return the content of an object, or as much of it as is more than `most` bytes."""
        with self._errors("read", path), self._system.open(self._path(path), "rb") as file:
            parts, left = [], most + 1
            while left > 0 and (part := file.read(min(left, BLOCK))):
                parts.append(part)
                left -= len(part)
            return b"".join(parts)

    def read_part(self, path: str, start: int, length: int) -> bytes:
        """Return some bytes of an object; others, or fewer, where a server cannot do that."""
        with self._errors("read", path):
            found: bytes = self._system.cat_file(self._path(path), start=start, end=start + length)
            return found

    def copy(self, path: str, file: BinaryIO, *, size: int, progress: Callable[[int], object]) -> tuple[int, str]:
        """Write an object to a file; return how many bytes and their SHA-256.

        Where it is larger than `size`, that is noticed at most a block later, and the rest is not read.
        """
        digest, done = hashlib.sha256(), 0
        with (
            self._errors("read", path, step=KEPT),
            self._system.open(self._path(path), "rb", block_size=BLOCK) as source,
        ):
            while part := source.read(min(BLOCK, size + 1 - done)):
                with _of_this_machine():
                    file.write(part)
                digest.update(part)
                done += len(part)
                progress(len(part))
        return done, digest.hexdigest()

    def send(self, path: str, source: Path, *, progress: Callable[[int], object]) -> None:
        """Write a file as an object, as a whole or not at all."""
        from fsspec.callbacks import Callback

        class Sent(Callback):
            def relative_update(self, inc: int = 1) -> None:
                super().relative_update(inc)
                progress(inc)

        sent = Sent()
        with self._errors(WRITE, path, source=source, step=KEPT):
            self._place(path, lambda target: self._system.put_file(os.fspath(source), target, callback=sent))
        progress(os.path.getsize(source) - sent.value)

    def write(self, path: str, content: bytes) -> None:
        """Write bytes as an object, as a whole or not at all."""
        with self._errors(WRITE, path):
            self._place(path, lambda target: self._system.pipe_file(target, content))

    def _place(self, path: str, put: Callable[[str], object]) -> None:
        """Have an object written under its name where that is atomic, and otherwise under a temporary one."""
        target = self._path(path)
        folder = posixpath.dirname(target)
        if self._atomic:
            put(target)
            return
        self._system.makedirs(folder, exist_ok=True)
        if self._local:
            sweep(Path(folder))  # what killed writers left
            with committed(Path(target)) as temporary:
                put(os.fspath(temporary))
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
            sync_folder(Path(folder))
            return
        name = f"{folder}/{TEMPORARY}{uuid.uuid4().hex}"
        try:
            put(name)
            self._system.mv(name, target)
        except BaseException:
            with contextlib.suppress(Exception):
                self._system.rm_file(name)
            raise

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root or "/"

    @contextlib.contextmanager
    def _errors(self, doing: str, path: str = "", *, source: Path | None = None, step: str = "") -> Iterator[None]:
        """Raise a CacheError for whatever a file system of fsspec raises, in which there may be credentials.

        A `source` on this machine that has disappeared is a FileNotFoundError; a `step` is added to the next one.
        """
        try:
            yield
        except FeatxError:
            raise
        except _LocalError as error:
            raise error.args[0] from None
        except ImportError as error:
            raise missing_package(self._given.partition(":")[0], str(error), purpose="using") from None
        except Exception as error:
            if source is not None and not source.exists():
                raise FileNotFoundError(str(source)) from None
            if isinstance(error, NotImplementedError):
                reason, first = "this protocol cannot do that", PLACES
            elif self._local and type(error) is OSError and error.strerror:  # without the names of temporary files
                reason, first = error.strerror, "Check the disk and its free space, and call again."
            else:
                reason, first = error_reason(error, self._given)
            if isinstance(error, FileNotFoundError):
                reason = f"there is no such {'bucket or folder' if doing == WRITE else 'file'}"
            what = f"{self.shown}: {path}" if path and doing != WRITE else self.shown
            raise CacheError(f"cannot {doing} {what}: {reason}", " ".join(filter(None, (first, step)))) from None


class _LocalError(Exception):
    """Holds an OSError of this machine, which is not the store's."""


@contextlib.contextmanager
def _of_this_machine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _LocalError(error) from None
