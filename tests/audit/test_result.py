"""Promised: a result tells leaks from contradictions, is written as JSON, and writes a manifest with groups."""

import json

import numpy as np
import pytest

from featx import AuditResult, DatasetError, ImageDataset, ParameterError, load_dataset
from featx.audit.duplicates import DuplicatePair
from featx.audit.label_errors import Suspect
from featx.audit.odd_images import OddImage


def result_of(images, **columns):
    dataset = ImageDataset(images, [f"{n}.png" for n in range(len(images))], np.array(["a", "b", "a", "b"]), **columns)
    pairs = [DuplicatePair(0, 2, "copy", 1.0), DuplicatePair(0, 1, "crop", 0.98)]
    groups = np.array(["g0", "g0", "g0", "g3"])
    suspects, odd = [Suspect(3, "b", "a", 0.9, 0.1)], [OddImage(1, "blank", "one colour")]
    return AuditResult(dataset, pairs, groups, 0.9, suspects, 1.2, odd, [], [])


def test_leaks_and_contradictions():
    result = result_of(["x"] * 4, split=np.array(["training", "training", "test", "test"]))
    assert [(p.first, p.second) for p in result.leaks] == [(0, 2)]
    assert [(p.first, p.second) for p in result.contradictions] == [(0, 1)]
    assert result_of(["x"] * 4).leaks == []
    assert result.found
    found = json.loads(result.to_json())
    assert found["pairs"][0]["images"][1] == {"row": 2, "path": "2.png", "label": "a", "part": "test"}
    assert found["suspects"][0]["path"] == "3.png"
    assert found["odd"][0]["kind"] == "blank"
    assert "2 near-duplicate pairs" in repr(result)


def test_similar_pictures_are_listed_but_nothing_to_mend():
    result = result_of(["x"] * 4, split=np.array(["training", "training", "test", "test"]))
    similar = [DuplicatePair(1, 2, "similar", 0.9)]
    alone = AuditResult(result.dataset, [], result.groups, 0.9, [], 1.2, [], [], [], similar=similar)
    assert [alone.found, alone.leaks, alone.contradictions] == [False, [], []]
    (found,) = alone.to_dict()["similar"]
    assert [image["path"] for image in found["images"]] == ["1.png", "2.png"]
    assert found["kind"] == "similar"


def test_groups_are_written_as_a_manifest_that_is_read_back(tmp_path):
    images = [str(tmp_path / f"{n}.png") for n in range(4)]
    for path in images:
        open(path, "wb").close()
    result = result_of(images)
    assert result.groups_file is None
    result.write_groups(tmp_path / "groups.csv")
    assert result.groups_file == str(tmp_path / "groups.csv")
    back = load_dataset(tmp_path / "groups.csv")
    assert back.images == images
    assert back.groups.tolist() == ["g0", "g0", "g0", "g3"]
    with pytest.raises(DatasetError, match="in memory"):
        result_of([np.zeros((2, 2, 3), np.uint8)] * 4).write_groups(tmp_path / "other.csv")
    with pytest.raises(ParameterError, match=r"groups\.txt for a manifest with groups"):
        result_of(images).write_groups(tmp_path / "groups.txt")
