"""Promised: classes that are too small for a workflow are refused with what would work, or left out when asked for."""

import dataclasses

import numpy as np
import pytest

from featx import (
    DatasetError,
    compare_strategies,
    finetune_model,
    fit_model,
)
from labelled import GRID, Guess, calls, frozen, noise_dataset, numbered, tiny


@pytest.mark.parametrize("which", ["fit", "finetune", "forecast of fit", "forecast of finetune"])
def test_min_images_leaves_small_classes_out_and_says_so(which, remarks, forwards):
    data = noise_dataset("ab" * 8 + "cdd")
    with pytest.raises(DatasetError) as caught:
        calls(data)[which]()
    assert "'c' (1)" in caught.value.message or "'c' has 1 image" in caught.value.message
    least = int(caught.value.next_step.partition("--min-images ")[2][0])
    assert forwards.count == 0
    outcome = calls(data, min_images=least)[which]()
    assert any("fewer than" in remark and "left out: 'c' (1)" in remark for remark in remarks())
    if not which.startswith("forecast"):
        assert (outcome.evaluation if which == "fit" else outcome).classes[:2] == ["a", "b"]
        assert "c" not in (outcome.evaluation if which == "fit" else outcome).classes


def test_compare_leaves_small_classes_out_and_names_what_would_do():
    data = numbered(range(27), "ab" * 12 + "ccc")
    with pytest.raises(DatasetError, match="class 'c' has 3 images, fewer than the 4") as caught:
        compare_strategies(data, {"guess": Guess()})
    assert "min_images=4 (--min-images 4), which leaves 1 of the 3 classes out" in caught.value.next_step
    assert compare_strategies(data, {"guess": Guess()}, min_images=4).classes == ["a", "b"]
    groups = np.repeat(["p", "q", "r"], 9)
    shared = dataclasses.replace(numbered([50, 51], "ab"), groups=np.array(["q", "z"]))
    with pytest.raises(DatasetError, match=r"both to train on and to test on: 'q' \(9 and 1\)"):
        compare_strategies(dataclasses.replace(data, groups=groups), {"guess": Guess()}, test=shared)


def test_groups_that_are_too_few_are_told_what_works():
    data = dataclasses.replace(noise_dataset("ab" * 12), groups=np.repeat(list("pqr"), 8))
    with pytest.raises(DatasetError, match="too few groups to tune on") as caught:
        fit_model(data, frozen(), cv=2)
    assert caught.value.next_step == "Pass smaller groups, or none. Or use cv=3 (--cv 3)."
    assert fit_model(data, frozen(), cv=3, **GRID).evaluation.n_test == 24


def test_fine_tuning_many_small_classes_is_told_a_fraction_that_works():
    data = noise_dataset("".join(chr(97 + number) for number in range(12)) * 3)
    with pytest.raises(DatasetError, match=r"^test_size=0\.2 of 36 images") as caught:
        finetune_model(data, tiny())
    fraction = float(caught.value.next_step.partition("test_size=")[2].partition(" ")[0])
    finetune_model(data, tiny(), test_size=fraction)


def test_a_class_of_two_is_too_small_to_hold_out_twice():
    data = noise_dataset("ab" * 10 + "cc")
    with pytest.raises(
        DatasetError, match="class 'c' has 1 image, fewer than the 2 that training and validation need"
    ) as c:
        finetune_model(data, tiny())
    assert "early_stopping=False (--no-early-stopping)" in c.value.next_step
    assert "min_images=3 (--min-images 3)" in c.value.next_step
    finetune_model(data, tiny(early_stopping=False))
