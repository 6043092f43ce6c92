"""Promised: results print as two lines that say what they are, and as tables in notebooks, whatever names they hold."""

import importlib
import pkgutil

import numpy as np
import pytest

import featx
from featx import (
    ExtractionResult,
    Failure,
    ForecastResult,
    ImageDataset,
    Prediction,
    as_sources,
    evaluate_heads,
    resolve_backbone,
)
from featx.display.html_tables import MOST_ROWS
from featx.display.summary_mixin import SummaryMixin
from featx.evaluation.estimates import Estimate
from featx.forecast.result import Part
from featx.reports.summaries import PRESENTATIONS
from featx.workflows.fit_result import FitResult
from featx.workflows.predict import Predictions
from html_pages import Page
from reported import drawn_result

HOSTILE = "<script>alert('a & b')</script>"
CLASS_NAMES = ["bee", "cat", HOSTILE]


@pytest.fixture(scope="module")
def evaluation():
    y = np.arange(60) % 3
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    X[np.arange(60), y] += 3
    return evaluate_heads({("stage7", "avg"): X}, np.array(CLASS_NAMES)[y], heads=["knn", "ridge"], cv=2)[0]


def test_an_evaluation_prints_as_two_lines_and_as_the_tables_of_the_command(evaluation):
    first, second = repr(evaluation).split("\n")
    assert first == str(evaluation).split("\n")[0]
    assert first == f"EvaluationResult: {evaluation.head} on stage7, avg, best of 2 candidates; 60 images of 3 classes"
    accuracy = evaluation.metrics["accuracy"].text()
    assert second.startswith(f"accuracy {accuracy}, balanced accuracy ")
    assert second.endswith("; always the largest class: 33.3 %")
    page = Page(evaluation._repr_html_())
    assert page.tags.count("table") == 3
    assert {"knn", "ridge, picked"} <= set(page.cells) or {"knn, picked", "ridge"} <= set(page.cells)
    assert page.cells.count(HOSTILE) == 3
    assert "script" not in page.tags
    assert first in page.cells


def test_figures_of_which_nothing_else_is_known_are_shown():
    found = drawn_result(90)
    assert repr(found).split("\n")[0] == "HeldOutResult: 90 held-out images of 6 classes"
    assert f"accuracy {found.metrics['accuracy'].text()}" in repr(found)
    assert "on the held-out images" in found._repr_html_()


def test_every_class_that_prints_a_summary_has_one():
    for module in pkgutil.walk_packages(featx.__path__, "featx."):
        importlib.import_module(module.name)
    kinds, found = [SummaryMixin], []
    while kinds:
        kinds = [each for kind in kinds for each in kind.__subclasses__() if each.__module__.startswith("featx")]
        found += kinds
    assert len(found) > 20
    for kind in found:
        assert any(base.__name__ in PRESENTATIONS for base in kind.__mro__), kind


def test_names_give_no_orders_to_a_terminal_and_do_not_turn_the_text():
    data = ImageDataset(["a", "b"], ["a", "b"], np.array(["red\x1b[31m", "\u202eright"]))
    assert repr(data) == "ImageDataset: 2 images of 2 classes\nred\\x1b[31m: 1, \\u202eright: 1"
    assert {"red\\x1b[31m", "\\u202eright"} <= set(Page(data._repr_html_()).cells)


def test_an_outcome_shows_the_figures_and_what_was_forwarded(evaluation):
    outcome = FitResult(
        None, evaluation, ExtractionResult(n_images=60, n_forwarded=12, seconds={"forward": 2.0}), np.arange(60)
    )
    assert repr(outcome).replace("FitResult", "EvaluationResult") == repr(evaluation)
    assert "12 of 60 images forwarded in 2.0 s" in Page(outcome._repr_html_()).cells


def test_an_extraction_prints_no_matrix():
    seconds = {"digest": 1.0, "forward": 2.5}
    found = ExtractionResult([np.zeros((3, 8))], [Failure(2, "b.png", "no image")], 3, 2, seconds)
    assert repr(found) == "ExtractionResult: 2 of 3 images forwarded in 3.5 s\nembeddings: 3 x 8; 1 image not readable"
    assert {"b.png", "no image", "digest", "2.50"} <= set(Page(found._repr_html_()).cells)


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["ImageDataset: 6 images without labels", "0.png, 1.png, 2.png, 3.png, 4.png and 1 more"]),
        ({"labels": list("aabbbc")}, ["ImageDataset: 6 images of 3 classes", "a: 2, b: 3, c: 1"]),
        (
            {"labels": list("aabbbc"), "groups": list("xxyyyy")},
            ["ImageDataset: 6 images of 3 classes, in 2 groups", "a: 2, b: 3, c: 1"],
        ),
        (
            {"labels": list("aabbbc"), "split": ["training"] * 4 + ["test"] * 2},
            ["ImageDataset: 6 images of 3 classes; training 4, test 2", "a: 2, b: 3, c: 1"],
        ),
        (
            {"labels": list("abcdef")},
            ["ImageDataset: 6 images of 6 classes", "a: 1, b: 1, c: 1, d: 1, e: 1 and 1 more"],
        ),
    ],
    ids=["unlabelled", "labelled", "grouped", "split", "many"],
)  # fmt: skip
def test_a_data_set_prints_its_classes_and_no_path_more_than_needed(options, lines):
    kept = {name: np.array(value) for name, value in options.items()}
    data = ImageDataset([np.zeros((9, 9))] * 6, [f"{i}.png" for i in range(6)], **kept, notes=["1 file left out"])
    assert repr(data).split("\n") == lines
    page = Page(data._repr_html_())
    assert "1 file left out" in page.cells
    if "split" in options:
        assert page.cells[page.cells.index("class") :][:3] == ["class", "training", "test"]
        assert page.cells[page.cells.index("b") :][:3] == ["b", "2", "1"]


def test_predictions_print_what_was_answered_and_how_often():
    found = [Prediction(f"{i}.png", (("ant" if i % 3 else "bee", 0.9), ("cat", 0.1))) for i in range(100)]
    assert repr(found[0]) == "Prediction(0.png: bee 0.900, cat 0.100)"
    assert repr(Prediction("0.png", (("bee", None),))) == "Prediction(0.png: bee)"
    predictions = Predictions(found, rows=list(range(100)), classes=["ant", "bee", "cat"])
    assert repr(predictions) == "Predictions: 100 images, 3 classes known\nant: 66, bee: 34"
    page = Page(predictions._repr_html_())
    assert page.tags.count("tr") == MOST_ROWS + 1
    assert f"not shown: {100 - MOST_ROWS} more predictions" in page.cells


def test_a_forecast_and_networks_print_as_two_lines():
    forecast = ForecastResult(9, 9, 2, False, 1, 0, parts=[Part("forward", 130.0, 1_500_000, 0, 7)])
    assert repr(forecast).split("\n") == [
        "ForecastResult: about 2 min 10 s, 1.5 MB of disk, 0 B of memory",
        "9 images, 7 of 9 passes to make",
    ]
    assert "forward" in Page(forecast._repr_html_()).cells
    source = resolve_backbone("squeezenet1_1", weights=None)
    default = "; features.12, avg (512 features)\nstages: stem, features.3"
    assert repr(source).startswith(f"BackboneSource: squeezenet1_1, not built yet{default}")
    assert repr(source.load("cpu")).startswith(f"Backbone: squeezenet1_1 on cpu{default}")
    assert source.load("cpu")._repr_html_() is None
    assert repr(as_sources(["a.png", "b.png"])) == "ImageSources: 2 images\na.png, b.png"
    assert repr(as_sources(["a.png"])[0]) == "ImageSource('a.png')"
    assert repr({"accuracy": Estimate(0.5, 0.25, 0.75)}) == "{'accuracy': Estimate(0.500 (0.250-0.750))}"
