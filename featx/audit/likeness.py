"""Compare pictures of a data set by what sets them apart: whitened principal components of small grey copies.

Where all images have the same grid, background or pose, plain pixels correlate whatever else they show. Whitening
divides what the images of a data set share by how much they vary in it (Jegou and Chum 2012).
"""

from __future__ import annotations

import numpy as np

from .overexposure import cut_off, overexposed, white_shares
from .resampling import at_resolution, reduced

__all__ = ["PAIRS", "SIDE", "Likeness", "brightened", "distances_of", "standardised"]

# Side of the copies that are compared, and the components that are kept of them: finer ones are what JPEG changes.
SIDE, COMPONENTS = 32, 64
# Images, each with its mirror image, that the components are fitted on; and fewer than this many tell too little.
FITTED, FEWEST = 5000, 100
# Values this near to black or white may have been cut off there.
SATURATED = 6
TINY = 1e-6
CHUNK = 4096
# Pairs that are compared at a time, so that memory is bounded.
PAIRS = 2048


class Likeness:
    """A measure of likeness, fitted on the images of a data set.

    Parameters
    ----------
    copies : ndarray, shape (n, side, side)
        Grey copies of all images, of 32 pixels a side or more. Of fewer than 100 images the components are not known
        well enough: then `rows` are standardised pixels.

    Attributes
    ----------
    whitened : bool
    """

    def __init__(self, copies: np.ndarray) -> None:
        self.whitened = len(copies) >= FEWEST
        n = len(copies)
        chosen = copies if n <= FITTED else copies[np.random.default_rng(0).choice(n, FITTED, replace=False)]
        # Mirror images too, so that one measure serves for both.
        chosen = reduced(chosen, SIDE)
        pixels = np.concatenate([_flat(chosen), _flat(chosen[:, :, ::-1])])
        self._mean = pixels.mean(axis=0) if self.whitened else np.zeros(SIDE * SIDE, np.float32)
        self._components = np.eye(SIDE * SIDE, dtype=np.float32)
        if self.whitened:
            pixels -= self._mean
            values, vectors = np.linalg.eigh(pixels.T @ pixels / len(pixels))
            values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
            # Directions in which no two images differ would be divided by zero.
            spread = np.sqrt(np.maximum(values, TINY * max(float(values[0]), TINY)))
            self._components = (vectors / spread).astype(np.float32)

    def rows(self, copies: np.ndarray) -> np.ndarray:
        """Return rows of length 1, float32 (n, components), whose products are the likeness of two copies, at most 1.

        Parameters
        ----------
        copies : ndarray, shape (n, side, side)
        """
        parts = [
            _unit((_flat(reduced(copies[i : i + CHUNK], SIDE)) - self._mean) @ self._components)
            for i in range(0, len(copies), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self._components.shape[1]), np.float32)

    def compare(self, first: np.ndarray, second: np.ndarray, detail: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the likeness of aligned pairs at the resolution of the lower, with the brightness of one of the two.

        Parameters
        ----------
        first, second : ndarray, shape (p, side, side)
        detail : (ndarray of int, ndarray of int), each of shape (p,)
            The pixels a side that each of the two has been made from, as far as they are fewer than 32.
        """
        found = []
        for start in range(0, len(first), CHUNK):
            part = slice(start, start + CHUNK)
            one, other = (reduced(copies[part], SIDE) for copies in (first, second))
            fine, coarse = (pixels[part] for pixels in detail)
            one, other = at_resolution(one, fine, coarse), at_resolution(other, coarse, fine)
            plain = self.rows(one), self.rows(other)
            # What is brighter may have been clipped, so each is given the brightness of the other.
            changed = (self.rows(brightened(one, other)) * plain[1]).sum(axis=1)
            changed = np.maximum(changed, (plain[0] * self.rows(brightened(other, one))).sum(axis=1))
            found.append(self._overexposed(first[part], second[part], (fine, coarse), changed))
        return np.concatenate(found) if found else np.zeros(0)

    def _overexposed(
        self, first: np.ndarray, second: np.ndarray, detail: tuple[np.ndarray, np.ndarray], alike: np.ndarray
    ) -> np.ndarray:
        """Return the likeness; where one image is overexposed, that with the other cut off at white too."""
        shares, own = (white_shares(first), white_shares(second)), (first, second)
        for white, dark in ((0, 1), (1, 0)):
            places = np.flatnonzero(overexposed(shares[white], shares[dark]))
            if not places.size:
                continue
            # Before they are shrunk, since means of what was cut off are not white.
            cut = reduced(cut_off(own[dark][places], shares[white][places]), SIDE)
            fine, coarse = detail[dark][places], detail[white][places]
            cut = at_resolution(cut, fine, coarse)
            other = at_resolution(reduced(own[white][places], SIDE), coarse, fine)
            alike[places] = np.maximum(alike[places], (self.rows(cut) * self.rows(other)).sum(axis=1))
        return alike


def brightened(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return images with the gain and offset of others of the same places, clipped as theirs were."""
    x, y = (values.reshape(len(values), -1) for values in (images, targets))
    inside = (y > SATURATED) & (y < 255 - SATURATED)
    inside |= ~inside.any(axis=1, keepdims=True)
    n = inside.sum(axis=1, keepdims=True)
    mean_x, mean_y = ((v * inside).sum(axis=1, keepdims=True) / n for v in (x, y))
    gain = ((x - mean_x) * (y - mean_y) * inside).sum(axis=1, keepdims=True)
    gain = gain / np.maximum(((x - mean_x) ** 2 * inside).sum(axis=1, keepdims=True), TINY)
    return np.clip(mean_y + gain * (x - mean_x), 0, 255).reshape(images.shape)


def distances_of(alike: np.ndarray) -> np.ndarray:
    """Return distances, 0 for equal pictures, by their likeness."""
    return np.sqrt(np.maximum(1.0 - alike, 0.0))


def standardised(values: np.ndarray) -> np.ndarray:
    """Return values of mean 0 and length 1 along the last axis; zeros where they are all equal."""
    return _unit(values - values.mean(axis=-1, keepdims=True))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), TINY)


def _flat(copies: np.ndarray) -> np.ndarray:
    return standardised(copies.reshape(len(copies), -1))
