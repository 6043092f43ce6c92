"""Promised: costs are shown as a table, with the bottleneck and what to do about it."""

import pytest

from featx import ExtractionResult
from featx.display.text_tables import render_text
from featx.forecast.result import ForecastResult, Part
from featx.reports.costs import extraction_parts, forecast_parts, times_text


def test_the_table_of_a_forecast():
    forecast = ForecastResult(3000, 3000, 40, True, 64, 0, base_bytes=500_000_000)
    forecast.parts = [Part("forward", 75.4, 2_000_000, 0, 2960), Part("tune svm", 9.95, 0, 30_000_000)]
    lines = render_text(forecast_parts(forecast)).splitlines()
    assert lines[2].split() == ["forward", "2,960", "1", "min", "15", "s", "2.0", "MB"]
    assert lines[4].split() == ["in", "all,", "about", "1", "min", "25", "s", "2.0", "MB", "530.0", "MB"]
    assert "3,000 images: about 40 are cached, 2,960 would be forwarded; 64 were probed" in lines
    forecast.base_bytes = 0
    assert "30.0 MB and more" in render_text(forecast_parts(forecast))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (
            {"digest": 1.0, "wait": 2.0, "forward": 30.0, "write": 0.5},
            "the network is the bottleneck (90 %",
        ),
        ({"wait": 9.0, "forward": 1.0, "read": 2.0, "decode": 11.0}, "decoding is the bottleneck (90 % of the time)"),
        ({"wait": 9.0, "forward": 1.0, "read": 12.0, "decode": 11.0}, "reading the files is the bottleneck"),
        # Decoding that the network need not wait for holds up nothing.
        (
            {"wait": 1.0, "forward": 3.0, "read": 2.0, "decode": 50.0},
            "the network is the bottleneck (75 %",
        ),
        ({"wait": 0.1, "forward": 0.2, "write": 3.0}, "writing to the cache is the bottleneck"),
        ({"digest": 2.0, "wait": 0.0, "forward": 0.0, "gather": 1.0}, "reading the files for their digests"),
    ],
)
def test_the_bottleneck_is_what_the_others_wait_for(seconds, words):
    text = render_text(extraction_parts(ExtractionResult(n_images=100, n_forwarded=80, seconds=seconds), n_jobs=3))
    assert words in text
    assert ("read and decode: in all 3 threads together" in text) == ("read" in seconds)


def test_threads_are_advised_while_there_are_processors(monkeypatch):
    found = ExtractionResult(
        n_images=9, n_forwarded=9, seconds={"wait": 9.0, "forward": 1.0, "read": 1.0, "decode": 9.0}
    )
    monkeypatch.setattr("featx.runtime.resources.core_count", lambda: 8)
    assert "--n-jobs 8" in render_text(extraction_parts(found, n_jobs=2))
    for every in (None, -1, 8):
        assert "--n-jobs" not in render_text(extraction_parts(found, n_jobs=every))


def test_what_took_less_than_a_second_is_no_bottleneck():
    assert "bottleneck" not in render_text(extraction_parts(ExtractionResult(n_images=9, seconds={"gather": 0.0})))
    assert times_text({"extraction": 0.01, "tuning": 0.9}) == "extraction 0.0 s, tuning 0.9 s"
    assert "most of it is tuning (75 %)" in times_text({"extraction": 1.0, "tuning": 3.0})


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 image could not be read"), (1200, "1,200 images could not be read")]
)
def test_images_that_cannot_be_read_are_counted(number, words):
    forecast = ForecastResult(2000, 2000, 0, False, 64, number)
    for skipping, then in ((True, ": left out"), (False, ": the run ends there; --on-error skip leaves them out")):
        assert f"{words}{then}" in forecast_parts(forecast, skipping=skipping)[1].splitlines()
