"""The precision "auto" is half precision only where the processor has it and the embeddings hardly change."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from featx import CNNFeatureTransformer, ParameterError, load_model, save_model
from featx.cache import EmbeddingCache
from featx.datasets.dataset import ImageDataset
from featx.forecast.extract import forecast_extraction
from featx.model_files import persistence
from featx.networks import precision as precisions
from featx.networks.precision import (
    Agreement,
    choose_precision,
    is_to_be_measured,
    measure_agreement,
    note_slow_precision,
    sample_crops,
)
from featx.networks.resolve import resolve_backbone
from featx.workflows.extract import write_embeddings
from featx.workflows.fit import fit_model

# As it is before tests/conftest.py has its way.
IS_NATIVE = precisions._is_native


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that computes bfloat16 natively, and no memory of earlier choices."""
    monkeypatch.setattr(precisions, "_is_native", lambda device: True)
    _forget(monkeypatch)


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be another process."""
    monkeypatch.setattr(precisions, "_chosen", {})
    monkeypatch.setattr(precisions, "_measured", {})


def _agreeing(monkeypatch: pytest.MonkeyPatch, mean: float, worst: float) -> list[str]:
    measured: list[str] = []

    def measure(source: object, images: object, *, device: str, precision: str) -> Agreement:
        measured.append(device)
        return Agreement(mean, worst)

    monkeypatch.setattr(precisions, "measure_agreement", measure)
    return measured


def test_the_embedded_network_hardly_changes_in_half_precision() -> None:
    agreement = measure_agreement(resolve_backbone(), sample_crops(12), device="cpu", precision="bfloat16")
    assert 0.999 <= agreement.mean < 1
    assert 0.997 <= agreement.worst < 1
    assert agreement.close


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("mean", "worst", "chosen"),
    [(0.9995, 0.998, "bfloat16"), (0.9989, 0.998, "float32"), (0.9995, 0.9969, "float32"), (1.0, 1.0, "bfloat16")],
)
def test_auto_follows_the_agreement(monkeypatch: pytest.MonkeyPatch, mean: float, worst: float, chosen: str) -> None:
    _agreeing(monkeypatch, mean, worst)
    assert choose_precision(resolve_backbone(), "auto", device="cpu") == chosen


@pytest.mark.usefixtures("native")
def test_the_choice_is_measured_once_and_noted_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured = _agreeing(monkeypatch, 0.9995, 0.998)
    cache = EmbeddingCache(tmp_path)
    source = resolve_backbone()
    assert {choose_precision(source, "auto", device="cpu", cache=cache) for _ in range(3)} == {"bfloat16"}
    (note,) = (tmp_path / "precisions").iterdir()
    assert json.loads(note.read_text())["worst"] == 0.998
    # Another process finds the note.
    _forget(monkeypatch)
    assert choose_precision(source, "auto", device="cpu", cache=cache) == "bfloat16"
    assert len(measured) == 1
    # Another cache gets its note without a measurement.
    assert choose_precision(source, "auto", device="cpu", cache=EmbeddingCache(tmp_path / "b")) == "bfloat16"
    # A damaged one is measured again and replaced.
    note.write_text('{"precision": "float8"}')
    _forget(monkeypatch)
    assert choose_precision(source, "auto", device="cpu", cache=cache) == "bfloat16"
    assert len(measured) == 2
    assert json.loads(note.read_text())["precision"] == "bfloat16"
    assert not cache.info()
    assert cache.verify().clean


@pytest.mark.usefixtures("native")
def test_it_is_known_beforehand_whether_a_choice_is_to_be_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _agreeing(monkeypatch, 1.0, 1.0)
    source, cache = resolve_backbone(), EmbeddingCache(tmp_path)
    own = resolve_backbone(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    assert is_to_be_measured(source, "auto", device="cpu", cache=cache)
    assert not is_to_be_measured(source, "float32", device="cpu", cache=cache)
    assert not is_to_be_measured(own, "auto", device="cpu", cache=cache)
    choose_precision(source, "auto", device="cpu", cache=cache)
    assert not is_to_be_measured(source, "auto", device="cpu")  # this process knows it
    _forget(monkeypatch)
    assert not is_to_be_measured(source, "auto", device="cpu", cache=cache)  # the cache has a note
    assert is_to_be_measured(source, "auto", device="cpu")


@pytest.mark.usefixtures("native")
def test_every_network_has_a_choice_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured = _agreeing(monkeypatch, 1.0, 1.0)
    for seed in (0, 1):
        choose_precision(resolve_backbone(weights=None, random_state=seed), "auto", device="cpu")
    choose_precision(resolve_backbone(image_size=128), "auto", device="cpu")
    assert len(measured) == 3


@pytest.mark.usefixtures("native")
def test_a_module_of_ones_own_is_computed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = _agreeing(monkeypatch, 1.0, 1.0)
    own = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    assert choose_precision(resolve_backbone(own), "auto", device="cpu") == "float32"
    assert choose_precision(resolve_backbone(own), "bfloat16", device="cpu") == "bfloat16"
    assert not measured


def test_other_processors_compute_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(monkeypatch)
    monkeypatch.setattr(precisions, "_is_native", IS_NATIVE)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_precision(resolve_backbone(), "auto", device="cpu") == "float32"
    with pytest.raises(ParameterError, match="float64"):
        choose_precision(resolve_backbone(), "float64")


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_half_precision_that_saves_no_time_is_noted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, precision: str
) -> None:
    _forget(monkeypatch)
    kernels = {torch.float32}
    monkeypatch.setattr(precisions, "_is_native", lambda device: torch.bfloat16 in kernels)
    monkeypatch.setattr("featx.networks.fused_convolution.has_kernels", lambda dtype=torch.float32: dtype in kernels)
    monkeypatch.setattr("featx.display.notes._logged", set())
    CNNFeatureTransformer(precision=precision, device="cpu", cache=None).fit_transform(sample_crops(1))
    assert ("saves no time on this processor" in caplog.text) == (precision != "float32")
    kernels |= {torch.bfloat16, torch.float16}
    caplog.clear()
    monkeypatch.setattr("featx.display.notes._logged", set())
    note_slow_precision(precision, "cpu")
    assert not caplog.records


def test_a_processor_that_may_not_use_its_kernels_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(monkeypatch)
    monkeypatch.setattr(precisions, "_is_native", IS_NATIVE)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(
        "featx.networks.fused_convolution.has_kernels", lambda dtype=torch.float32: dtype == torch.float32
    )
    assert choose_precision(resolve_backbone(), "auto", device="cpu") == "float32"


@pytest.mark.usefixtures("native")
def test_processors_that_share_a_cache_and_a_name_have_choices_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured = _agreeing(monkeypatch, 1.0, 1.0)
    cache = EmbeddingCache(tmp_path)
    for processor in ("one", "another", "one"):
        _forget(monkeypatch)
        monkeypatch.setattr(precisions, "_processor", lambda processor=processor: processor)
        choose_precision(resolve_backbone(), "auto", device="cpu", cache=cache)
    assert len(measured) == 2


@pytest.mark.long
def test_half_precision_is_the_same_function_on_a_processor_without_it(tmp_path: Path) -> None:
    """Another process is kept from all that is newer than AVX2, as far as oneDNN's settings reach."""
    images = sample_crops(2)
    np.savez(tmp_path / "images.npz", *images)
    code = """
        import sys, numpy as np
        from featx import CNNFeatureTransformer
        images = list(np.load(sys.argv[1] + "/images.npz").values())
        for precision in sys.argv[2:]:
            rows = CNNFeatureTransformer(precision=precision, cache=None).fit_transform(images)
            np.save(f"{sys.argv[1]}/{precision}.npy", rows)
        """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), "bfloat16", "float16"]
    limited = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    subprocess.run(command, env=limited, check=True)
    for precision in ("bfloat16", "float16"):
        here = CNNFeatureTransformer(precision=precision, cache=None).fit_transform(images)
        there = np.load(tmp_path / f"{precision}.npy")
        cosines = (here * there).sum(1) / np.linalg.norm(here, axis=1) / np.linalg.norm(there, axis=1)
        assert cosines.min() > 0.9999


@pytest.mark.usefixtures("native")
def test_an_unwritable_cache_costs_a_measurement_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured = _agreeing(monkeypatch, 1.0, 1.0)
    (tmp_path / "precisions").write_text("a file where the folder should be")
    for _ in range(2):
        _forget(monkeypatch)
        assert choose_precision(resolve_backbone(), "auto", device="cpu", cache=EmbeddingCache(tmp_path)) == "bfloat16"
    assert len(measured) == 2


@pytest.mark.usefixtures("native")
def test_the_precision_is_in_the_spec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _agreeing(monkeypatch, 1.0, 1.0)
    images = sample_crops(2)
    for precision in ("auto", "float32", "bfloat16"):
        CNNFeatureTransformer(precision=precision, cache=tmp_path).fit_transform(images)
    rows = {info.spec.precision: info.rows for info in EmbeddingCache(tmp_path).info()}
    assert rows == {"float32": 2, "bfloat16;exact=2;sums=float32": 2}


@pytest.mark.usefixtures("native")
def test_a_model_predicts_in_the_precision_it_was_fitted_in_wherever_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _agreeing(monkeypatch, 1.0, 1.0)
    images, labels = sample_crops(8), np.arange(8) % 2
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "cache"))
    model = make_pipeline(CNNFeatureTransformer(), LogisticRegression()).fit(images, labels)
    save_model(model, tmp_path / "model.skops")
    with caplog.at_level(logging.WARNING, "featx"):
        load_model(tmp_path / "model.skops")
    assert not caplog.records
    monkeypatch.setattr(precisions, "_is_native", lambda device: False)
    _forget(monkeypatch)
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "elsewhere"))
    loaded = load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded[:-1].transform(images), model[:-1].transform(images))
    assert loaded[0].precision_ == "bfloat16"
    single = loaded[0].set_params(precision="float32").transform(images)
    np.testing.assert_allclose(single, CNNFeatureTransformer(precision="float32", cache=None).fit_transform(images))
    assert not caplog.records


@pytest.mark.usefixtures("native")
def test_a_fitted_model_never_measures_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _agreeing(monkeypatch, 1.0, 1.0)
    images, labels = sample_crops(8), np.arange(8) % 2
    model = make_pipeline(CNNFeatureTransformer(cache=tmp_path / "cache"), LogisticRegression()).fit(images, labels)
    assert model[0].precision_ == "bfloat16"
    _forget(monkeypatch)
    monkeypatch.setattr(precisions, "_choose", _refuse)
    (tmp_path / "cache" / "precisions").rename(tmp_path / "gone")
    save_model(model, tmp_path / "model.skops")
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "cache"))
    loaded = load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict(images), model.predict(images))
    np.testing.assert_array_equal(model[:-1].transform(images), loaded[:-1].transform(images))
    assert clone(loaded[0]).set_params(precision="float32").fit(images).precision_ == "float32"


@pytest.mark.usefixtures("native")
def test_searches_and_commands_keep_the_choice_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _agreeing(monkeypatch, 1.0, 1.0)
    images, labels = sample_crops(8), np.arange(8) % 2
    features = CNNFeatureTransformer(image_size=32, cache=None)
    model = make_pipeline(features, LogisticRegression())
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(images, labels)
    names = [f"{number}.png" for number in range(8)]
    dataset = ImageDataset(images, names, labels=np.array(["a", "b"])[labels])
    fitted = fit_model(dataset, features, cv=2)
    _forget(monkeypatch)
    monkeypatch.setattr(precisions, "_choose", _refuse)
    for number, found in enumerate((search, fitted.model)):
        save_model(found, tmp_path / f"{number}.skops")
        again = load_model(tmp_path / f"{number}.skops")
        save_model(again, tmp_path / "again.skops")
        chosen = again.best_estimator_ if number == 0 else again
        assert chosen[0].precision_ == "bfloat16"
        np.testing.assert_array_equal(again.predict(images), found.predict(images))
        transformer = chosen[0].set_params(cache=None)
        write_embeddings(dataset, transformer, tmp_path / "rows.h5")
        with h5py.File(tmp_path / "rows.h5") as file:
            assert file.attrs["precision"].startswith("bfloat16")
        assert forecast_extraction(dataset, transformer).n_passes == 8


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("then", ["bfloat16;exact=2;sums=float32", "float32"])
def test_a_file_of_an_earlier_version_predicts_in_the_precision_of_its_spec(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, then: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = make_pipeline(CNNFeatureTransformer(image_size=32, cache=None, precision=then.partition(";")[0]))
    model.fit(sample_crops(2)).set_params(cnnfeaturetransformer__precision="auto")
    spec = model[0].source().spec(model[0].view(), then.partition(";")[0]).to_dict()
    assert spec["precision"] == then
    del model[0].precision_
    monkeypatch.setattr(precisions, "_choose", _refuse)
    with monkeypatch.context() as earlier:
        earlier.setattr(persistence, "_spec", lambda *args: spec)
        save_model(model, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    assert loaded[0].precision_ == then.partition(";")[0]
    assert not caplog.records


def _refuse(*args: object) -> None:
    raise AssertionError("measured again")
