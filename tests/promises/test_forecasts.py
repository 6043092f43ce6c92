"""Promised: a forecast counts the passes that the run then makes, computes nothing that is kept, and adds up."""

import json

import numpy as np
import pytest
from images import write_dark_and_light

from featx import (
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    DatasetError,
    EmbeddingCache,
    compare_strategies,
    finetune_model,
    fit_model,
    load_dataset,
    make_strategy,
)
from featx.exceptions import ParameterError
from featx.forecast.compare import forecast_comparison
from featx.forecast.extract import forecast_extraction
from featx.forecast.finetune import forecast_finetuning
from featx.forecast.fit import forecast_fit
from featx.forecast.head_times import Features, extrapolate_seconds, measure_growth
from featx.forecast.passes import CountedPasses
from featx.forecast.probe import PROBE_IMAGES, ForwardOptions, peak_memory, probe_network
from featx.forecast.result import ForecastResult, Part
from featx.images.sources import as_sources
from featx.workflows.extract import write_embeddings

GRIDS = {"logistic": {"C": [0.01]}}


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    """Probe briefly: no timing is looked at."""
    monkeypatch.setattr("featx.forecast.probe.REPEAT_SECONDS", 0.2)
    monkeypatch.setattr("featx.forecast.head_times.BUDGET_SECONDS", 0.1)
    monkeypatch.setattr("featx.forecast.finetune.PROBE_EPOCHS", 2)


@pytest.fixture
def folder(tmp_path):
    """Forty images of noise in each of two classes."""
    return write_dark_and_light(tmp_path / "data", 40, 12)


@pytest.fixture
def transformer(tiny, tmp_path):
    return CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")


def kept(tmp_path):
    """Return the names of what lies in the cache, but what is remembered of files and of the processor."""
    found = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".json"]
    return sorted(path.name for path in found if path.name != "digests.sqlite")


def passes(forecast):
    return sum(part.n_images for part in forecast.parts if "forward" in part.name or "predict" in part.name)


def test_parts_add_up():
    forecast = ForecastResult(9, 9, 0, False, 3, 0, base_bytes=100)
    forecast.parts = [Part("a", 1.0, 10, 7, 9) + Part("b", 2.0, 5, 3), Part("c", 0.5, 1, 2)]
    assert forecast.parts[0] == Part("a", 3.0, 15, 7, 9)
    assert (forecast.seconds, forecast.disk_bytes, forecast.memory_bytes) == (3.5, 16, 107)
    found = json.loads(forecast.to_json())
    assert found["seconds"] == 3.5
    assert [part["name"] for part in found["parts"]] == ["a", "c"]


def test_a_power_law_is_continued():
    points = [(50, 5.0), (100, 1.0), (200, 4.0)]
    assert extrapolate_seconds(points, 400) == pytest.approx(16.0)
    assert extrapolate_seconds(points, 200) == 4.0
    assert extrapolate_seconds([(100, 2.0)], 200) == 4.0
    assert extrapolate_seconds([(100, 2.0), (200, 1.0)], 800) == 1.0
    assert extrapolate_seconds([(100, 1e-6), (200, 1.0)], 400) == pytest.approx(8.0)


def test_sizes_are_doubled_while_the_budget_lasts():
    asked = []

    def run(size):
        asked.append(size)
        return size / 100

    assert measure_growth(run, first=10, last=35, budget=99.0) == [(10, 0.1), (20, 0.2), (35, 0.35)]
    assert asked == [10, 10, 20, 35]
    assert [size for size, _ in measure_growth(run, first=10, last=1000, budget=1.0)] == [10, 20, 40]


def test_drawn_rows_are_real_ones_as_far_as_they_go():
    rng = np.random.default_rng(0)
    labels = np.array(["a"] * 300 + ["b"] * 100 + ["rare"])
    rows, y = rng.normal(3.0, 2.0, (64, 20)).astype(np.float32), rng.choice(labels, 64)
    rows[y == "b"] += 6.0
    features = Features(rows, y, labels)
    same, _ = features.draw(40)
    np.testing.assert_array_equal(same, rows[:40])
    drawn, names = features.draw(2000)
    assert drawn.dtype == np.float32
    assert min(np.unique(names, return_counts=True)[1]) >= 8
    assert set(names) == {"a", "b", "rare"}
    assert np.abs(drawn.std(axis=0) / rows.std(axis=0) - 1).max() < 0.5
    apart = drawn[names == "b"].mean(axis=0) - drawn[names == "a"].mean(axis=0)
    assert apart.mean() == pytest.approx(6.0, abs=1.0)


def test_a_probe_shows_images_again_and_keeps_nothing(folder, tiny, transformer, forwards, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.forecast.probe.REPEAT_SECONDS", 60.0)
    images, source = as_sources(load_dataset(folder).images), transformer.source()
    views = [source.view(None, "avg"), source.view(None, "max")]
    probe = probe_network(images, source, views, forwarding=ForwardOptions())
    assert probe.seconds_per_image > 0
    assert probe.places == list(range(PROBE_IMAGES))
    assert [matrix.shape[0] for matrix in probe.embeddings] == [64, 64]
    assert probe.row_bytes == 4 * sum(matrix.shape[1] for matrix in probe.embeddings)
    assert forwards.since() == 8 + 8 + 64 + 8 * 64
    assert kept(tmp_path) == []
    # What comes from a server is not fetched again.
    urls = as_sources([f"file://{image.content}" for image in images])
    probe_network(urls, source, views[:1], forwarding=ForwardOptions())
    assert forwards.since() == 8 + 8 + 64


def test_a_probe_leaves_out_what_cannot_be_read(folder, transformer):
    (folder / "dark" / "03.png").write_bytes(b"no image")
    images = as_sources(load_dataset(folder).images)[:10]
    source = transformer.source()
    probe = probe_network(images, source, [source.view(None, "avg")], forwarding=ForwardOptions())
    assert probe.places == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [failure.index for failure in probe.failures] == [3]
    assert len(probe.embeddings[0]) == 9


def test_the_memory_of_the_process_is_told():
    assert peak_memory() == 0 or 10e6 < peak_memory() < 1e12


@pytest.mark.parametrize("cached", [0, 30, 80])
def test_what_is_cached_is_counted(cached, folder, transformer, forwards, tmp_path):
    dataset = load_dataset(folder)
    if cached:
        transformer.extract(as_sources(dataset.images[:cached]))
    before, _ = kept(tmp_path), forwards.since()
    forecast = forecast_extraction(dataset, transformer)
    assert (forecast.n_images, forecast.n_passes, forecast.n_cached) == (80, 80, cached)
    assert forecast.n_probed == (64 if cached < 80 else 0)
    assert bool(forwards.since()) == (cached < 80)
    assert not forecast.about
    assert kept(tmp_path) == before
    write_embeddings(dataset, transformer, tmp_path / "out.h5")
    assert passes(forecast) == forwards.since() == 80 - cached
    written = (tmp_path / "out.h5").stat().st_size + sum(
        path.stat().st_size for path in (tmp_path / "cache").rglob("*.h5")
    )
    assert forecast.disk_bytes < written < forecast.disk_bytes + 100_000 + 80 * 3_000


def test_without_a_cache_everything_is_forwarded(folder, tiny):
    forecast = forecast_extraction(load_dataset(folder), CNNFeatureTransformer(**tiny, cache=None))
    assert (forecast.n_passes, forecast.n_cached) == (80, 0)
    assert passes(forecast) == 80


def test_copies_of_an_image_are_one(folder, transformer):
    for number in range(1, 40):
        (folder / "dark" / f"{number:02}.png").write_bytes((folder / "dark" / "00.png").read_bytes())
    forecast = forecast_extraction(load_dataset(folder), transformer)
    assert passes(forecast) == 41


def test_of_too_many_files_a_random_part_is_looked_at(folder, transformer, monkeypatch):
    monkeypatch.setattr("featx.forecast.passes.DIGEST_SECONDS", 0.0)
    monkeypatch.setattr("featx.forecast.passes.DIGEST_FIRST", 40)
    dataset = load_dataset(folder)
    transformer.extract(as_sources(dataset.images[:40]))
    forecast = forecast_extraction(dataset, transformer)
    assert forecast.about
    assert 20 <= forecast.n_cached <= 60
    assert passes(forecast) == 80 - forecast.n_cached
    assert any("tell which are cached" in part.name and part.n_images == 40 for part in forecast.parts)


def test_unreadable_images_are_counted(folder, transformer):
    for name in ("01", "02", "03"):
        (folder / "dark" / f"{name}.png").write_bytes(name.encode())
    dataset = load_dataset(folder)
    dataset.images[0] = str(folder / "missing.png")
    forecast = forecast_extraction(dataset, transformer)
    assert 1 <= forecast.n_unreadable <= 4
    assert any(row.path == str(folder / "missing.png") for row in as_sources(dataset.images))


def test_nothing_is_known_of_a_search_on_unreadable_images(folder, transformer):
    for path in folder.rglob("*.png"):
        path.write_bytes(path.name.encode() + path.parent.name.encode())
    with pytest.raises(DatasetError, match="none of the images can be read"):
        forecast_fit(load_dataset(folder), transformer)


def test_a_fit_is_forecast_with_every_head_and_view(folder, transformer, forwards, tmp_path):
    dataset = load_dataset(folder)
    search = {"heads": ["logistic", "knn"], "poolings": ["avg", "max"], "grids": GRIDS, "cv": 3}
    forecast = forecast_fit(dataset, transformer, **search)
    names = [part.name for part in forecast.parts]
    assert names[-3:] == ["tune logistic on 2 views", "tune knn on 2 views", "figures and the last fit"]
    assert kept(tmp_path) == []
    forwards.since()
    fit_model(dataset, transformer, **search)
    assert passes(forecast) == forwards.since() == 80
    # By now all embeddings are cached, and heads are timed on them.
    again = forecast_fit(dataset, transformer, **search, test_size=None)
    assert (again.n_cached, again.n_probed) == (80, 0)
    assert forwards.since() == 0


def test_the_test_set_belongs_to_the_forecast(folder, transformer):
    dataset = load_dataset(folder)
    assert forecast_fit(dataset, transformer, grids=GRIDS, test=dataset.take(np.arange(30, 50))).n_images == 100
    assert forecast_fit(dataset, transformer, grids=GRIDS, test_size=0.25).n_images == 80


def test_more_neighbours_than_probed_rows_are_no_error(folder, transformer, monkeypatch):
    monkeypatch.setattr("featx.forecast.head_times.FIRST_ROWS", 32)
    dataset = load_dataset(folder)
    assert forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [30]}}, cv=3).seconds > 0
    with pytest.raises(ParameterError, match="n_neighbors=500"):
        forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [500]}}, cv=3)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"head_init": "logistic", "augmentation": "none"}, marks=pytest.mark.long),
        {"hidden_units": 4, "head_init": "warmup", "augment_draws": 2, "test_draws": 2},
        {"boundary_cache_bytes": 10},
        {"trainable_stages": 0, "head_init": "logistic"},
        {"early_stopping": False, "cache": None, "head_init": "logistic"},
    ],
)
def test_a_fine_tuning_is_forecast_pass_by_pass(options, folder, tiny, tmp_path, forwards):
    dataset = load_dataset(folder)
    classifier = CNNFineTuneClassifier(**{**tiny, "epochs": 1, "cache": tmp_path / "cache", **options})
    for known in (False, True) if classifier.cache is not None else (False,):
        forecast = forecast_finetuning(dataset, classifier)
        assert forecast.at_most == options.get("early_stopping", True)
        assert any(part.name == "train 1 epoch" for part in forecast.parts)
        forwards.since()
        finetune_model(dataset, classifier)
        made = forwards.since()
        # The same training once more gives the same network, which nobody can know before: 16 images to test on.
        made += 16 * classifier.test_draws if known else 0
        assert passes(forecast) == made
        assert forecast.n_passes - forecast.n_cached == made


@pytest.mark.long
def test_a_comparison_is_forecast_pass_by_pass(folder, tiny, tmp_path, forwards):
    dataset = load_dataset(folder)
    transformer = CNNFeatureTransformer(**tiny, cache=tmp_path / "cache")
    strategies = {
        "frozen": make_strategy("frozen", transformer, parameters={"C": [0.01]}),
        "frozen:knn@features.7": make_strategy("frozen:knn@features.7", transformer, parameters={"n_neighbors": [1]}),
        "finetuned": make_strategy("finetuned", transformer, parameters={"epochs": 1, "head_init": "logistic"}),
    }
    options = {"repeats": 1, "train_sizes": [0.5, 0.75], "transfer": transformer, "folder": tmp_path / "runs"}
    forecast = forecast_comparison(dataset, strategies, **options)
    assert not (tmp_path / "runs").exists()
    assert kept(tmp_path) == []
    assert {part.name.partition(":")[0] for part in forecast.parts} >= {"stages", "frozen", "finetuned"}
    forwards.since()
    compare_strategies(dataset, strategies, **options)
    assert passes(forecast) == pytest.approx(forwards.since(), abs=2 * 65)
    finished = forecast_comparison(dataset, strategies, **options)
    assert finished.n_passes == 0
    assert finished.parts == []
    more = forecast_comparison(dataset, strategies, **{**options, "repeats": 2})
    assert 0 < more.n_passes < 1.5 * forecast.n_passes


def test_only_strategies_of_featx_are_forecast(folder, tiny):
    class Other(CNNFeatureTransformer):
        def predict_proba(self, X):
            raise AssertionError

    with pytest.raises(ParameterError, match="the strategy other is not one of featx's"):
        forecast_comparison(load_dataset(folder), {"other": Other(**tiny)})


def test_counting_remembers_what_its_parts_would_have_cached(folder, transformer, tmp_path):
    dataset, source = load_dataset(folder), transformer.source()
    counted = CountedPasses(as_sources(dataset.images), cache=EmbeddingCache(tmp_path / "cache"))
    view, forwarding = source.view(None, "avg"), ForwardOptions()
    assert counted.passes(source, [view], np.arange(30), forwarding=forwarding).n_images == 30
    assert counted.passes(source, [view], forwarding=forwarding).n_images == 50
    assert counted.passes(source, [view], forwarding=forwarding).seconds == 0
    assert counted.passes(source, [view], np.arange(10), forwarding=forwarding, kept=False).n_images == 10
    assert counted.passes(source, [view, source.view(None, "max")], forwarding=forwarding).n_images == 80
    assert (counted.n_passes, counted.n_cached) == (280, 110)
    assert len(counted.probed) == 64
