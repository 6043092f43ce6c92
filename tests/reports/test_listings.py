"""Promised: networks, contents of a cache and predictions are listed with all that one asks of them."""

import dataclasses
import time
from types import SimpleNamespace

import pytest

from cache_files import filled
from featx.cache import EmbeddingCache
from featx.cache.maintenance import CacheReport, SpecInfo
from featx.reports.listings import cache_check_parts, cache_parts, prediction_header, prediction_parts
from featx.workflows.predict import Prediction
from shown_results import render_text
from specs import OTHER, SPEC


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.mark.parametrize(
    ("probability", "below"), [(0.5, "label probability, label_2 probability_2"), (None, "label, label_2")]
)
def test_predictions_below_their_images_have_a_heading(probability, below):
    top = [("a very long name of a class", probability), ("another long name of a class", probability)]
    lines = render_text(prediction_parts([SimpleNamespace(name="photo.png", top=top)]), width=50).splitlines()
    assert lines[0] == "path"
    assert " ".join(lines[1 : lines.index("-" * 9)]).split() == below.split()


@pytest.mark.parametrize(
    ("top", "columns"),
    [(1, ["path", "label", "probability"]), (2, ["path", "label", "probability", "label_2", "probability_2"])],
)
def test_columns_of_predictions_are_numbered_from_the_second(top, columns):
    assert prediction_header(top) == columns
    (table,) = prediction_parts([Prediction("a.png", (("cat", 0.75), ("dog", None))[:top])])
    assert list(table.header) == columns
    assert table.rows == [["a.png", "cat", "0.750", "dog", ""][: 1 + 2 * top]]


def test_a_cache_is_listed_by_spec_with_what_else_lies_in_it(cache):
    assert cache_parts(cache) == [f"{cache.root}: 0 embeddings, 0 B"]
    filled(filled(cache, range(5)), range(1200), OTHER)
    text, table = cache_parts(cache)
    assert text.startswith(f"{cache.root}: 1,205 embeddings, ")
    found = {row[0]: row for row in table.rows}
    assert found[SPEC.digest[:12]][1:7] == ["net", "last", "avg", "float32", "5", "8"]
    assert found[OTHER.digest[:12]][5] == "1,200"
    assert found[OTHER.digest[:12]][8:] == ["1", "just now"]  # of specs whose columns differ, nothing more is said
    (cache.root / SPEC.digest / "a.damaged").write_bytes(bytes(2000))
    (cache.root / SPEC.digest / "tmp-x.h5").write_bytes(bytes(3000))
    *_, damaged, unfinished = cache_parts(cache)
    assert damaged.startswith("1 damaged file (*.damaged), 2.0 kB more")
    assert unfinished.startswith("1 unfinished file (tmp-*), 3.0 kB more")


def test_specs_that_look_alike_are_told_apart():
    class Alike:
        root = "/cache"

        def info(self):
            specs = [dataclasses.replace(SPEC, preprocessing=f"resize={side}") for side in (32, 64)]
            moments = (time.time() - 7200, time.time() - 200_000)
            return [SpecInfo(spec, 1, 8, "float32", 100, 1, moment, 0, 0)
                    for spec, moment in zip(specs, moments, strict=True)]  # fmt: skip

    _, table = cache_parts(Alike())
    assert table.header[-2:] == ["last used", "differs by"]
    assert [row[-2] for row in table.rows] == ["2 hours ago", "2 days ago"]
    assert "32" in table.rows[0][-1]
    assert "64" in table.rows[1][-1]
    assert all("differs by" in line for line in table.stacked)


def test_a_check_names_what_is_damaged_below_the_folder(cache):
    place = cache.root / SPEC.digest
    report = CacheReport(2, 9, [(place / "a.h5", "truncated")], [(place / "b.h5", "denied")], [place], [place] * 2)
    assert cache_check_parts(cache, report)[0].splitlines() == [
        f"{cache.root}: 9 embeddings in 2 sound files",
        f"damaged: {SPEC.digest}/a.h5: truncated",
        f"not compared: {SPEC.digest}/b.h5: denied",
        "1 file left by killed writers",
        "2 damaged files (*.damaged), which `featx cache prune` removes first",
    ]
