"""Promised: a model file gives the same predictions anywhere, runs nothing, and is refused where it does not fit."""

import contextlib
import io
import json
import os
import pickle
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline

from featx import HEADS, CNNFeatureTransformer, EmbeddingCache, load_model, save_model
from featx.exceptions import FeatxError, ModelFileError, ParameterError
from featx.heads.nested_cv import evaluate_heads
from featx.model_files.persistence import read_model
from saved_models import LABELS, refusal

RNG = np.random.default_rng(0)


def network(seed=0):
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 2))


def same(a, b, X):
    return np.array_equal(a.predict_proba(X), b.predict_proba(X))


def test_a_loaded_model_predicts_the_same(pipeline, images, path):
    save_model(pipeline, path)
    assert same(load_model(str(path)), pipeline, images)
    assert read_model(path).classes == ["cat", "dog"]


@pytest.mark.long
def test_a_fresh_process_predicts_the_same(pipeline, images, path, tmp_path):
    save_model(pipeline, path)
    (tmp_path / "images.json").write_text(json.dumps(images))
    code = (
        "import json, sys, numpy, featx\n"
        "images = json.load(open(sys.argv[2]))\n"
        "print(json.dumps(featx.load_model(sys.argv[1]).predict_proba(images).tolist()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "images.json"], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(json.loads(run.stdout), pipeline.predict_proba(images), rtol=1e-4)


def test_the_file_is_small_and_holds_no_weights(images, path):
    model = make_pipeline(CNNFeatureTransformer(image_size=32), LogisticRegression()).fit(images[:4], LABELS[:4])
    save_model(model, path)
    assert path.stat().st_size < 100_000
    spec = read_model(path).specs["cnnfeaturetransformer"]
    assert spec["backbone"] == "efficientnet_lite0"
    assert len(spec["weights_digest"]) == 64


@pytest.mark.parametrize("name", HEADS)
def test_every_head_comes_back(name, images, path, tiny):
    transformer = CNNFeatureTransformer(**tiny).fit(images)
    grids = {"knn": {"n_neighbors": [3]}, "mlp": {"alpha": [1.0], "validation_fraction": [0.3]}}
    _, head = evaluate_heads(
        {("last", "avg"): transformer.transform(images)},
        LABELS,
        heads=[name],
        grids={name: grids[name]} if name in grids else None,
        cv=3,
    )
    model = make_pipeline(transformer, head)
    save_model(model, path)
    assert same(load_model(path), model, images)


def test_a_model_of_several_transformers_comes_back(tiny, images, path):
    union = FeatureUnion([(pooling, CNNFeatureTransformer(**tiny, pooling=pooling)) for pooling in ("avg", "max")])
    model = make_pipeline(union, LogisticRegression()).fit(images, LABELS)
    save_model(model, path)
    assert same(load_model(path), model, images)
    assert len(read_model(path).specs) == 2


@pytest.mark.parametrize("module", [None, network()], ids=["name", "module"])
def test_a_model_with_a_column_of_images_comes_back(tiny, images, path, tmp_path, module):
    frame = pd.DataFrame({"path": images, "weight": RNG.normal(size=40)})
    options = tiny if module is None else {"backbone": module, "image_size": 32}
    transformer = CNNFeatureTransformer(**options, cache=EmbeddingCache(tmp_path / "own"))
    columns = ColumnTransformer([("image", transformer, ["path"])], remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(frame, LABELS)
    save_model(model, path)
    loaded = load_model(path, backbone=module)
    assert same(loaded, model, frame)
    assert loaded[0].named_transformers_["image"].cache == "auto"


def test_the_best_of_a_grid_search_comes_back(tiny, images, path):
    pipe = make_pipeline(CNNFeatureTransformer(**tiny), LogisticRegression())
    search = GridSearchCV(pipe, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(images, LABELS)
    save_model(search.best_estimator_, path)
    assert same(load_model(path), search, images)


def test_the_figures_are_kept_beside_the_model(pipeline, path):
    save_model(pipeline, path, evaluation={"accuracy": 0.9})
    assert read_model(path).evaluation == {"accuracy": 0.9}
    save_model(pipeline, path)
    assert read_model(path).evaluation is None


@pytest.mark.parametrize("model", [LogisticRegression(), {"model": 1}, None, [CNNFeatureTransformer()]], ids=str)
def test_a_model_without_a_transformer_is_refused(model, path):
    with pytest.raises(ParameterError, match="no CNNFeatureTransformer"):
        save_model(model, path)
    assert not path.exists()


@pytest.mark.parametrize("place", [io.BytesIO(), 3, None, ["model.skops"]], ids=lambda place: type(place).__name__)
def test_a_path_of_another_kind_is_refused(place, pipeline):
    for call in (lambda: save_model(pipeline, place), lambda: load_model(place)):
        with pytest.raises(ParameterError, match=r"got path=.*; expected the path of a file"):
            call()


def test_a_path_of_bytes_is_a_path(pipeline, images, path):
    save_model(pipeline, os.fsencode(path))
    assert same(load_model(os.fsencode(path)), pipeline, images)


def test_an_evaluation_that_json_cannot_hold_is_refused(pipeline, path):
    with pytest.raises(ParameterError, match="float32 is not JSON"):
        save_model(pipeline, path, evaluation={"accuracy": np.float32(0.9)})
    assert not path.exists()


def test_loading_runs_no_pickle(path, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path.write_bytes(pickle.dumps({"featx": "{}", "model": Bomb()}))
    refusal(path)
    assert not (tmp_path / "exploded").exists()


META = {"format": 1, "version": "0", "classes": [], "specs": {}, "evaluation": None}


def test_a_file_of_a_later_format_names_the_version_to_install(path):
    path.write_bytes(skops.io.dumps({"featx": json.dumps(META | {"format": 2, "version": "9.9"}), "model": 1}))
    assert "has format 2" in refusal(path)
    assert "9.9" in refusal(path)


def test_a_truncated_or_damaged_model_is_refused_or_whole(pipeline, path):
    save_model(pipeline, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 1999):
        path.write_bytes(whole[:length])
        refusal(path)
    directory = whole.rindex(b"PK\x01\x02")
    for place in [*random.Random(0).sample(range(len(whole)), 60), directory + 6, directory + 8, directory + 10]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x6C]) + whole[place + 1 :])
        with contextlib.suppress(FeatxError):
            load_model(path)


def test_a_model_of_a_module_needs_the_same_module(images, path):
    model = make_pipeline(CNNFeatureTransformer(network(), image_size=32), LogisticRegression()).fit(images, LABELS)
    save_model(model, path)
    assert "backbone=" in refusal(path)
    assert "other weights" in refusal(path, backbone=network(seed=1))
    assert same(load_model(path, backbone=network()), model, images)


def test_a_model_of_a_module_that_is_not_understood_needs_a_key(images, path):
    def module():
        net = network()
        net.register_forward_hook(lambda m, i, o: eval("o * 2"))
        return net

    model = make_pipeline(CNNFeatureTransformer(module(), image_size=32), LogisticRegression()).fit(images, LABELS)
    with pytest.raises(ParameterError, match=r"not understand.*calls eval.*set_params\(cache_key="):
        save_model(model, path)
    assert not path.exists()
    save_model(model.set_params(cnnfeaturetransformer__cache_key="doubled"), path)
    assert same(load_model(path, backbone=module()), model, images)
    assert "other weights" in refusal(path, backbone=network(seed=1))


def test_other_embeddings_than_today_are_refused(pipeline, path):
    save_model(pipeline, path)
    content = skops.io.load(path, trusted=["featx.CNNFeatureTransformer"])
    meta = json.loads(content["featx"])
    meta["specs"]["cnnfeaturetransformer"]["preprocessing"] = "other"
    path.write_bytes(skops.io.dumps({**content, "featx": json.dumps(meta)}))
    assert "preprocessing was 'other'" in refusal(path)


@pytest.mark.parametrize("place", ["missing/model.skops", "."])
def test_a_place_that_cannot_be_written_is_named(pipeline, tmp_path, place):
    with pytest.raises(ModelFileError, match="cannot write"):
        save_model(pipeline, tmp_path / place)


def test_a_write_that_fails_leaves_the_old_model(pipeline, path, images, monkeypatch):
    save_model(pipeline, path)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    for target in ("os.replace", "pathlib.Path.write_bytes"):
        with monkeypatch.context() as patched:
            patched.setattr(target, full)
            with pytest.raises(ModelFileError, match="No space left"):
                save_model(pipeline, path)
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.glob("*model.skops*")] == ["model.skops"]
