"""Models that are written as ONNX files, and what onnxruntime answers with a graph of a few operators."""

import functools

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, make_head
from featx.onnx_export import export
from featx.onnx_export.export import OLDEST_TORCH
from featx.onnx_export.network_graph import network_graph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytest.importorskip("torch", minversion=".".join(map(str, OLDEST_TORCH)))

NETWORK = {"backbone": "small_cnn", "weights": None, "image_size": 32, "precision": "float32", "cache": None}
VIEW = {"layer": "block4", "pooling": "gem"}


@functools.cache
def written_once():
    """Return the ONNX graph of the view of the tiny network that VIEW names, which takes a second to write."""
    model = fitted(make_head("ridge", grid={"alpha": [1.0]}), **VIEW)
    return network_graph(model[0].source(), model[0].view())


@pytest.fixture(scope="module")
def written_network():
    """Have that graph taken by tests that are about what surrounds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "network_graph", lambda source, view: written_once())
        yield


def run(graph, output, ndim=2, **inputs):
    """Return what a graph gives for arrays as its inputs."""
    graph.name_output(output, "found")
    types = {np.dtype(np.uint8): onnx.TensorProto.UINT8, np.dtype(np.float32): onnx.TensorProto.FLOAT}
    given = [onnx.helper.make_tensor_value_info(name, types[array.dtype], [None] * array.ndim)
             for name, array in inputs.items()]  # fmt: skip
    found = [onnx.helper.make_tensor_value_info("found", onnx.TensorProto.FLOAT, [None] * ndim)]
    model = graph.model(given, found, name="graph", text="A test.")
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)[0]


def fitted(head, n_classes=3, count=24, **options):
    """Return a fitted pipeline of a tiny network, and its images."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % n_classes
    X = rng.integers(0, 120, (count, 24, 24, 3))
    X[np.arange(count), :, :, y % 3] += 100
    labels = np.array([f"class {number}" for number in y])
    return make_pipeline(CNNFeatureTransformer(**{**NETWORK, **options}), head).fit(X.astype(np.uint8), labels)
