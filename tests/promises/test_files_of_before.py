"""Promised: models and cached rows of the version before the modules were moved are still used.

How the files in tests/data/before were made stands in tests/data/README.md.
"""

import dataclasses
import importlib
import inspect
import io
import json
import pickle
import shutil
import subprocess
import sys
import typing
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import featx
from featx import (
    Augmentation,
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    TunedHead,
    load_model,
    predict_images,
    save_model,
)
from featx.datasets.load import collect_images
from featx.exceptions import ModelFileError, ParameterError
from featx.model_files.persistence import read_model
from featx.torch_modules.code_facts import lasting_name

BEFORE = Path(__file__).parents[1] / "data" / "before"
X = np.random.default_rng(0).integers(0, 128, (8, 32, 32, 3), dtype=np.uint8)
Y = np.arange(8) % 2
X[Y == 1] += 96
NETWORK = {"layer": "stage1", "pooling": "avg", "image_size": 32, "precision": "float32", "device": "cpu"}
FLIPS = Augmentation(rotation=5.0, horizontal_flip=True)
# Where files of before name what goes by "featx" today.
PLACES = {
    "Augmentation": ["featx.augmentation"],
    "CNNFeatureTransformer": ["featx.transformer"],
    "CNNFineTuneClassifier": ["featx.finetune"],
    "TunedHead": ["featx.tuned_head", "featx.strategies"],
}


@pytest.fixture
def old_cache(own_cache):
    shutil.copytree(BEFORE / "cache", own_cache)
    return own_cache


def schema(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("schema.json").decode()


def places(path):
    """Return the modules of featx that a model file names, with the class."""
    named = set()

    def note(entry):
        if str(entry.get("__module__")).partition(".")[0] == "featx":
            named.add((entry["__module__"], entry["__class__"]))
        return entry

    json.loads(schema(path), object_hook=note)
    return named


def rewritten(path, *changes):
    """Return the content of a model file with other texts in its schema."""
    text = schema(path)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    stream = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(stream, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, text if name == "schema.json" else archive.read(name))
    return stream.getvalue()


def test_the_files_are_of_before():
    assert places(BEFORE / "frozen.skops") == {
        ("featx.transformer", "CNNFeatureTransformer"),
        ("featx.tuned_head", "TunedHead"),
    }
    assert places(BEFORE / "finetuned.skops") == {
        ("featx.finetune", "CNNFineTuneClassifier"),
        ("featx.augmentation", "Augmentation"),
    }


@pytest.mark.parametrize("name", ["frozen", "finetuned"])
def test_models_of_before_predict_what_they_did(name, tmp_path):
    saved = read_model(BEFORE / f"{name}.skops")
    expected = np.array(saved.evaluation["probabilities"])
    np.testing.assert_allclose(saved.model.predict_proba(X), expected, rtol=0, atol=1e-5)
    assert list(saved.model.predict(X)) == list(Y)
    save_model(saved.model, tmp_path / "anew.skops")
    assert {module for module, _ in places(tmp_path / "anew.skops")} == {"featx"}
    again = load_model(tmp_path / "anew.skops").predict_proba(X)
    np.testing.assert_allclose(again, expected, rtol=0, atol=1e-5)


def test_parameters_of_before_are_of_todays_classes():
    model = load_model(BEFORE / "finetuned.skops")
    assert type(model) is CNNFineTuneClassifier
    assert type(model.augmentation) is Augmentation
    assert model.augmentation == FLIPS
    options = {"trainable_stages": 0, "epochs": 1, "early_stopping": False, "augment_draws": 1}
    today = CNNFineTuneClassifier(**NETWORK, **options, augmentation=FLIPS).set_params(device="auto")
    assert model.get_params() == today.get_params()


def test_a_search_of_before_predicts_and_is_fitted_anew(own_cache):
    saved = read_model(BEFORE / "searched.skops")
    search, figures = saved.model, saved.evaluation
    np.testing.assert_allclose(search.predict_proba(X), figures["probabilities"], rtol=0, atol=1e-5)
    assert search.param_grid == [{"augment_draws": [1, 2]}, {"test_draws": [2]}]
    assert search.cv_results_["params"] == [{"augment_draws": 1}, {"augment_draws": 2}, {"test_draws": 2}]
    assert search.best_params_ in search.cv_results_["params"]
    assert [name for name in search.cv_results_ if "param_" in name] == ["param_augment_draws", "param_test_draws"]
    again = clone(search).fit(X, Y)
    assert again.best_params_ == search.best_params_
    np.testing.assert_allclose(again.predict_proba(X), figures["probabilities"], rtol=0, atol=1e-3)


def test_a_model_of_before_that_makes_rows_of_nan_skips(own_cache, tmp_path):
    """The word for it was "nan", which is read in models and refused elsewhere."""
    (tmp_path / "bad.png").write_bytes(b"no image")
    Image.fromarray(X[0]).save(tmp_path / "good.png")
    images = [str(tmp_path / "bad.png"), str(tmp_path / "good.png")]
    path = tmp_path / "older.skops"
    path.write_bytes(rewritten(BEFORE / "frozen.skops", (r'"content": "\"raise\""', r'"content": "\"nan\""')))
    again = load_model(path)[0]
    assert again.on_error == clone(again).on_error == "skip"
    assert np.isfinite(again.transform(images)).all(axis=1).tolist() == [False, True]
    assert [failure.index for failure in again.failures_] == [0]
    found, extraction = predict_images(path, collect_images(images), on_error="skip")
    assert ([failure.index for failure in extraction.failures], list(found.rows)) == ([0], [1])
    with pytest.raises(ParameterError, match=r"got on_error=.nan.; expected one of raise, skip\. .skip. leaves out"):
        CNNFeatureTransformer(**NETWORK, on_error="nan").fit(X)


def test_rows_of_before_are_served_without_a_pass(old_cache, forwards):
    saved = read_model(BEFORE / "frozen.skops")
    rows = CNNFeatureTransformer(**NETWORK).fit_transform(X)
    np.testing.assert_array_equal(rows, np.array(saved.evaluation["rows"], dtype=rows.dtype))
    probabilities = saved.model.predict_proba(X)
    np.testing.assert_allclose(probabilities, saved.evaluation["probabilities"], rtol=0, atol=1e-9)
    fitted = make_pipeline(CNNFeatureTransformer(**NETWORK), TunedHead("logistic", grid={"C": [1.0]})).fit(X, Y)
    np.testing.assert_allclose(fitted.predict_proba(X), saved.evaluation["probabilities"], rtol=0, atol=1e-5)
    assert forwards.count == 0


def test_rows_of_before_of_augmented_draws_are_served_without_a_pass(old_cache, forwards):
    options = {"trainable_stages": 0, "epochs": 1, "early_stopping": False, "augment_draws": 1}
    model = CNNFineTuneClassifier(**NETWORK, **options, augmentation=FLIPS).fit(X, Y)
    assert model.forwarded_ == {"needed": 16, "forwarded": 0}
    assert forwards.count == 0
    other = CNNFineTuneClassifier(**NETWORK, **options, augmentation="flips").fit(X, Y)
    assert other.forwarded_ == {"needed": 16, "forwarded": 8}


def test_a_head_that_lay_elsewhere_still_is_loaded(tmp_path):
    path = tmp_path / "older.skops"
    path.write_bytes(rewritten(BEFORE / "frozen.skops", ('"featx.tuned_head"', '"featx.strategies"')))
    assert ("featx.strategies", "TunedHead") in places(path)
    assert type(load_model(path)[-1]) is TunedHead


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"TunedHead"', '"make_head"'),
        ('"featx.tuned_head"', '"featx.persistence"'),
        ('"featx.tuned_head"', '"featx.transformer"'),
        ('"LogisticRegression"', '"Unknown"'),
    ],
    ids=["a function", "another module", "a class of another module", "what is no class of featx"],
)
def test_old_names_open_no_way_for_others(old, new, tmp_path):
    path = tmp_path / "forged.skops"
    path.write_bytes(rewritten(BEFORE / "frozen.skops", (old, new)))
    before = path.read_bytes()
    with pytest.raises(ModelFileError, match=r"does not trust|is not a featx model"):
        load_model(path)
    assert path.read_bytes() == before


def test_files_of_before_are_looked_at_as_others_are(tmp_path):
    """What is loaded is the file with new names, and so is what is looked at."""
    path = tmp_path / "forged.skops"
    path.write_bytes(rewritten(BEFORE / "frozen.skops", ('"best_score_"', '"predict"')))
    with pytest.raises(ModelFileError, match="is not a featx model"):
        load_model(path)


@pytest.mark.parametrize("name", PLACES)
def test_no_module_path_enters_what_is_pickled(name):
    kind = getattr(featx, name)
    assert (kind.__module__, kind.__qualname__) == ("featx", name)
    value = FLIPS if kind is Augmentation else kind()
    for content in (pickle.dumps(value), pickle.dumps(kind), pickle.dumps(value, protocol=0)):
        assert not any(place.encode() in content for place in PLACES[name])
    again = pickle.loads(pickle.dumps(value))
    assert type(again) is kind
    assert repr(again) == repr(value)
    assert joblib.hash(again) == joblib.hash(value)
    assert typing.get_type_hints(kind).keys() >= (vars(value).keys() if value is FLIPS else set())
    assert inspect.getsource(kind.apply if value is FLIPS else kind.fit)
    if value is not FLIPS:
        assert clone(value).get_params().keys() == value.get_params().keys()


@pytest.mark.parametrize("name", [name for name in featx.__all__ if inspect.isclass(getattr(featx, name))])
def test_pickles_name_public_classes_by_the_package_alone(name):
    kind = getattr(featx, name)
    content = pickle.dumps(kind, protocol=0).decode()
    home = "featx.cache" if name in featx.cache.__all__ and name != "CacheError" else "featx"
    assert content.startswith(f"c{home}\n{name}\n")
    assert pickle.loads(content.encode()) is kind


@pytest.mark.parametrize("module", featx._PARTS)
def test_pickles_name_the_parts_of_public_objects_by_the_package_alone(module):
    for name in featx._PARTS[module]:
        kind = getattr(importlib.import_module(f"featx.{module}"), name)
        assert pickle.dumps(kind, protocol=0).decode().startswith(f"cfeatx\n{name}\n")
        assert name not in featx.__all__


@pytest.mark.parametrize(
    "name", ["CandidateResult", "ComparisonResult", "EvaluationResult", "ImageDataset", "FitResult"]
)
def test_annotations_of_public_classes_can_be_resolved(name):
    kind = getattr(featx, name)
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    assert typing.get_type_hints(kind).keys() == fields.keys()
    assert all(isinstance(text, str) for text in fields.values())


def test_a_class_has_its_public_name_when_it_is_reached_by_its_module():
    code = (
        "from featx.workflows.fit_result import FitResult as kind; import pickle; "
        "print(pickle.dumps(kind, protocol=0)[:17])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == repr(b"cfeatx\nFitResult\n")


def test_unpickling_imports_what_it_needs(tmp_path):
    path = tmp_path / "augmentation.pickle"
    path.write_bytes(pickle.dumps(FLIPS))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))); print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [repr(FLIPS), "False"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("featx.efficientnet_lite", "featx.efficientnet_lite"),
        ("featx.networks.efficientnet_lite", "featx.efficientnet_lite"),
        ("featx", "featx"),
        ("featx_extra.networks.own", "featx_extra.networks.own"),
        ("mine.featx.own", "mine.featx.own"),
    ],
)
def test_digests_know_featx_modules_without_their_folders(module, name):
    assert lasting_name(module) == name


def test_a_network_of_featx_that_is_passed_keeps_its_name():
    module = featx.resolve_backbone("efficientnet_lite0").load("cpu").module
    source = CNNFeatureTransformer(module, cache_key="embedded").source()
    assert source.name == "featx.efficientnet_lite.EfficientNetLite0"
