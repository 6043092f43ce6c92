"""Promised: names of classes are compared in one Unicode form, and those that look like mistakes are remarked on."""

import dataclasses
import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from featx import CNNFeatureTransformer, DatasetError, ImageDataset, fit_model, load_dataset, predict_images
from featx.datasets.class_names import check_class_names, nearest_class, normalise_classes, plain_name
from featx.datasets.coded_texts import CodedTexts
from featx.workflows.judged_predictions import judge_predictions
from labelled import frozen, noise_dataset

NFC, NFD = "caf\u00e9", "cafe\u0301"


def test_accents_written_either_way_are_one_class_in_folders_and_manifests(tmp_path):
    for name in (NFC, "th\u00e9"):
        folder = tmp_path / "set" / unicodedata.normalize("NFD", name)
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "0.png")
    assert load_dataset(tmp_path / "set").classes == [NFC, "th\u00e9"]
    names = os.listdir(tmp_path / "set")
    rows = "".join(f"set/{name}/0.png,{form},p{form}\n" for name in names for form in (NFC, NFD))
    (tmp_path / "m.csv").write_text("path,label,group\n" + rows, encoding="utf-8")
    found = load_dataset(tmp_path / "m.csv")
    assert found.classes == [NFC]
    assert set(found.groups) == {f"p{NFC}"}


def test_labels_that_need_no_change_are_the_same_object():
    for texts in ([NFC, "b", NFC], []):
        labels = CodedTexts.of(texts)
        assert normalise_classes(labels) is labels
    mixed = normalise_classes(CodedTexts.of([NFD, "b", NFC]))
    assert mixed.texts.tolist() == [NFC, "b", NFC]
    assert mixed.values.tolist() == ["b", NFC]


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\u200b", "\ufe0f", "\u2003\u2060", "\t"])
def test_a_blank_name_is_refused(blank):
    with pytest.raises(DatasetError, match=r"blank name .*, of 2 images"):
        normalise_classes(CodedTexts.of(["a", blank, blank]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A", "a"),
        ("stra\u00dfe", "STRASSE"),
        ("cat", " cat "),
        ("cat", "cat\u00a0"),
        ("sea lion", "sea_lion"),
        ("sea-lion", "sea\u2011lion"),
        ("sea lion", "sea  lion"),
        ("cat", "c\u200bat"),
        ("cat", "\ufeffcat"),
        ("cat", "cat\u00ad"),
        ("\u2602", "\u2602\ufe0f"),
        ("fish", "\ufb01sh"),
        ("cat", "\uff43\uff41\uff54"),
        (NFC, NFD),
    ],
)
def test_names_that_may_be_one_class_are_named_with_counts(one, other):
    (note,) = check_class_names(np.array([one, one, other, "else"]))
    assert "(2 images)" in note
    assert "(1 image)" in note
    assert nearest_class(one, ["else", other]) == other
    # What cannot be seen is written out.
    first, second = note.partition(": ")[2].partition("; ")[0].split(" and ")
    assert first.partition("(")[0] != second.partition("(")[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-1", "1"),
        ("cafe", NFC),
        ("C", "C++"),
        ("1_1", "11"),
        ("a.b", "ab"),
        ("B-", "B+"),
        ("x\u00b2y", "xy"),
        ("1", "10"),
    ],
)
def test_names_that_differ_by_more_are_not(one, other):
    assert check_class_names(np.array([one, other])) == []
    assert plain_name(one) != plain_name(other)
    assert nearest_class(one, [other]) is None


def test_many_pairs_are_counted():
    letters = "abcdefg"
    (note,) = check_class_names(np.array([*letters, *letters.upper()]))
    assert "'A' (1 image) and 'a' (1 image)" in note
    assert "and 4 more" in note


@pytest.mark.parametrize(
    "name",
    ["nan", "NaN", "NA", "N/A", "n.a.", "#N/A", "#N/A N/A", "<NA>", "None", "null", "NaT", "?", "\\N", "#DIV/0!"],
)
def test_names_of_missing_values_are_asked_about(name):
    (note,) = check_class_names(np.array([name, name, "cat"]))
    assert repr(name) in note
    assert "(2 images): are these missing labels?" in note


@pytest.mark.parametrize("name", ["Nan bread", "unknown", "nature", "zero", "0", "nano", "other", "no"])
def test_names_of_things_are_not(name):
    assert check_class_names(np.array([name, "cat"])) == []


def test_a_model_of_another_form_is_judged_by_the_same_names(tmp_path, tiny):
    rng = np.random.default_rng(0)
    images = [rng.integers(low, low + 60, (8, 8, 3), dtype=np.uint8) for low in (0, 180) * 6]
    names = [f"image {number}" for number in range(12)]
    given = np.array([NFD, "caff"] * 6)
    fit_model(ImageDataset(images, names, given), CNNFeatureTransformer(**tiny), cv=3).save(tmp_path / "m.skops")
    found, _ = predict_images(tmp_path / "m.skops", ImageDataset(images, names))
    assert sorted(found.classes) == ["caff", NFC]
    judged = judge_predictions(found, ImageDataset(images, names, np.array([NFC, "caff"] * 6)))
    assert judged.n_test == 12
    assert judged.metrics["accuracy"].value == np.mean(
        [p.top[0][0] == n for p, n in zip(found, [NFC, "caff"] * 6, strict=True)]
    )


@pytest.mark.parametrize(("first", "second"), [("cat", "Cat"), ("sea lion", "sea_lion"), ("dog", "dog\u00a0")])
def test_a_class_that_the_training_set_spells_otherwise_is_named(first, second):
    data, test = noise_dataset("ab" * 6), noise_dataset("ab" * 2, seed=1)
    data = dataclasses.replace(data, labels=np.where(data.labels == "a", first, "other"))
    test = dataclasses.replace(test, labels=np.where(test.labels == "a", second, "other"))
    with pytest.raises(DatasetError) as caught:
        fit_model(data, frozen(), test=test)
    assert caught.value.next_step == f"If it is the class {first!r}, give it that name."
