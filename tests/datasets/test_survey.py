"""Promised: groups, copies and classes that would make figures wrong are found before any image is forwarded."""

import dataclasses
import logging

import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin

from featx import (
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    DatasetError,
    ImageDataset,
    ImageDecodeError,
    ParameterError,
    compare_strategies,
    evaluate_heads,
    finetune_model,
    fit_model,
    load_dataset,
)
from featx import cache as featx_cache
from featx.datasets.prepare import SplitOptions
from featx.datasets.split import join_test, split_dataset
from featx.datasets.survey import survey
from featx.evaluation.splits import held_out_split
from featx.evaluation.units import same_content
from featx.finetuning.training import Training
from featx.forecast.finetune import forecast_finetuning
from featx.forecast.fit import forecast_fit
from featx.heads.tuned_head import TunedHead

TINY = {"backbone": "squeezenet1_1", "weights": None, "image_size": 32}
GRID = {"grids": {"logistic": {"C": [0.01]}}}


@pytest.fixture
def remarks(caplog, monkeypatch):
    monkeypatch.setattr("featx.display.notes._logged", set())
    caplog.set_level(logging.WARNING, "featx")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "featx"]


def frozen(**parameters):
    return CNNFeatureTransformer(**TINY, **parameters)


def tiny(**parameters):
    return CNNFineTuneClassifier(**{**TINY, "epochs": 1, "augmentation": "none", "head_init": "logistic", **parameters})


def calls(data, test=None, **options):
    """Return the workflows, ready to be called."""
    return {
        "fit": lambda: fit_model(data, frozen(), test=test, **GRID, **options),
        "finetune": lambda: finetune_model(data, tiny(), test=test, **options),
        "forecast of fit": lambda: forecast_fit(data, frozen(), test=test, **GRID, **options),
        "forecast of finetune": lambda: forecast_finetuning(data, tiny(), test=test, **options),
    }


def named(labels, keys=None, *, split=None, groups=None):
    """Return a data set of names alone, with its keys."""
    n = len(labels)
    data = ImageDataset(
        [f"{row}.png" for row in range(n)],
        [f"{row}.png" for row in range(n)],
        np.array(list(labels)),
        None if groups is None else np.array(list(groups)),
        split=None
        if split is None
        else np.array([{"t": "training", "v": "validation", "j": "test"}[c] for c in split]),
    )
    return data, None if keys is None else [key.encode() for key in keys]


def noise(labels, *, seed=0, copies=None):
    """Return images of noise; equal numbers in `copies` are the same image."""
    rng = np.random.default_rng(seed)
    distinct = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in labels]
    images = distinct if copies is None else [distinct[number] for number in copies]
    return ImageDataset(images, [f"image {row}" for row in range(len(labels))], np.array(list(labels)))


# Groups


@pytest.mark.parametrize("which", ["fit", "finetune", "forecast of fit", "forecast of finetune"])
def test_groups_on_both_sides_of_a_test_set_are_refused_before_anything_is_forwarded(which, forwards):
    groups = np.repeat(["p1", "p2", "p3", "p4", "p5"], 4)
    data = dataclasses.replace(noise("ab" * 10), groups=groups)
    test = dataclasses.replace(noise("ab" * 4, seed=1), groups=np.repeat(["p1", "p3", "p9", "p4"], 2))
    with pytest.raises(DatasetError) as caught:
        calls(data, test)[which]()
    assert caught.value.message == (
        "3 groups have images both to train on and to test on: 'p1' (4 and 2), 'p3' (4 and 2), 'p4' (4 and 2)"
    )
    assert "rename groups that only share a name" in caught.value.next_step
    assert forwards.count == 0


@pytest.mark.parametrize(
    ("split", "groups", "apart", "words"),
    [
        ("ttvvjj", "aabbcc", True, None),
        ("ttvvjj", "aabbac", True, "one group has images both to train on and to test on: 'a' (2 and 1)"),
        ("ttvvjj", "aabbbc", True, "one group has images both to validate on and to test on: 'b' (2 and 1)"),
        ("ttvvjj", "aabbbc", False, "one group has images both to train on and to test on: 'b' (2 and 1)"),
        ("ttvv", "aaab", True, "one group has images both to train on and to test on: 'a' (2 and 1)"),
        ("ttvvjj", "aaabcc", False, None),
    ],
)
def test_what_judges_is_kept_from_groups_that_are_fitted_on(split, groups, apart, words):
    data, _ = named("ab" * (len(split) // 2), split=split, groups=groups)
    if words is None:
        assert survey(data, validation_apart=apart).notes == []
        return
    with pytest.raises(DatasetError) as caught:
        survey(data, validation_apart=apart)
    assert caught.value.message == words


def test_groups_that_training_is_stopped_by_are_remarked_on():
    data, _ = named("ababab", split="ttvvjj", groups="aaabcc")
    (note,) = survey(data, validation_apart=True).notes
    assert note.startswith("one group has images both to train on and to validate on: 'a' (2 and 1)")


def test_whole_groups_are_promised_only_where_the_groups_of_both_sides_are_known():
    data, test = noise("ab" * 10), noise("ab" * 4, seed=1)
    groups, others = np.repeat(list("pqrst"), 4), np.repeat(["x", "y"], 4)
    for first, second, known in ((groups, others, True), (groups, None, False), (None, others, False)):
        both = dataclasses.replace(data, groups=first), dataclasses.replace(test, groups=second)
        assert ("whole groups" in split_dataset(join_test(*both)).protocol) is known


# Copies


def test_copies_of_test_images_are_left_out_of_what_is_fitted_on(remarks):
    data, keys = named("ababababab", "0123401456", split="ttttvvjjjj")
    found = survey(data, keys, validation_apart=True)
    # The first training image is a copy of a validation image, the second of a test image, as is one to validate on.
    assert found.rows.tolist() == [2, 3, 5, 6, 7, 8, 9]
    assert found.dataset.names == [f"{row}.png" for row in found.rows]
    twice, train, validation = found.notes
    assert twice.startswith("3 images are in more than one class: 0.png is 'a' and 5.png is 'b'; ")
    assert train == (
        "2 training images are copies of validation or test images, left out of training: "
        "0.png (in the validation part: 5.png), 1.png (in the test part: 6.png)"
    )
    assert validation == (
        "one validation image is a copy of test images, left out of validation: 4.png (in the test part: 7.png)"
    )
    merged = survey(data, keys, validation_apart=False)
    assert merged.rows.tolist() == [0, 2, 3, 5, 6, 7, 8, 9]
    assert found.dataset.together is None
    assert merged.dataset.together.tolist()[0] == merged.dataset.together.tolist()[3]


def test_copies_on_one_side_are_counted_named_and_marked():
    data, keys = named("aaabbbab", "00011234")
    found = survey(data, keys)
    assert found.rows.tolist() == list(range(8))
    assert found.dataset.together.tolist() == [0, 0, 0, 3, 3, 5, 6, 7]
    assert found.notes == [
        "3 images repeat another: 0.png = 1.png = 2.png, 3.png = 4.png; copies stay on one side of every split that is "
        "drawn, and each counts in the figures"
    ]
    data, keys = named("ababab", "001122")
    found = survey(dataclasses.replace(data, names=["x", "x", "y", "z", "w", "w"]), keys)
    assert found.notes == [
        "3 images are in more than one class: x is 'a' and 'b'; y is 'a' and z is 'b'; w is 'a' and 'b'; a label of "
        "each is wrong, or classes do not exclude each other"
    ]


def test_of_many_copies_the_first_of_each_class_is_named():
    data, keys = named("a" * 10 + "b" * 10, "0" * 20)
    assert (
        survey(data, keys)
        .notes[0]
        .startswith(
            "one image is in more than one class: 0.png is 'a' and 10.png is 'b' and 1.png is 'a' and 17 more; "
        )
    )
    data, keys = named("a" * 10 + "b", "0" * 10 + "1")
    assert survey(data, keys).notes[0].startswith("9 images repeat another: 0.png = 1.png = 2.png and 7 more; ")


def test_what_has_no_copies_is_left_as_it_was():
    data, keys = named("abab", "0123")
    assert survey(data, keys).dataset.together is None
    assert survey(data).dataset.together is None
    # What could not be read is like nothing else.
    error = ImageDecodeError("x", "y")
    assert same_content([b"0", error, error, None, None, b"1"]) is None
    assert same_content([b"0", error, b"0"]).tolist() == [0, 1, 0]


def test_a_class_that_copies_leave_nothing_to_train_on_is_refused():
    data, keys = named("aabbbb", "012323", split="ttttjj")
    with pytest.raises(DatasetError, match="every training image of class 'b' is to be tested on too"):
        survey(data, keys)


@pytest.mark.parametrize("which", ["fit", "finetune"])
def test_copies_of_test_images_are_left_out_by_every_command(which, remarks):
    data, test = noise("ab" * 12), noise("ab" * 4, seed=1)
    both = dataclasses.replace(test, images=[*test.images[:4], *data.images[:4]])
    outcome = calls(data, both)[which]()
    assert any("4 training images are copies of test images" in remark for remark in remarks())
    report = outcome.evaluation if which == "fit" else outcome
    assert (report.model_fitted_on if which == "fit" else outcome.n_train) == 20
    assert report.n_test == 8
    assert any("4 training images are copies" in note for note in report.notes)
    calls(data, both)[f"forecast of {which}"]()


def test_copies_do_not_turn_figures_into_those_of_groups(remarks):
    copies = np.repeat(np.arange(12), 3)
    data = noise("ab" * 18, copies=copies)
    data = dataclasses.replace(data, labels=np.repeat(list("ab" * 6), 3))
    found = fit_model(data, frozen(), cv=3, **GRID).evaluation
    assert "whole groups" not in found.protocol
    assert found.n_test == 36
    assert "group" not in found.test
    assert found.metrics["accuracy"].has_interval
    assert any(note.startswith("24 images repeat another") for note in remarks())
    outcome = finetune_model(data, tiny())
    assert "whole groups" not in outcome.protocol
    assert (outcome.n_train + outcome.n_test, outcome.n_test % 3) == (36, 0)


def test_copies_of_noise_teach_nothing():
    """Each of 40 images three times, with random labels: nearly all right where copies may be learnt by heart."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(40, 60)), 3, axis=0).astype(np.float32)
    y = np.repeat(rng.permutation(np.arange(40) % 2), 3)
    together = np.repeat(np.arange(40), 3)
    options = {"heads": ["svm", "knn"], "cv": 5}
    options["grids"] = {"svm": {"C": [1.0, 10.0]}, "knn": {"n_neighbors": [1, 3]}}
    naive, _ = evaluate_heads({("last", "avg"): X}, y, **options)
    assert naive.metrics["accuracy"].value > 0.95
    honest, _ = evaluate_heads({("last", "avg"): X}, y, together=together, **options)
    assert 0.3 < honest.metrics["accuracy"].value < 0.7
    # The tuning, too, sees no copy of what it is judged by.
    assert max(np.mean(c.metrics["accuracy"].value) for c in honest.candidates) < 0.75
    split = held_out_split(y, 0.25, together=together)
    held, _ = evaluate_heads({("last", "avg"): X}, y, split=split, together=together, **options)
    assert held.metrics["accuracy"].value < 0.8


def test_what_a_classifier_holds_out_to_stop_by_has_no_copies(monkeypatch):
    seen = []
    run = Training.run
    monkeypatch.setattr(Training, "run", lambda self, **o: seen.append((self.train, self.validation)) or run(self, **o))
    copies = np.repeat(np.arange(15), 2)
    images = noise("a" * 30, copies=copies).images
    tiny(head_init="random").fit(images, np.repeat(list("abcab" * 3), 2))
    ((train, validation),) = seen
    assert len(validation) == 6
    assert not set(copies[train]) & set(copies[validation])


@pytest.mark.parametrize("on_disk", [True, False])
def test_no_content_is_digested_twice(on_disk, tmp_path, monkeypatch, settled_files):
    data = noise("ab" * 8)
    if on_disk:
        paths = [str(tmp_path / f"{row}.png") for row in range(16)]
        for path, pixels in zip(paths, data.images, strict=True):
            Image.fromarray(pixels).save(path)
        data = dataclasses.replace(data, images=paths, names=paths)
    fit_model(data, frozen(), cv=3, **GRID)
    digests = []
    digest, read = featx_cache.digests.digest_array, featx_cache.digests._read_digest
    monkeypatch.setattr("featx.images.sources.digest_array", lambda array: digests.append(1) or digest(array))
    monkeypatch.setattr("featx.cache.digests._read_digest", lambda path: digests.append(1) or read(path))
    monkeypatch.setattr("featx.extraction.estimator._opened", {})
    fit_model(data, frozen(), cv=3, **GRID)
    assert len(digests) == (0 if on_disk else 16)
    digests.clear()
    monkeypatch.setenv("FEATX_CHECKSUM", "1")
    fit_model(data, frozen(), cv=3, **GRID)
    assert len(digests) == 16


def test_an_image_that_cannot_be_read_is_named_or_left_out(tmp_path, forwards):
    for row in range(16):
        folder = tmp_path / "ab"[row % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(noise("ab" * 8).images[row]).save(folder / f"{row}.png")
    data, missing = load_dataset(tmp_path), str(tmp_path / "a" / "4.png")
    (tmp_path / "a" / "4.png").unlink()
    for call in (lambda: fit_model(data, frozen(), cv=3), lambda: finetune_model(data, tiny())):
        with pytest.raises(ImageDecodeError, match=r"4\.png"):
            call()
    assert forwards.count == 0
    found = fit_model(data, frozen(on_error="nan"), cv=3, **GRID)
    assert found.evaluation.n_images == 15
    assert [failure.name for failure in found.extraction.failures] == [missing]
    assert data.names[found.extraction.failures[0].index] == missing


def test_failures_are_counted_in_what_was_passed(tmp_path):
    data = noise("abababababcab")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    images = [*data.images[:-1], str(broken)]
    data = dataclasses.replace(data, images=images)
    found = fit_model(data, frozen(on_error="nan"), cv=3, min_images=2, **GRID)
    assert [failure.index for failure in found.extraction.failures] == [12]


@pytest.mark.parametrize(("first", "second"), [("cat", "Cat"), ("sea lion", "sea_lion"), ("dog", "dog\u00a0")])
def test_a_class_that_the_training_set_spells_otherwise_is_named(first, second):
    data, test = noise("ab" * 6), noise("ab" * 2, seed=1)
    data = dataclasses.replace(data, labels=np.where(data.labels == "a", first, "other"))
    test = dataclasses.replace(test, labels=np.where(test.labels == "a", second, "other"))
    with pytest.raises(DatasetError) as caught:
        fit_model(data, frozen(), test=test)
    assert caught.value.next_step == f"If it is the class {first!r}, give it that name."


# Comparisons


class Guess(ClassifierMixin, BaseEstimator):
    """Notes the rows that it is fitted on and predicts, by the number in the first pixel."""

    seen = []  # noqa: RUF012

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.rows_ = [int(image[0, 0, 0]) for image in X]
        return self

    def predict_proba(self, X):
        type(self).seen.append((self.rows_, [int(image[0, 0, 0]) for image in X]))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return self.classes_[np.zeros(len(X), int)]


def numbered(numbers, labels):
    images = [np.full((4, 4, 3), number, np.uint8) for number in numbers]
    return ImageDataset(images, [f"image {place}" for place in range(len(images))], np.array(list(labels)))


def test_compare_keeps_copies_on_one_side_and_leaves_out_those_of_a_given_test_set(remarks):
    copies = np.repeat(np.arange(24), 2)
    data = numbered(copies, np.repeat(list("ab" * 12), 2))
    Guess.seen.clear()
    result = compare_strategies(data, {"guess": Guess()}, train_sizes=[0.3, 0.75], repeats=3)
    assert len(Guess.seen) >= 6
    for train, test in Guess.seen:
        assert not set(train) & set(test)
        assert set(np.unique(train, return_counts=True)[1]) == {2}
    assert "whole groups" not in result.protocol
    assert any(note.startswith("24 images repeat another") for note in result.notes)
    Guess.seen.clear()
    result = compare_strategies(data, {"guess": Guess()}, test=numbered([0, 1, 40, 41], "abab"))
    assert [sorted(set(train)) for train, _ in Guess.seen] == [list(range(2, 24))] * len(Guess.seen)
    assert any("4 training images are copies of test images" in remark for remark in remarks())


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


def test_strata_follow_the_images_that_are_left():
    data = numbered(range(27), "ab" * 12 + "ccc")
    finer = np.array(list("xxyy" * 6 + "zzz"))
    result = compare_strategies(data, {"guess": Guess()}, min_images=4, stratify=finer)
    assert "finer labels" in result.protocol
    with pytest.raises(ParameterError, match="got 3 labels to stratify by for 27 images"):
        compare_strategies(data, {"guess": Guess()}, stratify=finer[:3])


def test_a_tuned_head_keeps_copies_together():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 40)), 3, axis=0).astype(np.float32)
    y = np.repeat(rng.permutation(np.arange(30) % 2), 3)
    head = TunedHead("knn", grid={"n_neighbors": [1]})
    assert head.fit(X, y).best_score_ > 0.9
    assert head.fit(X, y, together=np.repeat(np.arange(30), 3)).best_score_ < 0.75


# Small classes


@pytest.mark.parametrize("which", ["fit", "finetune", "forecast of fit", "forecast of finetune"])
def test_min_images_leaves_small_classes_out_and_says_so(which, remarks, forwards):
    data = noise("ab" * 8 + "cdd")
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


def test_min_images_counts_different_images_to_fit_on():
    data, keys = named("aaaabbbbcccc", "012345678889")
    found = survey(data, keys, min_images=3)
    assert found.notes[0] == "one class with fewer than 3 images left out: 'c' (2)"
    assert found.dataset.classes == ["a", "b"]
    assert found.dataset.together is None
    # With a given split those of the test part do not count, and go too.
    data, _ = named("aaabbbcabccc", split="tttttttjjjjj")
    found = survey(data, min_images=2)
    assert found.notes == ["one class with fewer than 2 images left out: 'c' (1)"]
    assert found.dataset.labels.tolist() == list("aaabbbab")
    data, _ = named("aabbccc", split="ttttttv")
    data = dataclasses.replace(data, split=np.array([*["training"] * 5, "validation", "test"]))
    assert survey(data, min_images=2, validation_apart=True).dataset.classes == ["a", "b"]
    assert survey(data, min_images=2).dataset.classes == ["a", "b", "c"]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", None])
def test_numbers_of_images_that_cannot_be_are_refused(value):
    with pytest.raises(ParameterError, match="got min_images="):
        survey(named("abab")[0], min_images=value)


def test_min_images_that_leave_one_class_are_refused():
    with pytest.raises(DatasetError, match=r"min_images=4 leaves 1 of 3 classes; too small are 'c' \(2\), 'b' \(3\)"):
        survey(named("aaaabbbcc")[0], min_images=4)


WITHOUT_ONE = "which leaves 1 of the 3 classes out"


def advice(labels, divide, settings, **options):
    with pytest.raises(DatasetError) as caught:
        SplitOptions(divide, settings, **options).prepare(named(labels)[0])
    return caught.value.next_step


@pytest.mark.parametrize(
    ("labels", "settings", "expected"),
    [
        # A class of one: no number of folds will do.
        ("aaaaaabbbbbbc", {"cv": 5}, f"use min_images=2 (--min-images 2), {WITHOUT_ONE}."),
        ("aaaaaabbbbbbc", {"test_size": 0.25}, f"use min_images=2 (--min-images 2), {WITHOUT_ONE}."),
        # Two images at three folds, and eight at fifty.
        ("aaaaaabbbbbbcc", {"cv": 3}, f"use min_images=3 (--min-images 3), {WITHOUT_ONE}."),
        ("a" * 8 + "b" * 9, {"cv": 50}, "use cv=8 (--cv 8)."),
        ("aaaaabbbbbccc", {"cv": 2}, f"use cv=3 (--cv 3) or min_images=4 (--min-images 4), {WITHOUT_ONE}."),
        # Nothing but images helps.
        ("aab", {"cv": 3}, None),
    ],
)
def test_advice_is_what_works(labels, settings, expected):
    def divide(dataset, *, cv=None, test_size=None):
        return split_dataset(dataset, cv=cv, test_size=test_size)

    found = advice(labels, divide, settings)
    assert found == ("Add images." if expected is None else f"Add images, or {expected}")


def test_groups_that_are_too_few_are_told_what_works():
    data = dataclasses.replace(noise("ab" * 12), groups=np.repeat(list("pqr"), 8))
    with pytest.raises(DatasetError, match="too few groups to tune on") as caught:
        fit_model(data, frozen(), cv=2)
    assert caught.value.next_step == "Pass smaller groups, or none. Or use cv=3 (--cv 3)."
    assert fit_model(data, frozen(), cv=3, **GRID).evaluation.n_test == 24


def test_fine_tuning_many_small_classes_is_told_a_fraction_that_works():
    data = noise("".join(chr(97 + number) for number in range(12)) * 3)
    with pytest.raises(DatasetError, match=r"^test_size=0\.2 of 36 images") as caught:
        finetune_model(data, tiny())
    fraction = float(caught.value.next_step.partition("test_size=")[2].partition(" ")[0])
    finetune_model(data, tiny(), test_size=fraction)


def test_a_class_of_two_is_too_small_to_hold_out_twice():
    data = noise("ab" * 10 + "cc")
    with pytest.raises(
        DatasetError, match="class 'c' has 1 image, fewer than the 2 that training and validation need"
    ) as c:
        finetune_model(data, tiny())
    assert "early_stopping=False (--no-early-stopping)" in c.value.next_step
    assert "min_images=3 (--min-images 3)" in c.value.next_step
    finetune_model(data, tiny(early_stopping=False))


@pytest.mark.parametrize("split", [None, ["training"] * 12 + ["test"] * 4], ids=["folds", "given"])
def test_files_that_cannot_be_read_are_no_copies_of_an_image(split, tmp_path, caplog, monkeypatch):
    """Downloads that broke off leave files of equal bytes in all classes and parts."""
    monkeypatch.setattr("featx.display.notes._logged", set())
    rng = np.random.default_rng(0)
    paths = []
    for number in range(16):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(paths[-1])
    broken = [0, 1, 14]
    for number in broken:
        (tmp_path / f"{number}.png").write_bytes(b"")
    labels = np.array(["dark", "light"] * 8)
    data = ImageDataset(paths, paths, labels, split=None if split is None else np.array(split))
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, on_error="nan", cache=None)
    with caplog.at_level("WARNING", "featx"):
        outcome = fit_model(data, transformer, grids={"logistic": {"C": [0.01]}}, cv=2 if split is None else None)
    assert [failure.index for failure in outcome.extraction.failures] == broken
    assert not [record for record in caplog.messages if "copies" in record or "class" in record]
