"""Inspect, verify, repair, prune, compact and export a cache."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..exceptions import CacheError
from .digest_file import DigestFile
from .files import TEMPORARY, is_abandoned, sweep, temporaries
from .folder import SpecFolder, write_spec
from .hdf5 import atomic_hdf5
from .locks import remove_old_turns
from .segment import DAMAGED, SUFFIX, Segment, SegmentDamagedError, mismatched_segments
from .spec import EmbeddingSpec
from .spec_folders import LATER, lost_folders, named_as_specs, spec_folders

__all__ = ["CacheReport", "SpecInfo"]

DIGESTS = "digests.sqlite"
EXPORT_BYTES = 64 << 20
# Bytes for a row's digest and path in HDF5.
EXPORT_NAME_BYTES = 256


@dataclass(frozen=True)
class SpecInfo:
    """The contents of a cache for one spec.

    Attributes
    ----------
    spec : EmbeddingSpec
    rows : int
        Committed rows; an image that two processes computed at once counts twice until `compact`.
    width : int
        Features of a row.
    dtype : str
        The dtype of the rows: float32, float16, or int16, which holds the bits of bfloat16.
    bytes : int
    segments : int
    last_used : float
        Seconds since the epoch.
    damaged, damaged_bytes : int
        Segments that were set aside, and their size, which is not part of `bytes`.
    unfinished, unfinished_bytes : int
        Temporary files, in use or abandoned, and their size, which is not part of `bytes`.
    """

    spec: EmbeddingSpec
    rows: int
    width: int
    dtype: str
    bytes: int
    segments: int
    last_used: float
    damaged: int
    damaged_bytes: int
    unfinished: int = 0
    unfinished_bytes: int = 0


@dataclass
class CacheReport:
    """The findings of `verify` or `repair`.

    Attributes
    ----------
    segments, rows : int
        Segments and rows that were checked and are sound.
    problems : list of (path, reason)
    unread : list of (path, reason)
        Files that could not be checked.
    leftovers : list of path
        Temporary files of writers that have ended, or of unknown writers if they are a day old.
    set_aside : list of path
        Damaged segments, renamed so that they are never read.
    """

    segments: int = 0
    rows: int = 0
    problems: list[tuple[Path, str]] = field(default_factory=list)
    unread: list[tuple[Path, str]] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)
    set_aside: list[Path] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether no damage was found."""
        return not self.problems


def spec_info(folder: SpecFolder) -> SpecInfo:
    """Return what the folder holds, from the segments' headers."""
    segments = folder.segments()
    aside, unfinished = _set_aside(folder), temporaries(folder.path)
    return SpecInfo(
        spec=folder.spec,
        rows=sum(s.n_rows for s in segments),
        width=next((s.width for s in segments), 0),
        dtype=next((s.dtype.name for s in segments), "float32"),
        bytes=size_of(folder),
        segments=len(segments),
        last_used=_last_used(folder),
        damaged=len(aside),
        damaged_bytes=sum(size for _, _, size in aside),
        unfinished=len(unfinished),
        unfinished_bytes=sum(size for _, size in unfinished),
    )


def verify(root: Path) -> CacheReport:
    """Read every segment below `root`, and the remembered digests, and compare them with their checksums."""
    report = CacheReport()
    for reasons, reason in zip((report.problems, report.unread), DigestFile(root / DIGESTS).verify(), strict=True):
        if reason:
            reasons.append((root / DIGESTS, reason))
    report.leftovers += [path for path, _ in temporaries(root) if is_abandoned(path)]
    for file, reason in lost_folders(root):
        (report.unread if reason == LATER else report.problems).append((file, reason))
    later = {file.parent for file, reason in report.unread if reason == LATER}
    for path, _ in spec_folders(root):
        if path in later:
            continue
        sound = []
        for file in sorted(path.iterdir()):
            if file.suffix == DAMAGED:
                report.set_aside.append(file)
            elif is_abandoned(file):
                report.leftovers.append(file)
            elif file.suffix == SUFFIX and not file.name.startswith(TEMPORARY):
                try:
                    sound.append(_sound_segment(file, path.name))
                except FileNotFoundError:
                    continue
                except SegmentDamagedError as damage:
                    (report.unread if damage.later else report.problems).append((file, damage.reason))
        mismatched = {damage.path: damage.reason for damage in mismatched_segments(sound)}
        report.problems += mismatched.items()
        report.segments += len(sound) - len(mismatched)
        report.rows += sum(s.n_rows for s in sound if s.path not in mismatched)
    return report


def repair(root: Path) -> CacheReport:
    """Verify, then mend: the report's problems are those that were found."""
    report = verify(root)
    for path, _ in report.problems:
        if path.suffix == SUFFIX:
            with contextlib.suppress(FileNotFoundError):
                path.rename(path.with_suffix(DAMAGED))
            report.set_aside.append(path.with_suffix(DAMAGED))
    for path in report.leftovers:
        path.unlink(missing_ok=True)
    if any(path.name == DIGESTS for path, _ in report.problems):
        DigestFile(root / DIGESTS).verify(repair=True)
    # Listed again: a writer may have written its own in the meantime.
    lost = {path for path, spec in spec_folders(root) if spec is None}
    for path, _ in report.problems:
        if path.name == "spec.json" and path.parent in lost:
            sound = next((f for f in sorted(path.parent.glob(f"*{SUFFIX}")) if not f.name.startswith(TEMPORARY)), None)
            path.unlink(missing_ok=True)
            if sound is not None:
                write_spec(path.parent, EmbeddingSpec.from_json(Segment(sound).spec_json))
    return report


def prune(root: Path, folders: list[SpecFolder], *, max_bytes: int | None, max_age: float | None) -> int:
    """Remove abandoned and damaged files, then the oldest segments of specs unused for longest; return bytes freed."""
    folders = sorted(folders, key=_last_used)
    aside = sorted(found for folder in folders for found in _set_aside(folder))
    total = sum(size_of(folder) for folder in folders) + sum(size for _, _, size in aside)
    freed = 0
    for place in (root, *named_as_specs(root)):
        for file, size in [] if place.is_symlink() and place != root else temporaries(place):
            if is_abandoned(file):
                file.unlink(missing_ok=True)
                total, freed = total + size, freed + size
    remove_old_turns(root)
    for moment, file, size in aside:
        stale = max_age is not None and time.time() - moment > max_age
        if stale or (max_bytes is not None and total - freed > max_bytes):
            file.unlink(missing_ok=True)
            freed += size
    for folder in folders:
        stale = max_age is not None and time.time() - _last_used(folder) > max_age
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(folder.lock())
            except OSError as error:
                # A full disk has no room for the lock's file; it is why one prunes, and nobody can merge there.
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            for file, size in _by_age(folder):
                if stale or (max_bytes is not None and total - freed > max_bytes):
                    file.unlink(missing_ok=True)
                    freed += size
    return freed


def compact(folder: SpecFolder) -> int:
    """Merge all segments of the folder; return by how many files it shrank."""
    with folder.lock():
        before = len(folder.names())
        sweep(folder.path)
        folder.merge(folder.segments())
        return before - len(folder.names())


def export_size(folder: SpecFolder) -> int:
    """Return the most bytes of an export, with digests and paths of the usual length."""
    return sum(s.n_rows * (s.width * (2 if s.dtype == "<i2" else 4) + EXPORT_NAME_BYTES) for s in folder.segments())


def export(folder: SpecFolder, target: Path, names: dict[bytes, str]) -> int:
    """Write the folder's distinct rows as one plain HDF5 file, a block at a time; return their number."""
    segments, damages = folder.segments(), len(folder.damaged)
    digests = np.concatenate([s.digests for s in segments]) if segments else np.empty((0, 32), np.uint8)
    digests = np.unique(digests, axis=0)
    width, dtype = next(((s.width, s.dtype) for s in segments), (0, np.dtype(np.float32)))
    height = min(4096, max(1, EXPORT_BYTES // max(1, width * dtype.itemsize)))
    import h5py

    text = h5py.string_dtype()
    with atomic_hdf5(target) as file:
        file.attrs.update(folder.spec.to_dict())
        file.create_dataset("digests", data=[row.tobytes().hex() for row in digests], dtype=text)
        paths = [os.fsencode(names.get(row.tobytes(), "")).decode(errors="replace") for row in digests]
        file.create_dataset("paths", data=paths, dtype=text)
        embeddings = file.create_dataset("embeddings", (len(digests), width), dtype="<i2" if dtype == "<i2" else "<f4")
        if dtype == "<i2":
            embeddings.attrs["dtype"] = "bfloat16"
        for start in range(0, len(digests), height):
            rows, found = folder.get(digests[start : start + height])
            if not found.all():
                lost = "a damaged segment was set aside" if len(folder.damaged) > damages else "embeddings were removed"
                raise CacheError(
                    f"{lost} in {folder.path} during the export",
                    "Export again to get what is there, or extract the images again first.",
                )
            embeddings[start : start + height] = rows.astype(embeddings.dtype, copy=False)
    return len(digests)


def _sound_segment(file: Path, spec_digest: str) -> Segment:
    segment = Segment(file)
    try:
        stored = EmbeddingSpec.from_json(segment.spec_json).digest
    except CacheError as error:
        raise SegmentDamagedError(file, str(error)) from error
    if stored != spec_digest:
        raise SegmentDamagedError(file, "belongs to another spec")
    segment.verify()
    return segment


def size_of(folder: SpecFolder) -> int:
    """Return the total size of the folder's segments in bytes."""
    return sum(size for _, size in _by_age(folder))


def _by_age(folder: SpecFolder) -> list[tuple[Path, int]]:
    """Return the segments with their sizes, the oldest first."""
    found = []
    for name in folder.names():
        with contextlib.suppress(FileNotFoundError):
            status = (folder.path / name).stat()
            found.append((status.st_mtime_ns, folder.path / name, status.st_size))
    return [(path, size) for _, path, size in sorted(found)]


def _set_aside(folder: SpecFolder) -> list[tuple[float, Path, int]]:
    """Return for each damaged segment when it was set aside, its path and its size."""
    found = []
    for path in folder.path.glob(f"*{DAMAGED}"):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode):  # a folder of the user's, whose contents are unknown
                # A rename changes this time, and not that of the last write.
                found.append((status.st_ctime, path, status.st_size))
    return found


def _last_used(folder: SpecFolder) -> float:
    try:
        return os.path.getmtime(folder.path / "spec.json")
    except FileNotFoundError:
        return 0.0
