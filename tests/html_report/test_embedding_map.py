"""Promised: the map keeps its points within its frame, and samples each class alike."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from featx.html_report.embedding_map import map_embeddings, sampled_by_class

RNG = np.random.default_rng(0)


def test_near_rows_are_near_on_the_map(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    rows = np.repeat(np.eye(3, 20, dtype=np.float32) * 9, 10, axis=0) + RNG.normal(0, 0.1, (30, 20)).astype(np.float32)
    found = map_embeddings(rows)
    assert "principal components" in found["how"]
    points = np.column_stack([found["x"], found["y"]])
    assert points.min() == 0
    assert points[:, 0].max() <= 1000
    assert points[:, 1].max() == found["height"] <= 1000
    groups = points.reshape(3, 10, 2)
    assert groups.std(axis=1).max() < 40
    assert np.ptp(groups.mean(axis=1), axis=0).min() > 300


def test_there_is_no_map_of_two_images_or_of_equal_ones():
    assert map_embeddings(RNG.normal(size=(2, 5)).astype(np.float32)) is None
    assert map_embeddings(np.ones((40, 5), np.float32)) is None


def test_umap_is_taken_where_it_is_installed(monkeypatch):
    asked = []

    class UMAP:
        def __init__(self, **parameters):
            asked.append(parameters)

        def fit_transform(self, rows):
            asked.append(rows.shape)
            return rows[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    rows = RNG.normal(size=(30, 80)).astype(np.float32)
    assert map_embeddings(rows, random_state=3)["how"].startswith("UMAP of 30 principal components")
    assert asked == [{"n_components": 2, "random_state": 3, "n_jobs": 1}, (30, 30)]
    assert "the first two principal" in map_embeddings(rows[:19])["how"]


@pytest.mark.long
def test_the_installed_umap_places_near_rows_near_each_other():
    pytest.importorskip("umap", reason='needs UMAP: pip install "featx[map]"')
    rows = np.repeat(np.eye(3, 20, dtype=np.float32) * 9, 40, axis=0) + RNG.normal(0, 0.1, (120, 20)).astype(np.float32)
    found = map_embeddings(rows)
    assert found["how"].startswith("UMAP")
    assert (found["x"], found["y"]) == (map_embeddings(rows)["x"], map_embeddings(rows)["y"])
    groups = np.column_stack([found["x"], found["y"]]).reshape(3, 40, 2)
    centres = groups.mean(axis=1)
    apart = min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > 2 * groups.std(axis=1).max()


def test_each_class_is_sampled_by_its_share():
    labels = np.array([0] * 900 + [1] * 99 + [2])
    rows = sampled_by_class(labels, 100)
    assert np.bincount(labels[rows]).tolist() == [90, 9, 1]
    assert (np.diff(rows) > 0).all()
    assert sampled_by_class(labels, 1000).tolist() == list(range(1000))
