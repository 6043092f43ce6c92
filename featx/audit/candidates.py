"""Find pairs of images that may show the same whole picture: nearest neighbours in embeddings and in small grey copies.

Embeddings find what an image shows; small copies find what blurs, recompresses or mirrors a picture, which moves the
embedding of a small image further than another picture of its class is away.
"""

from __future__ import annotations

import numpy as np

__all__ = ["candidate_pairs", "nearest_pairs"]

NEIGHBOURS = 6
COMPONENTS = 64
# Rows that the components are fitted on, and that are searched at a time.
FITTED, CHUNK = 5000, 2048


def candidate_pairs(
    embeddings: np.ndarray, chosen: np.ndarray, copies: tuple[np.ndarray, np.ndarray], hashes: np.ndarray
) -> np.ndarray:
    """Return pairs of n images that may show the same picture, int (p, 2), each once and the lower number first.

    Parameters
    ----------
    embeddings : ndarray, shape (m, d)
    chosen : ndarray of int, shape (n,)
        The rows of these images.
    copies : (ndarray, ndarray), each of shape (n, components)
        Rows of length 1 of grey copies and of their mirror images; see `Likeness`.
    hashes : ndarray of uint64, shape (n, 2)
        Perceptual hashes of the image and of its mirror image.
    """
    if len(chosen) < 2:
        return np.zeros((0, 2), int)
    rows = _components(embeddings, chosen)
    upright, mirrored = copies
    everyone = np.arange(len(rows))
    found = [nearest_pairs(queries, among, everyone) for queries, among in
             ((rows, rows), (upright, upright), (mirrored, upright))]  # fmt: skip
    found.append(_ordered(_equal_hashes(hashes)))
    return np.unique(np.concatenate(found), axis=0)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _components(embeddings: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return embeddings of length 1 on their first principal components, of length 1 again."""
    from sklearn.decomposition import PCA

    n = len(chosen)
    fitted = chosen if n <= FITTED else chosen[np.random.default_rng(0).choice(n, FITTED, replace=False)]
    pca = PCA(min(COMPONENTS, len(fitted), embeddings.shape[1]), random_state=0)
    pca.fit(_unit(embeddings[fitted].astype(np.float32, copy=False)))
    # In parts, so that no second copy of all embeddings is made.
    parts = [
        pca.transform(_unit(embeddings[chosen[i : i + CHUNK]].astype(np.float32, copy=False)))
        for i in range(0, n, CHUNK)
    ]
    return _unit(np.concatenate(parts).astype(np.float32))


def nearest_pairs(queries: np.ndarray, rows: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Return pairs of images of which one is among the six nearest of the other, int (p, 2), the lower number first.

    Parameters
    ----------
    queries : ndarray, shape (q, d)
    rows : ndarray, shape (n, d)
    owners : ndarray of int, shape (q,)
        The row that each query is of, which is not its own neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBOURS + 1, len(rows))
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(rows)
    near = [search.kneighbors(queries[i : i + CHUNK], return_distance=False) for i in range(0, len(queries), CHUNK)]
    return _ordered(np.stack([np.repeat(owners, count), np.concatenate(near).ravel()], axis=1))


def _ordered(pairs: np.ndarray) -> np.ndarray:
    """Return pairs with the lower number first, without those of an image with itself."""
    pairs = np.sort(pairs, axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _equal_hashes(hashes: np.ndarray) -> np.ndarray:
    """Return pairs of rows whose hashes, of the one or the mirrored image, are equal: neighbours in sorted order."""
    both = np.concatenate([hashes[:, 0], hashes[:, 1]])
    owners = np.tile(np.arange(len(hashes)), 2)
    order = np.argsort(both, kind="stable")
    same = np.flatnonzero(both[order][1:] == both[order][:-1])
    return np.stack([owners[order][same], owners[order][same + 1]], axis=1)
