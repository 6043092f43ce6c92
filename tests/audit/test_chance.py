"""Promised: among pairs of any likeness those nearer than chance are found and hardly any other."""

import numpy as np
import pytest

from featx.audit.chance import nearer_than_chance

N = 600


def nearest(points, count=8):
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :count]
    pairs = np.unique(np.sort(np.stack([np.repeat(np.arange(len(points)), count), near.ravel()], 1), axis=1), axis=0)
    return pairs, apart[pairs[:, 0], pairs[:, 1]]


# The scale of all differences is no matter.
@pytest.mark.parametrize("alike", [1.0, 30.0])
def test_planted_pairs_are_found_in_dense_and_in_sparse_regions(alike):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((N, 8)) * np.where(np.arange(N) < N // 2, 1.0, 0.05)[:, None]
    origins = rng.choice(N, 60, replace=False)
    noise = rng.standard_normal((60, 8)) * np.where(origins < N // 2, 0.05, 0.0025)[:, None]
    pairs, distances = nearest(alike * np.concatenate([points, points[origins] + noise]))
    found = set(map(tuple, pairs[nearer_than_chance(pairs, distances, N + 60)].tolist()))
    planted = set(zip(origins.tolist(), range(N, N + 60), strict=True))
    assert len(found & planted) >= 57
    assert len(found - planted) <= 6


@pytest.mark.parametrize("seed", range(5))
def test_next_to_nothing_is_found_where_nothing_was_planted(seed):
    pairs, distances = nearest(np.random.default_rng(seed).standard_normal((N, 8)))
    assert nearer_than_chance(pairs, distances, N).sum() <= 2


def test_more_copies_of_one_picture_than_neighbours_that_set_the_scale_are_found():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((N, 8))
    points[:12] = points[0] + 1e-3 * rng.standard_normal((12, 8))
    pairs, distances = nearest(points, 15)
    among = (pairs < 12).all(axis=1)
    assert nearer_than_chance(pairs, distances, N)[among].all()


def test_too_few_pairs_tell_nothing_but_equality():
    pairs = np.array([[0, 1], [1, 2]])
    assert nearer_than_chance(pairs, np.array([0.0, 0.5]), 3).tolist() == [True, False]
    assert nearer_than_chance(pairs[:0], np.zeros(0), 3).tolist() == []
