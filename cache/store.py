"""EmbeddingCache, the store of embeddings on disk, keyed by spec and image digest.

``root/<spec digest>/`` holds spec.json and immutable segments ``*.h5``; ``root/digests.sqlite`` remembers the digests
of files. Any number of processes may read and write at once: each commits its own segments by renaming them into place,
and if a writer is killed, only the segment that it was writing is lost.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..constraints import NONE, PATH, TEXT, check_values
from ..exceptions import CacheError
from ..process import remember
from . import maintenance
from .adoption import adopt_segment
from .checks import BOUND, FIELD, SPEC
from .digests import FileDigests, default_cache_dir
from .folder import SpecFolder
from .hdf5 import OVERHEAD
from .interface import EmbeddingStore
from .locks import TURN, WorkLock
from .machine import machine, visible_gpu
from .maintenance import CacheReport, SpecInfo
from .memory import OverlayStore
from .merging import MergeReport, merge_caches
from .os_errors import as_cache_errors
from .reference_outputs import ReferenceOutputs
from .selection import choose_spec
from .spec import EmbeddingSpec

__all__ = ["EmbeddingCache"]

log = logging.getLogger("featx")
# The caches that are known not to be writable, so that it is said once.
_warned: set[str] = remember("remarks", set())


class EmbeddingCache(EmbeddingStore):
    """A store of embeddings on disk, keyed by spec and by the digest of the image.

    Rows are on disk when `put` returns. All rows of a spec have one width and one dtype: float32, float16, or int16,
    which holds the bits of bfloat16 and is not interpreted. A segment that does not match its checksum is set aside and
    its rows count as missing. Instances are pickled as their path.

    Parameters
    ----------
    root : str or PathLike, default=None
        The folder; None means the default: ``$FEATX_CACHE`` or the user's cache folder. It is created on the first
        write.

    Attributes
    ----------
    root : Path
    is_shared : bool
        True: other processes read the rows that are put here, and can remove them.
    digests : FileDigests
        The remembered digests of files that belong to this cache.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from featx import EmbeddingCache, EmbeddingSpec
    >>> spec = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")
    >>> cache = EmbeddingCache(tempfile.mkdtemp())
    >>> digests = np.arange(64, dtype=np.uint8).reshape(2, 32)
    >>> cache.put(spec, digests[:1], np.ones((1, 4), dtype=np.float32))
    >>> embeddings, found = cache.get(spec, digests)
    >>> found
    array([ True, False])
    >>> embeddings[found]
    array([[1., 1., 1., 1.]], dtype=float32)
    """

    root: Path
    is_shared = True

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        (PATH | NONE).check("root", root)
        self.root = (Path(root) if root is not None else default_cache_dir()).expanduser()
        self.digests = FileDigests(self.root / maintenance.DIGESTS)
        self._folders: dict[str, SpecFolder] = {}

    def __repr__(self) -> str:
        return f"EmbeddingCache({str(self.root)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        EmbeddingCache.__init__(self, state["root"])

    @property
    def damaged(self) -> list[tuple[str, str]]:
        """Name and reason of the segments that this object has set aside."""
        return [damage for folder in self._folders.values() for damage in folder.damaged]

    @contextlib.contextmanager
    def turn(self, name: str) -> Iterator[Callable[[], None]]:
        """Hold the right to compute on a device of this machine, so that no two processes forward the same images.

        Readers and writers need no turn; a process that dies gives its turn back. If a process is stopped, or makes no
        progress for ten minutes, another one takes over after 30 seconds and logs it. Where the folder cannot be
        written, processes do not wait for each other.

        Parameters
        ----------
        name : str
            The device; see `featx.networks.device.physical_device`.

        Yields
        ------
        callable
            To be called, without arguments, to report progress.
        """
        device = visible_gpu(name)
        file = re.sub(r"[^\w.-]", "", f"{TURN}{machine()}-{device}")
        lock = WorkLock(self.root / file, work=f"computing on {device}", turn=True)
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                self.root.mkdir(parents=True, exist_ok=True)
                stack.enter_context(lock)
            yield lock.progress

    def for_writing(self) -> EmbeddingStore:
        """Return this cache, or if it cannot be written, it together with rows in memory, which is logged once."""
        if self.writable():
            return self
        if str(self.root) not in _warned:
            _warned.add(str(self.root))
            log.warning(
                "the cache %s can be read but not written: what is computed now is not kept. Check its permissions, or "
                "choose another folder (cache=DIR).",
                self.root,
            )
        return OverlayStore(self)

    def check_place(self) -> None:
        """Raise CacheError if something other than a folder is at the cache's path."""
        with self._errors(), contextlib.suppress(FileNotFoundError):
            os.listdir(self.root)

    def writable(self) -> bool:
        """Tell whether this process has permission to write here; free space is not checked."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                return True
        except OSError as error:
            return error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS)

    def width(self, spec: EmbeddingSpec) -> int | None:
        """Return the number of features of the spec's cached rows, or None where there are none."""
        with self._errors():
            return next((s.width for s in self._folder(spec).segments() if s.n_rows), None)

    def reference_outputs(self, spec: EmbeddingSpec) -> ReferenceOutputs:
        """Return the outputs for fixed images of the network that computed the spec's rows."""
        return ReferenceOutputs(self._folder(spec))

    def adopt(self, spec: EmbeddingSpec, name: str, content: bytes) -> int:
        """Check and commit a segment that was written to another cache.

        Parameters
        ----------
        spec : EmbeddingSpec
        name : str
            That of its file, which is random: a segment of that name that is here already is the same one.
        content : bytes

        Returns
        -------
        int
            How many of its rows are new here.

        Raises
        ------
        CacheError
            If it is damaged, or cannot be written.
        """
        with self._errors(needed=len(content)):
            return adopt_segment(self._folder(spec), name, content)

    def merge(self, sources: Sequence[str | os.PathLike[str]]) -> MergeReport:
        """Commit the rows of other caches, checked and none twice; an interrupted merge can be made again."""
        with self._errors():
            return merge_caches(self.root, [Path(source) for source in sources])

    def specs(self) -> list[EmbeddingSpec]:
        """Return the specs that have a folder here, sorted by backbone, layer and pooling."""
        with self._errors():
            found = [spec for _, spec in maintenance.spec_folders(self.root) if spec is not None]
        return sorted(found, key=lambda s: (s.backbone, s.layer, s.pooling, s.digest))

    def info(self) -> list[SpecInfo]:
        """Return rows, bytes, segments, the time of last use and damaged segments of each spec."""
        with self._errors():
            return [maintenance.spec_info(self._folder(spec)) for spec in self.specs()]

    def verify(self) -> CacheReport:
        """Check every byte of every segment, and the remembered digests, and change nothing."""
        with self._errors():
            return maintenance.verify(self.root)

    def repair(self) -> CacheReport:
        """Set damaged segments aside, forget damaged digests, restore spec.json files, remove abandoned files."""
        self._folders.clear()
        with self._errors():
            return maintenance.repair(self.root)

    def prune(self, *, max_bytes: int | None = None, max_age: float | None = None) -> int:
        """Remove abandoned files, damaged files that were set aside, then embeddings that have been unused for longest.

        Parameters
        ----------
        max_bytes : int, default=None
            The most bytes to keep, damaged files included.
        max_age : float, default=None
            Remove specs unused for longer, and damaged files set aside longer ago, in seconds.

        Returns
        -------
        int
            The number of bytes freed.
        """
        check_values({"max_bytes": max_bytes, "max_age": max_age}, max_bytes=BOUND, max_age=BOUND)
        folders = [self._folder(spec) for spec in self.specs()]
        with self._errors():
            return maintenance.prune(self.root, folders, max_bytes=max_bytes, max_age=max_age)

    def compact(self) -> int:
        """Merge the segments of each spec into one and drop duplicate rows; return by how many the files decreased."""
        folders = [self._folder(spec) for spec in self.specs()]
        with self._errors():
            # The merged file is written before anything is removed.
            needed = max((maintenance.size_of(folder) for folder in folders), default=0)
        with self._errors(needed=needed):
            return sum(maintenance.compact(folder) for folder in folders)

    def export(self, path: str | os.PathLike[str], *, spec: str | None = None, **fields: str) -> int:
        """Write one spec's embeddings to a plain HDF5 file.

        The file holds `embeddings` float32 (n, d), `digests` (n,) in hexadecimal, `paths` (n,), where a file with
        that content was last seen (empty when unknown), and the spec's fields as attributes. Rows kept as float16
        become float32; those kept as int16 stay int16, and the attribute ``dtype="bfloat16"`` of `embeddings`
        says whose bits they are.

        Parameters
        ----------
        path : str or PathLike
            Written under a temporary name and renamed; replaced when it exists.
        spec : str, default=None
            The first characters of the spec's digest.
        **fields : str
            `backbone`, `layer`, `pooling` and `precision` of the spec. None is needed where only one spec matches;
            feature maps that fine-tuning keeps do not count unless they are named.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        CacheError
            If no spec matches, or several do, which are then listed with their differences; or if the file cannot be
            written.
        """
        check_values({"path": path, "spec": spec, **fields}, path=PATH, spec=TEXT | NONE, **dict.fromkeys(fields, TEXT))
        for name in fields:
            FIELD.check("a keyword", name)
        folder = self._folder(choose_spec(self.specs(), digest=spec, fields=fields))
        with self._errors():
            needed = maintenance.export_size(folder)
        with self._errors(needed=needed, where=Path(path)):
            return maintenance.export(folder, Path(path), self.digests.names())

    def _contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        with self._errors():
            return self._folder(spec).contains(digests)

    def _get(self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool) -> tuple[np.ndarray, np.ndarray]:
        with self._errors():
            folder = self._folder(spec)
            found = folder.get(digests, all_or_none=all_or_none)
            _note_use(folder)
            return found

    def _put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        with self._errors(needed=embeddings.nbytes + digests.nbytes + OVERHEAD):
            folder = self._folder(spec)
            folder.put(digests, embeddings)
            _note_use(folder)

    def _folder(self, spec: EmbeddingSpec) -> SpecFolder:
        SPEC.check("spec", spec)
        path = self.root / spec.digest
        if os.path.islink(path):  # files elsewhere would be renamed, merged and removed
            raise CacheError(
                f"{path} is a link, which is not followed", "Put the folder itself there, or link the whole cache."
            )
        return self._folders.setdefault(spec.digest, SpecFolder(path, spec))

    def _errors(self, needed: int = 0, where: Path | None = None) -> contextlib.AbstractContextManager[None]:
        return as_cache_errors(self.root, needed=needed, where=where)


def _note_use(folder: SpecFolder) -> None:
    with contextlib.suppress(OSError):  # in a cache that cannot be written it is not noted
        os.utime(folder.path / "spec.json")
