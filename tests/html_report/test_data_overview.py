"""Promised: images are counted by class and part, and their sizes and formats read from the files."""

import numpy as np
from PIL import Image

from featx.html_report.data_overview import class_counts, sizes_and_formats
from featx.images.sources import as_sources


def test_classes_are_counted_in_each_part():
    found = class_counts(["b", "a", "a", "a"], ["test", "test", "training", "training"])
    assert found["columns"] == ["test", "training", "in all"]
    assert [(row["name"], row["counts"]) for row in found["rows"]] == [("a", [1, 2, 3]), ("b", [1, 0, 1])]
    assert [row["bar"] for row in found["rows"]] == [20, 7]
    assert class_counts(["a"], ["images"])["columns"] == ["images"]


def test_sizes_and_formats_are_read_without_decoding(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    Image.new("RGB", (30, 20)).save(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"no image")
    images = [*(str(tmp_path / name) for name in ("a.png", "b.jpg", "c.jpg", "d.jpg")), np.zeros((5, 6), np.uint8)]
    assert sizes_and_formats(as_sources(images)) == (3, ["30 x 20: 2", "6 x 5: 1"], ["PNG: 1", "JPEG: 1", "array: 1"])
    assert sizes_and_formats([]) == (0, [], [])
