"""Promised: small data sets tune over what they are large enough for, or are told what they lack."""

import numpy as np
import pytest

from featx import ParameterError
from featx.heads.feasible import feasible
from featx.heads.heads import head_spec

Y = np.arange(12) % 3
ALL = np.arange(12)
FOLDS = [(ALL[:8], ALL[8:]), (ALL[4:], ALL[:4])]


def test_more_neighbours_than_rows_are_left_out():
    assert feasible(head_spec("knn"), Y, FOLDS).grid == {"n_neighbors": [5, 3, 1]}
    with pytest.raises(ParameterError, match="got n_neighbors=9 for 8 training images"):
        feasible(head_spec("knn", grid={"n_neighbors": [9]}), Y, FOLDS)


def test_training_stops_early_only_where_each_class_can_be_held_out():
    assert not feasible(head_spec("mlp"), Y, FOLDS).estimator[-1].early_stopping
    many = np.arange(120)
    assert feasible(head_spec("mlp"), many % 3, [(many[:80], many[80:])]).estimator[-1].early_stopping


def test_discriminants_need_more_images_than_classes():
    feasible(head_spec("lda"), Y, FOLDS)
    with pytest.raises(ParameterError, match=r"lda needs more images than classes.*has 3 of 3 classes"):
        feasible(head_spec("lda"), Y, [(ALL[:3], ALL[3:])])


def test_your_own_classifier_keeps_its_settings():
    spec = head_spec("sklearn.ensemble:HistGradientBoostingClassifier", grid={"max_iter": [5]})
    assert feasible(spec, Y, FOLDS) is spec
