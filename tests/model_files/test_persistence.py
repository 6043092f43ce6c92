"""Promised: a model file gives the same predictions anywhere, runs nothing, and is refused where it does not fit."""

import contextlib
import functools
import io
import json
import operator
import os
import pickle
import random
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from featx import HEADS, CNNFeatureTransformer, EmbeddingCache, load_model, save_model
from featx.exceptions import FeatxError, ModelFileError, ParameterError, WeightsError
from featx.heads.nested_cv import evaluate_heads
from featx.model_files.persistence import read_model
from featx.model_files.trusted_types import trusted_types

RNG = np.random.default_rng(0)
LABELS = np.array(20 * ["cat", "dog"])


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    paths = [str(folder / f"{number}.png") for number in range(40)]
    for number, path in enumerate(paths):
        Image.fromarray(RNG.integers(128 * (number % 2), 128 + 128 * (number % 2), (8, 8, 3), dtype=np.uint8)).save(
            path
        )
    return paths


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def pipeline(tiny, images):
    return make_pipeline(CNNFeatureTransformer(**tiny, precision="float32"), LogisticRegression()).fit(images, LABELS)


def network(seed=0):
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 2))


def same(a, b, X):
    return np.array_equal(a.predict_proba(X), b.predict_proba(X))


def refusal(path, error=ModelFileError, **options):
    with pytest.raises(error) as caught:
        load_model(path, **options)
    assert str(path) in str(caught.value) or error is not ModelFileError
    assert caught.value.next_step
    assert not caught.value.message.endswith(".")
    return str(caught.value)


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


def test_what_belongs_to_the_machine_stays_behind(tiny, images, path, tmp_path):
    local = {"cache": EmbeddingCache(tmp_path / "secret"), "device": "cpu", "n_jobs": 2, "batch_size": 7}
    transformer = CNNFeatureTransformer(**tiny, **local, on_error="skip", verbose=True)
    model = make_pipeline(transformer, LogisticRegression()).fit(images, LABELS)
    save_model(model, path)
    loaded = load_model(path)[0].get_params()
    assert [loaded[key] for key in (*local, "verbose")] == ["auto", "auto", None, "auto", False]
    assert b"secret" not in b"".join(zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist())
    assert model[0].cache is local["cache"]
    assert model[0].n_jobs == 2


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


def test_a_step_that_cannot_be_copied_is_named(pipeline, path):
    step = FunctionTransformer()
    step.numbers = (number for number in "123")
    pipeline.steps.insert(1, ("mine", step))
    with pytest.raises(ModelFileError, match="the step 'mine', FunctionTransformer, cannot be copied: cannot pickle"):
        save_model(pipeline, path)


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


class Custom(LogisticRegression):
    pass


TRAPS = {
    "function": (FunctionTransformer(os.system), "posix.system|nt.system"),
    "partial": (FunctionTransformer(functools.partial(os.system, "echo")), "functools.partial"),
    "methodcaller": (operator.methodcaller("system", "echo"), "operator.methodcaller"),
    "class": (Custom(), r"test_persistence.Custom"),
    "array": (np.array([FunctionTransformer(eval)], dtype=object), "builtins.eval"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_types_that_are_not_trusted_are_refused(name, pipeline, path):
    trap, named = TRAPS[name]
    save_model(pipeline, path)
    content = skops.io.load(path, trusted=trusted_types())
    content["model"].steps.insert(1, ("trap", trap))
    path.write_bytes(skops.io.dumps(content))
    message = refusal(path)
    assert "does not trust" in message
    assert re.search(named, message)


@pytest.mark.parametrize("name", TRAPS)
def test_what_could_not_be_loaded_is_refused_at_saving_with_the_name_of_the_step(name, pipeline, path):
    trap, named = TRAPS[name]
    save_model(pipeline, path)
    before = path.read_bytes()
    pipeline.steps.insert(1, ("trap", trap))
    with pytest.raises(ModelFileError, match=named) as caught:
        save_model(pipeline, path)
    step = "the step 'trap', " if isinstance(trap, BaseEstimator) else "the model, Pipeline, "
    assert caught.value.message.startswith(step)
    assert "trusted=[" in caught.value.next_step
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.glob("*model.skops*")] == ["model.skops"]


def test_loading_runs_no_pickle(path, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path.write_bytes(pickle.dumps({"featx": "{}", "model": Bomb()}))
    refusal(path)
    assert not (tmp_path / "exploded").exists()


def test_a_missing_file_and_a_folder_are_named(path, tmp_path):
    assert "No such file" in refusal(path)
    assert "is a folder" in refusal(tmp_path)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, text in members.items():
            file.writestr(name.replace("_", "."), text)
    return stream.getvalue()


META = {"format": 1, "version": "0", "classes": [], "specs": {}, "evaluation": None}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        bytes(range(256)) * 9,
        archive(readme_txt="no model"),
        archive(schema_json="not json"),
        archive(schema_json="[]"),
        archive(schema_json="{}"),
        pickle.dumps(LogisticRegression()),
        skops.io.dumps(LogisticRegression()),
        skops.io.dumps([1, 2]),
        skops.io.dumps({"featx": "[]", "model": 1}),
        skops.io.dumps({"featx": json.dumps(META), "model": 5}),
        skops.io.dumps({"featx": json.dumps(META), "model": LogisticRegression()}),
        skops.io.dumps({"featx": json.dumps(META | {"specs": []}), "model": LogisticRegression()}),
        skops.io.dumps({"featx": json.dumps(META | {"specs": {"": {}}}), "model": CNNFeatureTransformer()}),
        skops.io.dumps({"featx": json.dumps(META | {"specs": {"": 3}}), "model": CNNFeatureTransformer()}),
    ],
)
def test_a_file_that_is_no_model_is_refused(path, content):
    path.write_bytes(content)
    assert "not a featx model" in refusal(path)


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


@pytest.fixture
def own_weights(tmp_path, images, path):
    """A weights file, beside the model that was saved with it."""
    from torchvision.models import squeezenet1_1

    file = tmp_path / "own.pth"

    def write(seed):
        torch.manual_seed(seed)
        torch.save(squeezenet1_1(weights=None).state_dict(), file)

    write(0)
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=os.path.relpath(file), image_size=32)
    save_model(make_pipeline(transformer, LogisticRegression()).fit(images, LABELS), path)
    return file, write


def test_weights_of_a_relative_path_are_found_from_elsewhere(own_weights, path, images, monkeypatch):
    monkeypatch.chdir("/")
    assert set(load_model(path).predict(images)) <= {"cat", "dog"}


def test_weights_that_changed_are_refused_with_the_reason(own_weights, path):
    own_weights[1](1)
    message = refusal(path)
    assert "other weights of squeezenet1_1" in message
    assert "then" in message
    assert "now" in message


def test_weights_that_are_gone_are_named(own_weights, path):
    own_weights[0].unlink()
    assert str(own_weights[0]) in refusal(path, error=WeightsError)


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
