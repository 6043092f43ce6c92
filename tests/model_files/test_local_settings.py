"""Promised: a model file chooses no place that is written to, and no device."""

import collections
import functools
import os
import pickle
import types
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, EmbeddingCache, load_model, save_model
from featx.heads.tuned_head import TunedHead
from featx.model_files.local_settings import reset_local_settings
from featx.model_files.model_parts import parts
from featx.model_files.trusted_types import trusted_types
from saved_models import LABELS as CATS_AND_DOGS
from saved_models import add, edited, literal, nodes, set_on

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(20)]
LABELS = np.array(["a", "b"] * 10)


def test_a_pipelines_memory_is_reset_and_a_refit_runs_no_pickle(tiny, path, tmp_path, forged):
    """What lies where the file says is neither read nor written."""
    place = tmp_path / "attacker"
    features = CNNFeatureTransformer(**tiny, cache=None)
    model = Pipeline([("features", features), ("head", LogisticRegression())], memory=str(place)).fit(IMAGES, LABELS)
    outputs = list(place.rglob("output.pkl"))
    assert outputs

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    for file in outputs:
        file.write_bytes(pickle.dumps(Bomb()))
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    loaded = load_model(forged(model, lambda model: model.set_params(memory=str(place))))
    assert loaded.memory is None
    loaded.fit(IMAGES, LABELS)
    assert not (tmp_path / "exploded").exists()
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before
    # A Memory object is no part of what is saved.
    save_model(model.set_params(memory=joblib.Memory(place, verbose=0)), path)
    assert load_model(path).memory is None
    assert isinstance(model.memory, joblib.Memory)


def nested(tiny, place):
    """Return models that would write to a place when they are fitted again, by where they name it."""
    features = ("features", CNNFeatureTransformer(**tiny))
    inner = Pipeline([("pca", PCA(2)), ("head", LogisticRegression())], memory=place)
    head = Pipeline([("pca", PCA(2)), ("head", LogisticRegression())])
    copying = AdaBoostClassifier(head)
    vars(copying).update({"memory": place, "head__cache": place})
    return {
        "inner pipeline": Pipeline([features, ("inner", inner)]),
        "union": Pipeline([("union", FeatureUnion([("images", Pipeline([features], memory=place))])), ("head", head)]),
        "clusters": Pipeline([features, ("merge", FeatureAgglomeration(2, memory=place)), ("head", head)]),
        "voting": Pipeline([features, ("vote", VotingClassifier([("inner", inner)]))]),
        "grid": GridSearchCV(Pipeline([features, ("head", head)]), {"head__memory": [place]}),
        "grids": GridSearchCV(Pipeline([features, ("head", head)]), [{"memory": [place]}, {"head__memory": [place]}]),
        "cache of a grid": GridSearchCV(Pipeline([features, ("head", head)]), {"features__cache": [None, place]}),
        "step of a grid": GridSearchCV(Pipeline([features, ("head", head)]), {"head": [inner]}),
        "bagged": Pipeline([features, ("bag", BaggingClassifier(inner))]),
        "copied attribute": Pipeline([features, ("boost", copying)]),
        "tuned grid": Pipeline([features, ("head", TunedHead(grid={"memory": [place]}))]),
        "training": VotingClassifier([("network", CNNFineTuneClassifier(**tiny, checkpoint=place, cache=place))]),
    }


@pytest.mark.parametrize("name", nested({}, ""))
def test_no_part_of_a_loaded_model_names_a_place(name, tiny, path, tmp_path):
    place = str(tmp_path / "elsewhere")
    save_model(nested(tiny, place)[name], path)
    assert b"elsewhere" not in path.read_bytes()
    # The same by a file that was not written by save_model.
    content = skops.io.load(path, trusted=trusted_types())
    content["model"] = nested(tiny, place)[name]
    path.write_bytes(skops.io.dumps(content))
    assert b"elsewhere" in path.read_bytes()
    assert b"elsewhere" not in skops.io.dumps(load_model(path))


class Slots:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held


HOLDERS = {
    "set": lambda step: {("a", step)},
    "frozenset": lambda step: frozenset([step]),
    "deque": lambda step: collections.deque([step]),
    "key": lambda step: {step: 1},
    "values": lambda step: {"a": step}.values(),
    "iterator": lambda step: iter([step]),
    "map": lambda step: map(str, [step]),
    "default": lambda step: collections.defaultdict(step.fit),
    "partial": lambda step: functools.partial(print, step),
    "keyword": lambda step: functools.partial(print, step=step),
    "bound method": lambda step: step.fit,
    "slot": Slots,
    "namespace": lambda step: types.SimpleNamespace(step=step),
    "proxy": lambda step: types.MappingProxyType({"a": step}),
    "array": lambda step: np.array([[step, None]], dtype=object),
    "masked array": lambda step: np.ma.array(np.array([step, None], dtype=object), mask=True),
    "attribute of a collection": lambda step: set_on(type("Own", (list,), {})(), "held", step),
    "images": lambda step: set_on(CNNFeatureTransformer(), "held", {step}),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_place_is_forgotten_however_its_step_is_held(name):
    step = Pipeline([("pca", PCA(2))], memory="elsewhere")
    model = set_on(PCA(), "held", [HOLDERS[name](step)])
    reset_local_settings(model)
    assert step.memory is None
    assert any(part is step for _, part in parts(model, inside=True))


def test_steps_in_a_set_write_nothing_when_they_are_fitted_again(tiny, path, tmp_path):
    place = tmp_path / "elsewhere"
    union = FeatureUnion([("a", Pipeline([("p", PCA(3)), ("q", PCA(2))])), ("b", PCA(2))])
    model = make_pipeline(CNNFeatureTransformer(**tiny), union, LogisticRegression()).fit(IMAGES, LABELS)
    save_model(model, path)

    def change(schema):
        steps = next(nodes(schema, "FeatureUnion"))["content"]["content"]["transformer_list"]
        steps.update({"__class__": "set", "__loader__": "SetNode"})
        add(next(nodes(steps, "Pipeline")), "memory", literal(str(place)))

    loaded = load_model(edited(path, change))
    assert isinstance(loaded[1].transformer_list, set)
    loaded.fit(IMAGES, LABELS)
    assert not place.exists()


def test_steps_that_are_called_like_a_place_are_kept(tiny, path):
    model = make_pipeline(
        CNNFeatureTransformer(**tiny),
        VotingClassifier([("memory", LogisticRegression()), ("cache", LogisticRegression())], voting="soft"),
    ).fit(IMAGES, LABELS)
    save_model(model, path)
    loaded = load_model(path)
    assert set(loaded[1].named_estimators_) == {"memory", "cache"}
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), model.predict_proba(IMAGES))


def test_what_belongs_to_the_machine_stays_behind(tiny, images, path, tmp_path):
    local = {"cache": EmbeddingCache(tmp_path / "secret"), "device": "cpu", "n_jobs": 2, "batch_size": 7}
    transformer = CNNFeatureTransformer(**tiny, **local, on_error="skip", verbose=True)
    model = make_pipeline(transformer, LogisticRegression()).fit(images, CATS_AND_DOGS)
    save_model(model, path)
    loaded = load_model(path)[0].get_params()
    assert [loaded[key] for key in (*local, "verbose")] == ["auto", "auto", None, "auto", False]
    assert b"secret" not in b"".join(zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist())
    assert model[0].cache is local["cache"]
    assert model[0].n_jobs == 2
