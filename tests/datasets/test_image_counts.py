"""Promised: how many images there are of each class and part is printed before a run, and nothing is repeated."""

import dataclasses

import numpy as np
import pytest

from commands import NETWORK, featx
from featx import CNNFineTuneClassifier, finetune_model, fit_model
from featx.datasets.image_counts import count_images, print_counts
from featx.datasets.split import split_dataset
from featx.display.text_tables import render_text
from featx.finetuning.validation_part import hold_out_validation
from featx.forecast.finetune import forecast_finetuning
from images import write_digits
from labelled import GRID, TINY, frozen, named, noise_dataset


def shown(data, **options):
    return render_text(count_images(data, split_dataset(data, **options)))


def test_every_class_has_its_images_and_their_share():
    text = shown(named("a" * 1500 + "b" * 400 + "c" * 100)[0], cv=3)
    assert text.splitlines() == [
        "class  images   share",
        "-----  ------  ------",
        "a       1,500  75.0 %",
        "b         400  20.0 %",
        "c         100   5.0 %",
    ]


def test_a_drawn_split_has_its_parts():
    text = shown(named("a" * 80 + "b" * 20)[0], test_size=0.25)
    assert "a random split, stratified by class" in text
    assert [line.split() for line in text.splitlines()[-2:]] == [
        ["training", "75", "75.0", "%"],
        ["test", "25", "25.0", "%"],
    ]
    groups = [str(n // 2) for n in range(100)]
    grouped = dataclasses.replace(named("ab" * 50)[0], groups=np.array(groups))
    assert "a random split, in whole groups" in shown(grouped, test_size=0.25)


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        ("ttttvvjj", ["training 4 50.0 %", "validation 2 25.0 %", "test 2 25.0 %"]),
        ("ttttttjj", ["training 6 75.0 %", "test 2 25.0 %"]),
        ("ttttttvv", ["training 6 75.0 %", "validation part, as test 2 25.0 %"]),
    ],
)
def test_a_given_split_has_its_parts(split, rows):
    lines = shown(named("abababab", split=split)[0]).splitlines()
    assert "the given split" in lines
    assert [" ".join(line.split()) for line in lines[-len(rows) :]] == rows


def test_many_classes_are_one_sentence():
    labels = [f"c{n:02}" for n in range(31) for _ in range(n + 4)]
    assert shown(named(labels)[0], cv=2) == (
        "31 classes: 'c00' has the fewest images, 4, 'c30' the most, 34; the median is 19"
    )
    assert shown(named(sorted(set(labels)) * 4)[0], cv=2) == "31 classes with 4 images each"
    assert "c29  " in shown(named(labels[:-34])[0], cv=2)


def test_long_names_fit_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("featx.datasets.image_counts.line_width", lambda *, err: 40)
    data = dataclasses.replace(named("ab" * 8)[0], labels=np.array(["left " * 20, "right " * 20] * 8))
    print_counts(data, split_dataset(data, cv=2))
    out, err = capsys.readouterr()
    assert out == ""
    assert max(map(len, err.splitlines())) <= 40
    assert err.startswith("\nclass")


def test_the_workflows_print_them_if_they_are_verbose_and_only_then(capsys):
    data = noise_dataset("ab" * 12)
    fit_model(data, frozen(), **GRID, test_size=0.25)
    assert capsys.readouterr().err == ""
    fit_model(data, frozen(), **GRID, test_size=0.25, verbose=True)
    assert " ".join(capsys.readouterr().err.split()).startswith("class images share ----- ------ ------ a 12 50.0 %")


def test_finetuning_counts_the_images_that_it_holds_out_to_stop(capsys, monkeypatch):
    data, held = noise_dataset("ab" * 20), []

    def noting(*given, **options):
        held.append(hold_out_validation(*given, **options))
        return held[-1]

    monkeypatch.setattr("featx.finetuning.fit.hold_out_validation", noting)
    settings = {**TINY, "epochs": 1, "augmentation": "none", "head_init": "logistic", "verbose": True}
    result = finetune_model(data, CNNFineTuneClassifier(**settings), test_size=0.25)
    parts = capsys.readouterr().err.partition("a random split")[2].split("\n\n")[0]
    sizes = {words[0]: int(words[1]) for line in parts.splitlines()[3:] if (words := line.split())}
    assert sum(sizes.values()) == 40
    assert sizes["training"] + sizes["validation"] == result.n_train == 30
    assert [sizes["training"], sizes["validation"]] == list(map(len, held[0]))
    forecast_finetuning(data, CNNFineTuneClassifier(**{**settings, "early_stopping": False}))
    assert "validation" not in capsys.readouterr().err.partition("a random split")[2]


def test_commands_print_them_on_standard_error_unless_they_are_quiet(tmp_path):
    folder = write_digits(tmp_path)
    fit = ("fit", folder, "-o", tmp_path / ".m.skops", *NETWORK, "--grid", "logistic.C=0.01", "--test-size", "0.25")
    assert "a random split, stratified by class\npart" in featx(*fit).stderr
    assert featx(*fit, "-q").stderr == ""
