"""Promised: no workflow is judged by groups or copies of images that it was fitted on."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from featx import (
    CNNFeatureTransformer,
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
from featx.evaluation.splits import held_out_split
from featx.finetuning.training import Training
from featx.heads.tuned_head import TunedHead
from featx.process import forget
from labelled import GRID, Guess, calls, frozen, noise_dataset, numbered, tiny


@pytest.mark.parametrize("which", ["fit", "finetune", "forecast of fit", "forecast of finetune"])
def test_groups_on_both_sides_of_a_test_set_are_refused_before_anything_is_forwarded(which, forwards):
    groups = np.repeat(["p1", "p2", "p3", "p4", "p5"], 4)
    data = dataclasses.replace(noise_dataset("ab" * 10), groups=groups)
    test = dataclasses.replace(noise_dataset("ab" * 4, seed=1), groups=np.repeat(["p1", "p3", "p9", "p4"], 2))
    with pytest.raises(DatasetError) as caught:
        calls(data, test)[which]()
    assert caught.value.message == (
        "3 groups have images both to train on and to test on: 'p1' (4 and 2), 'p3' (4 and 2), 'p4' (4 and 2)"
    )
    assert "rename groups that only share a name" in caught.value.next_step
    assert forwards.count == 0


@pytest.mark.parametrize("which", ["fit", "finetune"])
def test_copies_of_test_images_are_left_out_by_every_command(which, remarks):
    data, test = noise_dataset("ab" * 12), noise_dataset("ab" * 4, seed=1)
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
    data = noise_dataset("ab" * 18, copies=copies)
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
    images = noise_dataset("a" * 30, copies=copies).images
    tiny(head_init="random").fit(images, np.repeat(list("abcab" * 3), 2))
    ((train, validation),) = seen
    assert len(validation) == 6
    assert not set(copies[train]) & set(copies[validation])


@pytest.mark.parametrize("on_disk", [True, False])
def test_no_content_is_digested_twice(on_disk, tmp_path, monkeypatch, settled_files):
    data = noise_dataset("ab" * 8)
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
    forget("files")
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
        Image.fromarray(noise_dataset("ab" * 8).images[row]).save(folder / f"{row}.png")
    data, missing = load_dataset(tmp_path), str(tmp_path / "a" / "4.png")
    (tmp_path / "a" / "4.png").unlink()
    for call in (lambda: fit_model(data, frozen(), cv=3), lambda: finetune_model(data, tiny())):
        with pytest.raises(ImageDecodeError, match=r"4\.png"):
            call()
    assert forwards.count == 0
    found = fit_model(data, frozen(on_error="skip"), cv=3, **GRID)
    assert found.evaluation.n_images == 15
    assert [failure.name for failure in found.extraction.failures] == [missing]
    assert data.names[found.extraction.failures[0].index] == missing


def test_failures_are_counted_in_what_was_passed(tmp_path):
    data = noise_dataset("abababababcab")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    images = [*data.images[:-1], str(broken)]
    data = dataclasses.replace(data, images=images)
    found = fit_model(data, frozen(on_error="skip"), cv=3, min_images=2, **GRID)
    assert [failure.index for failure in found.extraction.failures] == [12]


@pytest.mark.parametrize("split", [None, ["training"] * 12 + ["test"] * 4], ids=["folds", "given"])
def test_files_that_cannot_be_read_are_no_copies_of_an_image(split, tmp_path, caplog, monkeypatch):
    """Downloads that broke off leave files of equal bytes in all classes and parts."""
    forget("remarks")
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
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, on_error="skip", cache=None)
    with caplog.at_level("WARNING", "featx"):
        outcome = fit_model(data, transformer, grids={"logistic": {"C": [0.01]}}, cv=2 if split is None else None)
    assert [failure.index for failure in outcome.extraction.failures] == broken
    assert not [record for record in caplog.messages if "copies" in record or "class" in record]


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
