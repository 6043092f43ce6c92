"""Promised: one split and one report of held-out images serve every command, and a test set joins the data set."""

import dataclasses

import numpy as np
import pytest

from featx import DatasetError, ImageDataset
from featx.datasets.split import join_test, split_dataset, unreadable_named
from featx.evaluation.class_sizes import SmallClassError
from featx.evaluation.held_out_result import score_held_out
from featx.images.failures import Failure
from labelled import noise_dataset


def data(labels, *, groups=None, split=None):
    names = [f"{place}.png" for place in range(len(labels))]
    found = [None if value is None else np.array(list(value)) for value in (labels, groups)]
    return ImageDataset(list(names), names, *found, split=None if split is None else np.array(split))


def test_a_test_set_joins_the_data_set_and_comes_last():
    joined = join_test(data("aabb"), data("ab"))
    assert joined.labels.tolist() == list("aabbab")
    assert joined.split.tolist() == ["training"] * 4 + ["test"] * 2
    assert joined.groups is None
    split = split_dataset(joined)
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 1, 2, 3], [], [4, 5])
    assert split.protocol == "held-out test set of 2 images"
    assert join_test(data("aabb")).split is None


def test_groups_of_both_are_compared_by_name():
    joined = join_test(data("aabb", groups="xxyy"), data("ab", groups="yz"))
    assert joined.groups.tolist() == list("xxyyyz")
    assert "whole groups on one side" not in split_dataset(joined).protocol
    apart = join_test(data("aabb", groups="xxyy"), data("ab", groups="vz"))
    assert "whole groups on one side" in split_dataset(apart).protocol
    alone = join_test(data("aabb", groups="xxyy"), data("ab"))
    assert len(np.unique(alone.groups)) == 4
    assert len(np.unique(join_test(data("aabb"), data("ab", groups="zz")).groups)) == 5


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(DatasetError, match="the class 'c', which the training set does not have"):
        join_test(data("aabb"), data("ac"))
    for pair in ((data("aabb"), ImageDataset(["a.png"], ["a.png"])), (ImageDataset(["a.png"], ["a.png"]), None)):
        with pytest.raises(DatasetError, match="no labels"):
            join_test(*pair)


def test_groups_of_one_image_each_are_no_groups():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 30)
    probabilities = np.eye(2)[np.where(rng.random(30) < 0.8, truth, 1 - truth)] * 0.8 + 0.1
    options = {"classes": ["a", "b"], "trained": truth}
    without = score_held_out(truth, probabilities, **options)
    assert score_held_out(truth, probabilities, **options, groups=np.arange(30)) == without
    assert score_held_out(truth, probabilities, **options, groups=np.arange(30) // 3) != without
    assert without.n_test == sum(row["support"] for row in without.per_class) == np.sum(without.confusion_matrix) == 30
    assert without.metrics["accuracy"].value == np.trace(without.confusion_matrix) / 30


def test_whole_groups_are_promised_only_where_the_groups_of_both_sides_are_known():
    data, test = noise_dataset("ab" * 10), noise_dataset("ab" * 4, seed=1)
    groups, others = np.repeat(list("pqrst"), 4), np.repeat(["x", "y"], 4)
    for first, second, known in ((groups, others, True), (groups, None, False), (None, others, False)):
        both = dataclasses.replace(data, groups=first), dataclasses.replace(test, groups=second)
        assert ("whole groups" in split_dataset(join_test(*both)).protocol) is known


@pytest.mark.parametrize(("n", "are"), [(1, "1 image that cannot be read is"), (2, "2 images that cannot be read are")])
def test_the_error_of_small_classes_names_what_cannot_be_read(n, are):
    failures = [Failure(row, f"{row}.png", "it is empty") for row in range(n)]
    with pytest.raises(SmallClassError) as caught, unreadable_named(failures):
        raise SmallClassError("class 'a' has 1 image", "Add images.")
    more = ", and 1 more" if n == 2 else ""
    assert caught.value.next_step == (
        f"{are} not counted. The first is 0.png: it is empty{more}. Mend or replace them."
    )
    with pytest.raises(SmallClassError, match="Add images"), unreadable_named([]):
        raise SmallClassError("class 'a' has 1 image", "Add images.")
