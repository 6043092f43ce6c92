"""The files of a cache, given by itself or by its folder: filled, listed, damaged."""

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
