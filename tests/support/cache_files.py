"""The files of a cache, given by itself or by its folder: filled, listed, damaged."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np

from featx.cache import EmbeddingCache
from specs import SPEC, found_of, rows


def filled(place, numbers, spec=SPEC):
    """Put the rows of the numbers, and return the cache."""
    cache = place if isinstance(place, EmbeddingCache) else EmbeddingCache(place)
    cache.put(spec, *rows(numbers))
    return cache


def segments(place, spec=SPEC):
    """Return the paths of the segments, sorted."""
    root = place.root if isinstance(place, EmbeddingCache) else Path(place)
    return sorted((root / spec.digest).glob("*.h5"))


def only_segment(place, spec=SPEC):
    (path,) = segments(place, spec)
    return path


def spoil(path):
    """Change a bit of the rows of the numbers below five, and return the path."""
    data = bytearray(path.read_bytes())
    data[data.index(rows(range(5))[1].tobytes())] ^= 1
    path.write_bytes(data)
    return path


def spoiled(root, numbers=range(5)):
    """Return a cache whose only segment was set aside; and the file."""
    spoil(only_segment(filled(root, numbers).root))
    cache = EmbeddingCache(root)
    assert not found_of(cache, numbers).any()
    (path,) = (root / SPEC.digest).glob("*.damaged")
    return cache, path


def assert_holds(cache, numbers, spec=SPEC):
    """See that all rows of the numbers are there, and right."""
    assert found_of(cache, numbers, spec).all()
    assert cache.get(spec, rows(numbers)[0])[0].dtype == np.float32


def dead_pid():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def patterns(dtype, width=64):
    """Digests, and rows that hold every pattern of 16 bits: NaN with payloads, infinities, subnormals and zeros."""
    bits = np.random.default_rng(0).permutation(np.arange(1 << 16, dtype=np.uint32))
    bits = bits << 16 | bits if dtype == np.float32 else bits.astype(np.uint16)
    values = bits.view(dtype).reshape(-1, width)
    return rows(range(len(values)))[0], values


def assert_same_bits(got, expected):
    """See that two arrays have one dtype and the same bits."""
    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()


def filled_as(root, dtype, numbers, spec=SPEC):
    """Put the rows of the numbers in another dtype, and return the cache."""
    digests, embeddings = rows(numbers)
    cache = EmbeddingCache(root)
    cache.put(spec, digests, (1000 * embeddings).astype(dtype))
    return cache


def found_as(cache, dtype, numbers):
    """Which of the rows are served, all of them right and of the dtype."""
    digests, embeddings = rows(numbers)
    got, found = cache.get(SPEC, digests)
    assert not found.any() or got.dtype == dtype
    assert got[found].tobytes() == (1000 * embeddings[found]).astype(dtype).tobytes()
    return found


def clutter(root):
    """The names of files that are no part of a cache at rest."""
    names = [path.name for path in Path(root).glob("*/*")]
    return [
        name
        for name in names
        if name not in ("spec.json", ".lock", ".lock.holder") and not name.endswith((".h5", ".damaged"))
    ] + [name for name in names if name.startswith("tmp-")]


def no_space(*args, **kwargs):
    """Fail as a write to a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def snapshot(root):
    """Return the content of every file."""
    return {path: path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}
