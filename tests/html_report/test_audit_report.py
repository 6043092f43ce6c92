"""Promised: the page of an audit shows what was found, leaks first, each with its images."""

from pathlib import Path

import pytest

from featx.audit.duplicates import DuplicatePair
from featx.html_report.audit_report import MOST_SHOWN, audit_content
from featx.html_report.report_file import write_report
from reported import audit_of


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


def test_similar_pictures_have_a_section_of_their_own(tmp_path):
    found = audit_of(similar=[DuplicatePair(8, 10, "similar", 0.9)])
    content, data = audit_content(found, title=None, command=None, max_bytes=10**6)
    assert [card["what"] for card in content["similar"]["cards"]] == ["similar, alike 0.900"]
    assert len(content["pairs"]["cards"]) == 3
    assert {8, 10} <= set(data["thumbnails"])
    write_report(found, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '<a href="#similar">Similar images' in text
    assert "They are not counted as near-duplicates." in text


def test_a_data_set_beside_an_audit_is_said_to_have_no_effect(tmp_path, caplog):
    found = audit_of()
    write_report(found, tmp_path / "a.html", dataset=found.dataset)
    assert "have no effect on the report of an audit" in caplog.text


@pytest.mark.parametrize("field", ["suspects", "odd"])
def test_what_was_not_found_has_no_section(field):
    content, _ = audit_content(audit_of(**{field: []}), title=None, command=None, max_bytes=10**6)
    assert content.get(field) is None
