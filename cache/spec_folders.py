"""The folders of a cache, one for each spec: which spec each is of, or why this cannot be told."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from ..exceptions import CacheError
from .segment import SUFFIX
from .spec import EmbeddingSpec

__all__ = ["LATER", "SPEC_FOLDER", "lost_folders", "named_as_specs", "spec_folders"]

SPEC_FOLDER = re.compile("[0-9a-f]{32}")
# Of what is sound, and not to be mended or removed.
LATER = "written by a later version of featx, with fields that this one does not know: update featx"


def named_as_specs(root: Path) -> list[Path]:
    """Return what is named as a spec's folder, in order."""
    return sorted(path for path in root.iterdir() if SPEC_FOLDER.fullmatch(path.name)) if root.exists() else []


def spec_folders(root: Path) -> Iterator[tuple[Path, EmbeddingSpec | None]]:
    """Yield each spec's folder with its spec, or None where spec.json does not say it."""
    for path, spec, _ in _read_folders(root):
        yield path, spec


def lost_folders(root: Path) -> list[tuple[Path, str]]:
    """Return what is named as a spec's folder and cannot be used as one, with the reason."""
    links = [(path, "a link, which is not followed") for path in named_as_specs(root) if path.is_symlink()]
    return links + [(path / "spec.json", reason) for path, _, reason in _read_folders(root) if reason]


def _read_folders(root: Path) -> Iterator[tuple[Path, EmbeddingSpec | None, str]]:
    """Yield each spec's folder with its spec, or with None and the reason why it is not known."""
    for path in named_as_specs(root):
        if path.is_symlink() or not path.is_dir():
            continue
        if not (path / "spec.json").exists() and not any(path.glob(f"*{SUFFIX}")):
            continue  # a writer has just begun, or everything was pruned
        yield path, *_read_spec(path)


def _read_spec(folder: Path) -> tuple[EmbeddingSpec | None, str]:
    try:
        text = (folder / "spec.json").read_bytes().decode()
    except FileNotFoundError:
        return None, "it is missing"
    except OSError as error:
        return None, f"it cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        return None, "it is damaged"
    try:
        spec = EmbeddingSpec.from_json(text)
    except CacheError:
        return None, LATER if _digest(text) == folder.name else "it is damaged"
    return (spec, "") if spec.digest == folder.name else (None, "it is that of another spec")


def _digest(text: str) -> str:
    """Return the digest of a spec whose fields may be unknown, which names its folder; empty if the text is no JSON."""
    try:
        canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
