"""Resample small grey copies by matrices: means over a part of each, and no more detail than fewer pixels have."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["at_resolution", "means", "reduced"]

# Copies at a time.
CHUNK = 2048


@lru_cache(maxsize=1024)
def means(side: int, low: float, high: float, count: int) -> np.ndarray:
    """Return the matrix, float32 (count, side), that takes means over equal parts of the pixels from low to high.

    Parameters
    ----------
    side : int
        Pixels that there are.
    low, high : float
        In pixels, 0 to `side`.
    count : int
        Parts.
    """
    edges = np.linspace(low, high, count + 1)
    pixel = np.arange(side)
    covered = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, None)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), dtype=np.float32)


def reduced(copies: np.ndarray, side: int) -> np.ndarray:
    """Return copies of fewer pixels, float32 (n, side, side): means over squares.

    Parameters
    ----------
    copies : ndarray, shape (n, larger, larger)
    side : int
    """
    matrix = means(copies.shape[-1], 0, copies.shape[-1], side)
    found = np.empty((len(copies), side, side), np.float32)
    # In parts: as float32, all copies would take four times the memory that they have.
    for start in range(0, len(copies), CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = matrix @ copies[part].astype(np.float32) @ matrix.T
    return found


def at_resolution(copies: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return copies with no more detail than images of so few pixels have.

    Parameters
    ----------
    copies : ndarray of float32, shape (n, side, side)
    own, other : ndarray of int, shape (n,)
        Pixels a side of each image, and of the one that it is compared with. Copies change only where the other image
        has fewer, and fewer than `side`.
    """
    side = copies.shape[-1]
    found = copies
    for pixels in np.unique(other[(other < own) & (other < side)]).tolist():
        if found is copies:
            found = copies.copy()
        rows = (other == pixels) & (own > pixels)
        blur = _enlarging(side, pixels) @ means(side, 0, side, pixels)
        found[rows] = blur @ copies[rows] @ blur.T
    return found


def _enlarging(side: int, pixels: int) -> np.ndarray:
    """Return the matrix, float32 (side, pixels), of bilinear interpolation."""
    places = np.clip((np.arange(side) + 0.5) * pixels / side - 0.5, 0, pixels - 1)
    low = np.minimum(places.astype(int), max(pixels - 2, 0))
    matrix = np.zeros((side, pixels), np.float32)
    matrix[np.arange(side), low] = 1 - (places - low)
    if pixels > 1:
        matrix[np.arange(side), low + 1] += (places - low).astype(np.float32)
    return matrix
