"""Promised: every command uses the split that a data set came with, or says what was chosen in its place."""

import dataclasses
import re

import numpy as np
import pytest

from featx import (
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    DatasetError,
    ImageDataset,
    ModelFileError,
    ParameterError,
    finetune_model,
    fit_model,
)
from featx.forecast.finetune import forecast_finetuning
from featx.forecast.fit import forecast_fit
from networks import TINY

GRID = {"grids": {"logistic": {"C": [0.01]}}}
SIZES = {"training": 12, "validation": 6, "test": 8}


def noise(parts, *, classes=("dark", "light"), seed=0):
    """Return images of noise, as many of each part as `parts` says, half of each class."""
    rng = np.random.default_rng(seed)
    split = np.repeat(list(parts), list(parts.values()))
    labels = np.array([classes[place % len(classes)] for place in range(len(split))])
    images = [
        rng.integers(low, low + 128, (32, 32, 3), dtype=np.uint8) for low in np.where(labels == classes[0], 0, 128)
    ]
    names = [f"{part}-{place}" for place, part in enumerate(split)]
    return ImageDataset(images, names, labels, split=split if len(parts) > 1 else None)


def some(*names):
    return noise({name: SIZES[name] for name in names})


class Noting(CNNFineTuneClassifier):
    """Notes how many images it was fitted with, and to validate on."""

    seen = ()

    def fit(self, X, y, groups=None, **given):
        type(self).seen = (len(X), len(given.get("X_val", ())))
        return super().fit(X, y, groups=groups, **given)


def tiny(**parameters):
    return Noting(**{**TINY, "epochs": 1, "augmentation": "none", "head_init": "logistic", "cache": None, **parameters})


def frozen(**parameters):
    return CNNFeatureTransformer(**TINY, **parameters)


@pytest.mark.parametrize(
    ("parts", "fitted", "judged", "protocol"),
    [
        (
            ("training", "validation", "test"),
            18,
            8,
            "the test part of the given split; tuned on the training",
        ),
        (("training", "test"), 12, 8, "held-out test set of 8 images; tuned on the others"),
        (("training", "validation"), 12, 6, "the validation part of the given split, which has no test part; tuned on"),
    ],
)
def test_fit_is_fitted_on_training_and_validation_and_judged_by_the_test_part(parts, fitted, judged, protocol, remarks):
    found = fit_model(some(*parts), frozen(), **GRID).evaluation
    assert (found.model_fitted_on, found.n_test, np.sum(found.confusion_matrix)) == (fitted, judged, judged)
    assert protocol in found.protocol
    assert remarks() == []


def test_the_rows_of_the_test_part_are_those_that_judge():
    data = some("training", "validation", "test")
    turned = data.labels.copy()
    turned[data.split == "test"] = np.where(turned[data.split == "test"] == "dark", "light", "dark")
    for labels, accuracy in ((data.labels, 1.0), (turned, 0.0)):
        outcome = fit_model(dataclasses.replace(data, labels=labels), frozen(), **GRID)
        assert outcome.evaluation.metrics["accuracy"].value == accuracy
        tuned = finetune_model(dataclasses.replace(data, labels=labels), tiny())
        assert tuned.metrics["accuracy"].value == accuracy


@pytest.mark.parametrize(
    ("parts", "options", "seen", "judged", "protocol"),
    [
        (("training", "validation", "test"), {}, (12, 6), 8, "trained on 12, stopped by the 6 of the validation part"),
        (("training", "validation", "test"), {"early_stopping": False}, (18, 0), 8, "trained on 18"),
        (("training", "test"), {}, (12, 0), 8, "held-out test set of 8 images; trained on 12"),
        (("training", "validation"), {}, (12, 0), 6, "which has no test part; trained on 12"),
    ],
)
def test_finetune_stops_by_the_validation_part(parts, options, seen, judged, protocol):
    found = finetune_model(some(*parts), tiny(**options))
    assert found.model.seen == seen
    assert (found.n_train, found.n_test, np.sum(found.confusion_matrix)) == (seen[0], judged, judged)
    assert found.protocol.endswith(protocol)
    assert (found.history["val_accuracy"] == [None]) == (options != {})


@pytest.mark.parametrize(
    ("chosen", "judged", "fitted", "said"),
    [
        ({"cv": 2}, 26, 26, "gives way to cv=2"),
        ({"test_size": 0.5}, 13, 13, "gives way to test_size=0.5"),
        ({"test": noise({"training": 4}, seed=1)}, 4, 26, "gives way to the test set"),
    ],
)
def test_what_is_chosen_takes_the_place_of_a_split(chosen, judged, fitted, said, remarks):
    data = some("training", "validation", "test")
    found = fit_model(data, frozen(), **GRID, **chosen).evaluation
    assert (found.n_test, found.model_fitted_on) == (judged, fitted)
    assert "given split" not in found.protocol
    (remark,) = remarks()
    assert said in remark
    if "cv" not in chosen:
        tuned = finetune_model(data, tiny(), **chosen)
        assert (tuned.n_test, tuned.n_train, tuned.model.seen) == (judged, fitted, (fitted, 0))


def test_the_defaults_that_a_choice_may_repeat_are_choices_too(remarks):
    found = fit_model(some("training", "test"), frozen(), **GRID, cv=5).evaluation
    assert found.n_test == 20
    assert "gives way to cv=5" in remarks()[0]
    assert finetune_model(some("training", "test"), tiny(), test_size=0.2).n_test == 4


def test_a_test_set_with_a_split_judges_by_its_test_part(remarks):
    found = fit_model(noise({"training": 12}), frozen(), **GRID, test=some("training", "test")).evaluation
    assert (found.n_test, found.model_fitted_on) == (8, 12)
    assert "its test part, 8 of 20 images, judges" in remarks()[0]
    found = fit_model(noise({"training": 12}), frozen(), **GRID, test=some("training", "validation")).evaluation
    assert found.n_test == 6


def test_a_forecast_sees_the_rows_of_the_run():
    data = some("training", "validation", "test")
    predicted = next(part for part in forecast_finetuning(data, tiny()).parts if part.name == "predict")
    assert predicted.n_images == 8
    trained = next(part for part in forecast_finetuning(data, tiny()).parts if part.name.startswith("train "))
    assert trained.n_images == 12
    forecast = forecast_fit(data, frozen(cache=None), **GRID)
    assert next(part for part in forecast.parts if part.name == "forward").n_images == 26


@pytest.mark.parametrize("place", ["validation", "test"])
def test_a_class_that_is_not_trained_on_is_refused_before_any_image_is_read(place, forwards):
    data = some("training", "validation", "test")
    labels = data.labels.astype("U9")
    labels[np.flatnonzero(data.split == place)[0]] = "grey"
    data = dataclasses.replace(data, labels=labels)
    message = f"the {place} part has the class 'grey', which the training part does not have"
    frozen_calls = (lambda: fit_model(data, frozen(), **GRID), lambda: forecast_fit(data, frozen(), **GRID))
    tuned_calls = (lambda: finetune_model(data, tiny()), lambda: forecast_finetuning(data, tiny()))
    # The validation part is fitted on, but by what stops by it.
    for call in tuned_calls + (frozen_calls if place == "test" else ()):
        with pytest.raises(DatasetError, match=message) as caught:
            call()
        assert "--test-size" in str(caught.value)
    assert forwards.count == 0


def test_a_class_of_the_validation_part_alone_is_learnt_by_what_is_fitted_on_it():
    data = some("training", "validation", "test")
    labels = data.labels.astype("U9")
    labels[np.flatnonzero(data.split == "validation")[:2]] = "grey"
    data = dataclasses.replace(data, labels=labels)
    result = fit_model(data, frozen(), **GRID)
    assert result.evaluation.classes == ["dark", "grey", "light"]
    assert any("no test image is of the class 'grey'" in text for text in result.evaluation.notes)
    assert list(finetune_model(data, tiny(early_stopping=False)).model.classes_) == ["dark", "grey", "light"]


@pytest.mark.parametrize("command", ["fit", "finetune"])
@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (lambda data: data.split == "test", "none of the images of the test part can be read"),
        (
            lambda data: (data.split == "training") & (data.labels == "dark"),
            "none of the training images of class 'dark' can be read",
        ),
        (lambda data: data.split != "", "none of the images can be read"),
    ],
    ids=["test part", "class", "all"],
)
def test_what_cannot_be_read_is_named_where_too_little_is_left(lost, words, command):
    data = some("training", "validation", "test")
    rows = np.flatnonzero(lost(data))
    broken = unreadable(data, rows)
    with pytest.raises(DatasetError, match=rf"{words}. The first is {re.escape(broken.names[rows[0]])}: .*more"):
        if command == "fit":
            fit_model(broken, frozen(on_error="skip"), **GRID)
        else:
            finetune_model(broken, tiny(), on_error="skip")


def test_a_class_of_which_nothing_can_be_read_is_said_to_be_left_out(remarks):
    data = dataclasses.replace(some("training", "validation", "test"), split=None)
    labels = data.labels.astype("U9")
    labels[:4] = "grey"
    broken = unreadable(dataclasses.replace(data, labels=labels), np.arange(4))
    found = fit_model(broken, frozen(on_error="skip"), **GRID, cv=2)
    assert found.evaluation.classes == ["dark", "light"]
    assert "none of the images of class 'grey' can be read: it is left out" in remarks()


def test_a_class_that_is_not_tested_is_named():
    data = some("training", "validation", "test")
    rows = np.flatnonzero((data.split != "test") | (data.labels == "dark"))
    data = data.take(rows)
    said = "no test image is of the class 'light': the figures say nothing about it"
    assert said in fit_model(data, frozen(), **GRID).evaluation.notes
    assert said in finetune_model(data, tiny()).notes
    alone = noise({"training": 12}), data.take(np.flatnonzero(data.split == "test"))
    assert said in fit_model(alone[0], frozen(), **GRID, test=alone[1]).evaluation.notes


def test_a_validation_part_may_lack_a_class():
    data = some("training", "validation", "test")
    data = data.take(np.flatnonzero((data.split != "validation") | (data.labels == "dark")))
    found = finetune_model(data, tiny())
    assert found.model.seen == (12, 3)
    assert found.notes == finetune_model(some("training", "test"), tiny()).notes


def test_a_split_without_a_training_part_is_refused():
    with pytest.raises(DatasetError, match="the split has no training part"):
        fit_model(noise({"validation": 6, "test": 8}), frozen(), **GRID)


def test_other_words_for_the_parts_are_refused():
    data = some("training", "test")
    with pytest.raises(DatasetError, match=r"got the part 'train' in `split`; expected training, validation, test"):
        fit_model(dataclasses.replace(data, split=np.char.replace(data.split, "training", "train")), frozen(), **GRID)
    with pytest.raises(DatasetError, match=r"got split of shape \(3,\) for 20 images"):
        finetune_model(dataclasses.replace(data, split=data.split[:3]), tiny())


def unreadable(data, rows):
    images = list(data.images)
    for row in rows:
        images[row] = "/nowhere/at/all.png"
    return dataclasses.replace(data, images=images)


def test_images_that_cannot_be_read_are_left_out_of_their_part(remarks):
    data = some("training", "validation", "test")
    first = [int(np.flatnonzero(data.split == name)[0]) for name in SIZES]
    found = fit_model(unreadable(data, first), frozen(on_error="skip"), **GRID)
    assert (found.evaluation.model_fitted_on, found.evaluation.n_test) == (16, 7)
    tuned = finetune_model(unreadable(data, first), tiny(), on_error="skip")
    assert (tuned.model.seen, tuned.n_test, len(tuned.failures)) == ((11, 5), 7, 3)
    assert remarks() == []


def test_a_part_of_which_nothing_can_be_read_is_not_missed_in_silence(remarks):
    data = some("training", "validation", "test")
    broken = unreadable(data, np.flatnonzero(data.split == "validation"))
    assert finetune_model(broken, tiny(), on_error="skip").model.seen == (12, 0)
    assert remarks() == ["none of the images of the validation part can be read: the split is used without it"]
    broken = unreadable(data, np.flatnonzero(data.split == "test"))
    for call in (
        lambda: fit_model(broken, frozen(on_error="skip"), **GRID),
        lambda: finetune_model(broken, tiny(), on_error="skip"),
    ):
        with pytest.raises(DatasetError, match="none of the images of the test part can be read"):
            call()


def test_groups_on_one_side_of_a_given_split_are_said_to_be_and_others_are_not():
    data = some("training", "test")
    apart = np.array([f"{part} {place // 2}" for place, part in enumerate(data.split)])
    found = fit_model(dataclasses.replace(data, groups=apart), frozen(), **GRID).evaluation
    assert "8 images, whole groups on one side" in found.protocol
    assert "too few groups (fewer than 5)" in found.metrics["accuracy"].reason
    shared = np.where(apart == "test 6", "training 0", apart)
    with pytest.raises(DatasetError, match=r"both to train on and to test on: 'training 0' \(2 and 2\)"):
        fit_model(dataclasses.replace(data, groups=shared), frozen(), **GRID)
    data = some("training", "validation", "test")
    apart = np.array([f"{part} {place // 2}" for place, part in enumerate(data.split)])
    assert "whole groups" in fit_model(dataclasses.replace(data, groups=apart), frozen(), **GRID).evaluation.protocol
    shared = np.where(apart == "test 9", "validation 6", apart)
    with pytest.raises(DatasetError, match=r"both to train on and to test on: 'validation 6'"):
        fit_model(dataclasses.replace(data, groups=shared), frozen(), **GRID)


def test_images_to_validate_on_may_be_passed(tmp_path, remarks):
    data, other = noise({"training": 12}), noise({"training": 6}, seed=1)
    given = {"X_val": other.images, "y_val": other.labels}
    model = tiny(checkpoint=tmp_path / "a.ckpt").fit(data.images, data.labels, **given)
    assert model.history_["val_accuracy"] == [model.score(other.images, other.labels)]
    # A checkpoint belongs to its validation images.
    with pytest.raises(ModelFileError, match="images and labels"):
        tiny(checkpoint=tmp_path / "a.ckpt").fit(
            data.images, data.labels, X_val=other.images[:4], y_val=other.labels[:4]
        )
    with pytest.raises(ParameterError, match="one of X_val and y_val"):
        tiny().fit(data.images, data.labels, X_val=other.images)
    with pytest.raises(ParameterError, match="got 'grey' in y_val"):
        tiny().fit(data.images, data.labels, X_val=other.images, y_val=["grey"] * 6)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tiny().fit(data.images, data.labels, X_val=other.images, y_val=other.labels[:3])
    assert remarks() == []
    without = tiny(early_stopping=False).fit(data.images, data.labels, **given)
    assert without.history_["val_accuracy"] == [None]
    assert "X_val has no effect" in remarks()[0]


def test_balanced_weights_are_those_of_the_training_images():
    from featx.finetuning.fit import FineTuning
    from featx.images.sources import as_sources

    data, other = noise({"training": 12}), noise({"training": 6}, seed=1)
    numbers = np.unique(data.labels, return_inverse=True)[1]
    validation = as_sources(other.images[:3]), np.zeros(3, dtype=int)
    finetuning = FineTuning(
        tiny(class_weight="balanced"),
        as_sources(data.images),
        np.unique(data.labels),
        numbers,
        None,
        validation=validation,
    )
    assert finetuning.class_weights == (1.0, 1.0)
