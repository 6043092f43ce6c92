"""Promised: the map keeps its points within its frame, and samples each class alike."""

import sys

import numpy as np

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


def test_there_is_no_map_of_two_images():
    assert map_embeddings(np.zeros((2, 5), np.float32)) is None


def test_each_class_is_sampled_by_its_share():
    labels = np.array([0] * 900 + [1] * 99 + [2])
    rows = sampled_by_class(labels, 100)
    assert np.bincount(labels[rows]).tolist() == [90, 9, 1]
    assert (np.diff(rows) > 0).all()
    assert sampled_by_class(labels, 1000).tolist() == list(range(1000))
