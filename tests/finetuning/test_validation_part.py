"""Promised: the images that decide when to stop are of every class and of other groups than those trained on."""

import numpy as np
import pytest

from featx import CNNFeatureTransformer
from featx.evaluation.splits import held_out_split
from featx.exceptions import (
    DatasetError,
)
from featx.finetuning.head_init import fit_probe
from trainings import COUNT, TINY, classifier, coloured


def test_a_class_of_one_image_needs_a_training_without_validation(data):
    X, _ = data
    lonely = np.where(np.arange(COUNT) == 5, "once", "often")
    with pytest.raises(DatasetError, match=r"class 'once' has 1 image, .*early_stopping=False"):
        classifier().fit(X, lonely)
    for head_init in ("logistic", "warmup"):
        fitted = classifier(early_stopping=False, head_init=head_init).fit(X, lonely)
        assert fitted.history_["val_accuracy"] == [None, None]
        assert fitted.best_epoch_ == fitted.n_iter_ == 2


def test_too_few_images_for_a_validation_part_are_refused():
    X, y = coloured(3, 5)
    y = np.array([0, 0, 1, 1, 1])
    assert classifier(epochs=1).fit(X, y).n_iter_ == 1
    with pytest.raises(DatasetError, match="class '2' has 1 image, fewer than the 2 that training and validation need"):
        classifier().fit(X, np.array([0, 0, 1, 1, 2]))


def test_groups_stay_on_one_side(data):
    X, y = data
    groups = np.arange(COUNT) // 6
    fitted = classifier(head_init="logistic", learning_rate=0.0, epochs=1, validation_fraction=0.25).fit(X, y, groups)
    train, validation = held_out_split(y, 0.25, groups=groups)
    assert not set(groups[train]) & set(groups[validation])
    features = CNNFeatureTransformer(**TINY).fit_transform(X)
    expected = fit_probe(features[train], y[train], groups=groups[train]).predict_proba(features)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(COUNT, int), "all images are of one group"),
        (np.arange(COUNT) % 3, "lies in too few groups.*early_stopping=False"),
        (np.arange(COUNT - 1), "inconsistent numbers of samples"),
    ],
    ids=["one", "one a class", "too short"],
)
def test_groups_that_cannot_be_parted_are_refused(data, groups, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(*data, groups)
    if len(groups) == COUNT:
        assert classifier(early_stopping=False).fit(*data, groups).n_iter_ == 2
