"""Merge caches: verified segments of other caches are committed here, duplicates once; an interruption is harmless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..exceptions import CacheError
from .adoption import adopt_segment
from .digest_file import DigestFile
from .folder import SpecFolder
from .maintenance import DIGESTS
from .reference_outputs import ReferenceOutputs
from .spec_folders import lost_folders, spec_folders

__all__ = ["MergeReport", "merge_caches"]


@dataclass
class MergeReport:
    """What was merged.

    Attributes
    ----------
    rows, segments : int
        Rows that are new here, and segments that were read.
    problems : list of (path, reason)
        Segments and folders that were left out.
    """

    rows: int = 0
    segments: int = 0
    problems: list[tuple[Path, str]] = field(default_factory=list)


def merge_caches(root: Path, sources: Sequence[Path]) -> MergeReport:
    """Commit the rows of other caches in this one; they are left as they are.

    Segments keep their names, so that a merge that was interrupted, or is made again, goes on where it was.

    Parameters
    ----------
    root : Path
    sources : sequence of Path

    Raises
    ------
    CacheError, OSError
        If nothing can be written.
    """
    report = MergeReport()
    for source in sources:
        report.problems += lost_folders(source)
        for path, spec in spec_folders(source):
            if spec is None:
                continue
            folder = SpecFolder(root / spec.digest, spec)
            other = SpecFolder(path, spec)
            theirs = ReferenceOutputs(other)
            if reason := ReferenceOutputs(folder).refusal(theirs.load(), lost=theirs.path.exists()):
                report.problems.append((path, reason))
                continue
            for name in sorted(other.names()):
                try:
                    report.rows += adopt_segment(folder, name, path / name)
                    report.segments += 1
                except CacheError as error:
                    report.problems.append((path / name, error.message))
                except FileNotFoundError:  # merged by another process of that cache
                    report.problems.append((path / name, "it disappeared meanwhile: merge again"))
        DigestFile(root / DIGESTS).adopt(DigestFile(source / DIGESTS))
    return report
