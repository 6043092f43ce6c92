"""Promised: a file that cannot be a model, or whose references expand, is refused before it is loaded."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, load_model, save_model
from featx.exceptions import ModelFileError
from saved_models import add, edited, literal, nodes, refusal

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8)).astype(np.float32)
Y = np.repeat([0, 1, 2], 20)


def reference(number):
    return {"__class__": "list", "__module__": "builtins", "__loader__": "CachedNode", "__id__": number}


def collection(number, *content):
    return {**reference(number), "__loader__": "ListNode", "content": list(content)}


def laughs(depth, second=reference):
    """Return lists that hold the next one twice, the second time by a reference."""
    node = collection(1, literal(1))
    for number in range(2, depth):
        node = collection(number, node, second(number - 1))
    return node


# Where a number has two meanings, skops takes the one that it meets first.
TWICE = {
    "references": lambda: laughs(60),
    "numbers": lambda: laughs(60, lambda number: collection(number)),
    "itself": lambda: collection(1, reference(1)),
    "each other": lambda: collection(1, collection(2, reference(1)), reference(2)),
    "unknown": lambda: collection(1, reference(9)),
}


@pytest.mark.parametrize("name", TWICE)
def test_references_that_expand_without_end_are_refused(name, tiny, path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, Y)), path)
    edited(path, lambda schema: add(next(nodes(schema, "LogisticRegression")), "more", TWICE[name]()))
    # skops before 0.16 names `list` as a type that is not trusted.
    with pytest.raises(ModelFileError, match=r"not a featx model, or it is damaged|builtins\.list"):
        load_model(path)


def test_a_reference_or_two_are_read(tiny, path):
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    save_model(make_pipeline(features, LogisticRegression().fit(X, Y)), path)
    edited(path, lambda schema: add(next(nodes(schema, "LogisticRegression")), "more", laughs(5)))
    assert load_model(path)[1].more == [[[[1], [1]], [[1], [1]]], [[[1], [1]], [[1], [1]]]]


def test_a_pipe_is_no_model_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.skops")
    with pytest.raises(ModelFileError, match="not a regular file"):
        load_model(tmp_path / "model.skops")


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
    # Archives hold the time, and so make another name in every process.
    ids=[
        "empty",
        "two bytes",
        "all bytes",
        "archive",
        "not json",
        "list",
        "object",
        "pickle",
        "head",
        "skops list",
        "no meta",
        "number",
        "no specs",
        "spec list",
        "empty spec",
        "spec number",
    ],
)
def test_a_file_that_is_no_model_is_refused(path, content):
    path.write_bytes(content)
    assert "not a featx model" in refusal(path)
