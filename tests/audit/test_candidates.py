"""Promised: pairs to verify are neighbours in embeddings, in small copies, in mirrored ones, or of equal hashes."""

import numpy as np

from featx.audit.candidates import candidate_pairs


def test_each_of_the_four_ways_finds_a_pair():
    rng = np.random.default_rng(0)
    n = 60
    embeddings = rng.standard_normal((n, 20))
    upright, mirrored = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.standard_normal((2, n, 20)))
    hashes = rng.integers(0, 2**62, (n, 2), dtype=np.uint64)
    embeddings[1] = embeddings[0] * 3
    # The rows of all images, of which these are some.
    chosen = np.arange(1, 2 * n, 2)
    all_of_them = rng.standard_normal((2 * n, 20))
    all_of_them[chosen] = embeddings
    upright[3] = upright[2]
    mirrored[5] = upright[4]
    hashes[7, 1] = hashes[6, 0]
    pairs = candidate_pairs(all_of_them, chosen, (upright, mirrored), hashes)
    assert {(0, 1), (2, 3), (4, 5), (6, 7)} <= set(map(tuple, pairs.tolist()))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(pairs) < n * (n - 1) / 2


def test_one_image_has_no_pair():
    assert (
        candidate_pairs(np.zeros((1, 4)), np.zeros(1, int), (np.zeros((1, 4)),) * 2, np.zeros((1, 2), np.uint64)).size
        == 0
    )
