"""Promised: one call finds planted leaks, wrong labels and unreadable images, and says what they cost."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from featx import CNNFeatureTransformer, DatasetError, ImageDataset, ParameterError, audit_dataset
from featx.audit.duplicates import DuplicatePair


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Sixty digits in 24 pixels, zeros and ones, a copy of the first, a mirrored second, and a broken file."""
    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits(n_class=2)
    paths, labels = [], []
    for row in range(60):
        pixels = Image.fromarray((digits.images[row] * 15).astype(np.uint8)).resize((24, 24), Image.Resampling.BICUBIC)
        pixels.save(folder / f"{row:02}.png")
        paths.append(str(folder / f"{row:02}.png"))
        labels.append(str(digits.target[row]))
    (folder / "copy.png").write_bytes((folder / "00.png").read_bytes())
    with Image.open(folder / "02.png") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirror.png")
    (folder / "broken.png").write_bytes(b"no image")
    more = [str(folder / name) for name in ("copy.png", "mirror.png", "broken.png")]
    return [*paths, *more], np.array([*labels, labels[0], labels[2], labels[0]])


def test_an_audit_of_a_given_split(images, tiny):
    paths, labels = images
    split = np.repeat(["training", "test"], [45, 18])
    result = audit_dataset(
        ImageDataset(paths, paths, labels, split=split), CNNFeatureTransformer(**tiny), cv=3, head="knn"
    )
    kinds = {(p.first, p.second): p.kind for p in result.leaks}
    assert kinds[0, 60] == "copy"
    assert kinds[2, 61] == "mirrored"
    assert result.groups[0] == result.groups[60] != result.groups[62]
    assert [one.row for one in result.odd if one.kind == "unreadable"] == [62]
    assert result.accuracy is not None
    assert [cost.what for cost in result.costs] == ["leakage", "suspects"]
    assert result.costs[0].left_out >= 2
    assert result.costs[0].n_test == 17
    assert set(result.seconds) == {"reading", "embeddings", "near-duplicates", "labels", "shortcuts", "cost"}


def test_labels_of_too_few_images_are_not_checked_which_is_said(images, tiny):
    paths, labels = images
    result = audit_dataset(ImageDataset(paths[:4], paths[:4], labels[:4]), CNNFeatureTransformer(**tiny))
    assert result.accuracy is None
    assert "labels, shortcuts and cost were not checked" in result.notes[0]
    assert result.not_checked == ["labels", "shortcuts"]


def test_an_error_of_the_cost_names_the_class(images, tiny, monkeypatch):
    paths, labels = images
    # Each one of the training part but the first is said to be a copy of a tested one.
    ones = [row for row in range(40) if labels[row] == "1"]
    trained, tested = ones[: len(ones) // 2], ones[len(ones) // 2 :]
    alike = [DuplicatePair(*rows, "copy", 1.0) for rows in zip(trained[1:], tested, strict=False)]
    monkeypatch.setattr("featx.audit.audit.find_duplicates", lambda *args, **options: alike)
    split = np.full(40, "training")
    split[[0, *tested]] = "test"
    data = ImageDataset(paths[:40], paths[:40], np.where(labels[:40] == "1", "one", "zero"), split=split)
    result = audit_dataset(data, CNNFeatureTransformer(**tiny), cv=2)
    assert any("the cost was not measured: class 'one' has 1 image" in note for note in result.notes), result.notes


def test_what_cannot_be_audited_is_refused(images, tiny):
    paths, labels = images
    transformer = CNNFeatureTransformer(**tiny)
    with pytest.raises(DatasetError, match="no labels"):
        audit_dataset(ImageDataset(paths, paths), transformer)
    with pytest.raises(ParameterError, match="cv=1"):
        audit_dataset(ImageDataset(paths, paths, labels), transformer, cv=1)
    with pytest.raises(DatasetError, match="none of the images can be read: not an image"):
        audit_dataset(ImageDataset(paths[-1:], paths[-1:], labels[-1:]), transformer)


@pytest.mark.parametrize("counted", [False, True])
def test_similar_pictures_are_near_duplicates_only_if_that_is_asked_for(images, tiny, monkeypatch, counted):
    paths, labels = images
    alike = [DuplicatePair(0, 9, "crop", 0.98), DuplicatePair(1, 8, "similar", 0.9)]
    monkeypatch.setattr("featx.audit.audit.find_duplicates", lambda *args, **options: alike)
    # The first one cannot be read, so that rows differ from those that are compared.
    split = np.repeat(["training", "test"], [9, 12])
    data = ImageDataset([paths[-1], *paths[:20]], paths[:21], labels[[-1, *range(20)]], split=split)
    result = audit_dataset(data, CNNFeatureTransformer(**tiny), cv=2, head="knn", count_similar=counted)
    assert [(p.first, p.second) for p in result.pairs] == [(1, 10), (2, 9)][: 1 + counted]
    assert [(p.first, p.second) for p in result.similar] == [(2, 9)][counted:]
    assert len(result.leaks) == 1 + counted
    assert result.groups[1] == result.groups[10]
    assert (result.groups[2] == result.groups[9]) == counted
    assert result.costs[0].left_out == 1 + counted


@pytest.mark.parametrize("accurate", [0.0, 1.1])
def test_wrong_labels_are_counted_only_where_the_model_is_accurate_enough(images, tiny, monkeypatch, accurate):
    monkeypatch.setattr("featx.audit.audit.ACCURATE", accurate)
    paths, labels = images
    data = ImageDataset(paths[:20], paths[:20], labels[:20])
    result = audit_dataset(data, CNNFeatureTransformer(**tiny), cv=2, head="knn")
    assert result.accuracy is not None
    assert (result.expected_wrong is None) is (accurate > 1)
