"""Promised: what the page of a model shows is what its result says."""

import numpy as np

from featx.html_report.model_report import model_content
from featx.html_report.reported_images import ReportedImages
from reported import drawn_result, images_of


def content_of(result, **settings):
    images = ReportedImages.of(result.predictions, images_of(result), None)
    return model_content(result, result, images, title=None, command=None, **{"max_bytes": 10**6, **settings})


def test_figures_are_those_of_the_result():
    result = drawn_result()
    content, data = content_of(result)
    assert dict(content["figures"])["accuracy"] == result.metrics["accuracy"].text()
    assert content["candidates"] is content["map"] is content["trainings"] is None
    assert len(data["thumbnails"]) == 240
    assert data["samples"] == data["models"][0]["orders"]["classes"]
    assert content["images_note"] == ""


def test_without_probabilities_there_is_no_section_on_them():
    content, data = content_of(drawn_result(probabilities=False))
    assert content["confidence"] is content["thresholds"] is data["curves"] is None


def test_embeddings_that_a_result_keeps_are_mapped():
    result = drawn_result()
    result.embeddings, result.rows = np.random.default_rng(0).normal(size=(240, 8)).astype(np.float32), np.arange(240)
    content, data = content_of(result)
    assert len(data["map"]["x"]) == len(data["map"]["row"]) == 240
    assert content["map"]["few"]
