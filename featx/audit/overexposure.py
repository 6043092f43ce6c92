"""Compare overexposed images with others as these would be if as much of them were white.

Where a brighter copy was cut off at white, its original cannot be made like it by gain and offset: after shrinking,
nearly all pixels are means of some that were cut off and some that were not. In place of that the original is cut off
where so large a share of its brightest pixels begins.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LEVELS", "cut_off", "overexposed", "white_shares"]

# Values from here on may have been cut off at white.
WHITE = 252
# A share of white pixels that is so much larger than that of another image, or of most, makes an image overexposed.
MORE = 0.1
# Shares that all images are cut off at to search for the originals of overexposed ones. Of an image with more white
# too little is left.
LEVELS, MOST = (0.25, 0.5, 0.75), 0.9
CHUNK = 2048


def white_shares(copies: np.ndarray) -> np.ndarray:
    """Return the share of white pixels of each copy, float (n,).

    Parameters
    ----------
    copies : ndarray, shape (n, side, side)
    """
    return np.asarray((copies >= WHITE).mean(axis=(1, 2)))


def overexposed(shares: np.ndarray, others: np.ndarray | float) -> np.ndarray:
    """Return which images have a much larger share of white pixels than others, bool (n,), but are not all white.

    Parameters
    ----------
    shares : ndarray of float, shape (n,)
    others : ndarray of float, shape (n,), or float
    """
    return np.asarray((shares > others + MORE) & (shares < MOST))


def cut_off(copies: np.ndarray, shares: np.ndarray | float) -> np.ndarray:
    """Return copies in which a share of the brightest pixels is equal, float32 (n, side, side).

    Parameters
    ----------
    copies : ndarray, shape (n, side, side)
    shares : ndarray of float, shape (n,), or float
        0 to 1.
    """
    n, pixels = len(copies), copies.shape[-1] * copies.shape[-2]
    places = np.broadcast_to(np.clip(np.ceil((1 - np.asarray(shares)) * pixels), 1, pixels).astype(int) - 1, n)
    found = np.empty(copies.shape, np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        ordered = np.sort(copies[part].reshape(-1, pixels), axis=1)
        limits = np.take_along_axis(ordered, places[part, None], axis=1)
        found[part] = np.minimum(copies[part], limits[:, :, None])
    return found
