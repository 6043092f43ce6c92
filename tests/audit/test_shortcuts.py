"""Promised: what predicts the class without a look at the picture is found, and chance is not."""

import numpy as np

from featx import as_sources
from featx.audit.pictures import read_pictures
from featx.audit.shortcuts import find_shortcuts
from featx.evaluation.data_split import DataSplit


def test_a_class_by_its_colour_is_found_and_sizes_by_chance_are_not():
    rng = np.random.default_rng(0)
    truth = np.tile([0, 1], 40)
    images = [
        rng.integers(40 * label, 100 + 40 * label, (8 + int(rng.integers(4)), 12, 3), dtype=np.uint8) for label in truth
    ]
    folds = DataSplit.cross_validation(truth, 4).splits
    found = {one.by: one for one in find_shortcuts(read_pictures(as_sources(images)), truth, folds)}
    # File sizes and formats are all the same in memory.
    assert list(found) == ["image size", "mean colour"]
    colour = found["mean colour"]
    assert colour.found
    assert colour.accuracy > 0.95
    assert colour.difference.low > 0.2
    assert not found["image size"].found
    assert found["image size"].majority == 0.5


def test_the_largest_class_is_that_of_all_images_where_classes_are_of_one_size():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 7)
    images = [rng.integers(0, 255, (8, 8, 3), dtype=np.uint8) for _ in truth]
    folds = DataSplit.cross_validation(truth, 3).splits
    (colour,) = find_shortcuts(read_pictures(as_sources(images)), truth, folds)
    # That of the training rows of each fold is right for fewer.
    answered = [np.bincount(truth[train]).argmax() == truth[test] for train, test in folds]
    assert np.concatenate(answered).mean() < 1 / 3
    assert colour.majority == 1 / 3
