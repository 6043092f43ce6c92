"""Promised: thumbnails fill the page up to its size, the surest mistakes first, and what is left out is said."""

from featx.html_report.image_list import list_images
from featx.html_report.page import render_page
from featx.html_report.page_images import add_images
from featx.html_report.reported_images import ReportedImages
from reported import drawn_result, images_of


def added(result, dataset, *, max_bytes):
    content, data = {"title": "t", "answer": {"headline": "", "sentences": [], "reasons": [], "next": []},
                     "classes": result.classes, "provenance": []}, {"classes": result.classes}  # fmt: skip
    listed = list_images({"": result.predictions})
    images = ReportedImages.of(result.predictions, dataset, None)
    add_images(content, data, listed, images, max_bytes=max_bytes)
    assert len(render_page(content, data)) <= max_bytes
    return content, data


def test_the_budget_limits_thumbnails_and_nothing_else():
    result = drawn_result()
    content, data = added(result, images_of(result), max_bytes=150_000)
    n = len(data["thumbnails"])
    assert 0 < n < 240
    assert len(data["images"]["path"]) == 240
    wrong = data["models"][0]["orders"]["wrong"]
    assert list(data["thumbnails"])[: len(wrong)] == wrong[:n]
    assert f"{n} of 240 images are in this file, the most surely wrong first" in content["images_note"]
    content, data = added(result, images_of(result), max_bytes=10**6)
    assert (len(data["thumbnails"]), content["images_note"]) == (240, "")
    assert content["has_samples"]


def test_without_images_their_names_are_shown():
    content, data = added(drawn_result(), None, max_bytes=10**6)
    assert "only their names" in content["images_note"]
    assert (data["thumbnails"], content["has_samples"]) == ({}, False)
