"""Promised: the page of an audit shows what was found, leaks first, each with its images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featx.audit.accuracy_cost import AccuracyCost
from featx.audit.duplicates import DuplicatePair
from featx.audit.label_errors import Suspect
from featx.audit.odd_images import OddImage
from featx.audit.result import AuditResult
from featx.audit.shortcuts import Shortcut
from featx.datasets.dataset import ImageDataset
from featx.evaluation.estimates import Estimate
from featx.html_report.audit_report import MOST_SHOWN, audit_content
from featx.html_report.report_file import write_report


def audit_of(folder=None, *, pairs=None, n=12, **found):
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 255, (n, 16, 16, 3), dtype=np.uint8))
    names = [f"photo {k}" for k in range(n)]
    if folder is not None:
        names = [str(folder / f"{k} <b>.png") for k in range(n)]
        for name, image in zip(names, images, strict=True):
            Image.fromarray(image).save(name)
        images = names
    labels = np.array(["ant", "bee <i>"] * (n // 2), dtype=object)
    dataset = ImageDataset(images, names, labels=labels, split=np.array(["training", "test"] * (n // 2), dtype=object))
    if pairs is None:
        pairs = [DuplicatePair(0, 2, "resized", 0.99), DuplicatePair(0, 4, "copy", 1.0),
                 DuplicatePair(2, 5, "crop", 0.97)]  # fmt: skip
    found = {"accuracy": 0.95, "suspects": [Suspect(3, "bee <i>", "ant", 0.999, 0.001)], "expected_wrong": 2.0,
             "odd": [OddImage(7, "dark", "mean 3 of 255")], "notes": ["a note"], **found,
             "shortcuts": [Shortcut("file size", 0.8, 0.5, Estimate(0.3, 0.1, 0.5), 0.001, True)],
             "costs": [AccuracyCost("leakage", 0.95, 0.9, Estimate(0.05, 0.01, 0.09), 0.01, 3, 12)]}  # fmt: skip
    groups = np.array([str(k) for k in range(n)])
    return AuditResult(dataset=dataset, pairs=pairs, groups=groups, seconds={"reading": 1.0}, **found)


def test_pairs_come_with_both_images_those_across_the_split_first():
    content, data = audit_content(audit_of(), title=None, command=None, max_bytes=10**6)
    first, *others = content["pairs"]["cards"]
    assert [image["path"] for image in first["images"]] == ["photo 2", "photo 5"]
    assert first["flags"] == ["across the split", "labels differ"]
    assert [card["what"] for card in others] == ["the same file", "resized, alike 0.990"]
    assert content["answer"]["headline"] == "Found in 12 images: 3 near-duplicate pairs, 1 suspected label, " \
        "1 odd image and 1 shortcut."  # fmt: skip
    sentences = " ".join(content["answer"]["sentences"])
    assert "Of your" in sentences or "of your 95.0 %, 5.0 (1.0 to 9.0) points are leakage" in sentences
    assert content["notes"] == ["a note"]
    assert set(data["thumbnails"]) == {0, 2, 3, 4, 5, 7}
    small, _ = audit_content(audit_of(), title=None, command=None, max_bytes=10_000)
    assert len(small["pairs"]["cards"]) == 3


def test_of_too_many_pairs_the_first_are_shown_and_the_others_counted():
    pairs = [DuplicatePair(0, 2, "resized", 0.99)] * (MOST_SHOWN + 5)
    content, _ = audit_content(audit_of(pairs=pairs), title=None, command=None, max_bytes=10**6)
    assert len(content["pairs"]["cards"]) == MOST_SHOWN
    assert content["pairs"]["more"] == "5 more pairs are not on this page"


def test_the_file_has_the_sections_of_what_was_found(tmp_path):
    found = audit_of(tmp_path)
    write_report(found, tmp_path / "a.html", command="featx audit photos/")
    text = Path(tmp_path / "a.html").read_text(encoding="utf-8")
    assert "bee &lt;i&gt;" in text
    assert "<i>" not in text.replace("bee &lt;i&gt;", "")
    for anchor in ("pairs", "suspects", "odd", "shortcuts", "data", "provenance"):
        assert f'<section id="{anchor}"' in text
    assert text.count("<img data-row") == 2 * 3 + 2
    write_report(audit_of(pairs=[], suspects=[], odd=[]), tmp_path / "b.html")
    assert 'id="pairs"' not in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_a_data_set_beside_an_audit_is_said_to_have_no_effect(tmp_path, caplog):
    found = audit_of()
    write_report(found, tmp_path / "a.html", dataset=found.dataset)
    assert "have no effect on the report of an audit" in caplog.text


@pytest.mark.parametrize("field", ["suspects", "odd"])
def test_what_was_not_found_has_no_section(field):
    content, _ = audit_content(audit_of(**{field: []}), title=None, command=None, max_bytes=10**6)
    assert content.get(field) is None
