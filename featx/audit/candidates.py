"""Find pairs of images that may show the same picture: nearest neighbours in embeddings and in small grey copies.

Embeddings find crops; small copies find what blurs, recompresses or mirrors a picture, which moves the embedding of a
small image further than another picture of its class is away. Both are reduced by principal components first.
"""

from __future__ import annotations

import numpy as np

__all__ = ["candidate_pairs"]

NEIGHBOURS = 5
COMPONENTS, PIXEL_COMPONENTS = 128, 64
# Rows that the components are fitted on, and that are searched at a time.
FITTED, CHUNK = 5000, 2048


def candidate_pairs(embeddings: np.ndarray, thumbnails: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Return pairs of rows that may show the same picture, int (p, 2), each once and the lower row first.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    thumbnails : ndarray of uint8, shape (n, side, side)
    hashes : ndarray of uint64, shape (n, 2)
        Perceptual hashes of the image and of its mirror image.
    """
    n = len(embeddings)
    if n < 2:
        return np.zeros((0, 2), int)
    rows = _components(_unit(embeddings.astype(np.float32)), COMPONENTS)
    half = thumbnails.shape[1] // 2
    small = thumbnails.reshape(n, half, 2, half, 2).mean(axis=(2, 4), dtype=np.float32)
    both = np.concatenate([small, small[:, :, ::-1]]).reshape(2 * n, -1)
    # One projection for an image and its mirror image, so that they can be compared.
    pixels = _components(_unit(both - both.mean(axis=1, keepdims=True)), PIXEL_COMPONENTS)
    found = [_neighbours(rows, rows), _neighbours(pixels[:n], pixels[:n]), _neighbours(pixels[n:], pixels[:n])]
    found.append(_equal_hashes(hashes))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _components(rows: np.ndarray, number: int) -> np.ndarray:
    """Return the rows on their first principal components, of length 1."""
    from sklearn.decomposition import PCA

    number = min(number, *rows.shape)
    chosen = rows if len(rows) <= FITTED else rows[np.random.default_rng(0).choice(len(rows), FITTED, replace=False)]
    return _unit(PCA(number, random_state=0).fit(chosen).transform(rows).astype(np.float32))


def _neighbours(queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (row, neighbour) of the nearest rows of each query, int (p, 2)."""
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBOURS + 1, len(rows))
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows)
    near = [search.kneighbors(queries[i : i + CHUNK], return_distance=False) for i in range(0, len(queries), CHUNK)]
    return np.stack([np.repeat(np.arange(len(queries)), count), np.concatenate(near).ravel()], axis=1)


def _equal_hashes(hashes: np.ndarray) -> np.ndarray:
    """Return pairs of rows whose hashes, of the one or the mirrored image, are equal: neighbours in sorted order."""
    both = np.concatenate([hashes[:, 0], hashes[:, 1]])
    owners = np.tile(np.arange(len(hashes)), 2)
    order = np.argsort(both, kind="stable")
    same = np.flatnonzero(both[order][1:] == both[order][:-1])
    return np.stack([owners[order][same], owners[order][same + 1]], axis=1)
