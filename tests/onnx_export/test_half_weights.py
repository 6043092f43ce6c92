"""Weights in float16: which are stored so, and what they are computed with."""

import numpy as np

from featx.onnx_export.graph_writer import GraphWriter
from featx.onnx_export.half_weights import with_half_weights
from onnx_files import onnx, onnxruntime


def chain():
    """Return a model of three convolutions, one of each channel, a product, and a product with large numbers."""
    rng, graph = np.random.default_rng(0), GraphWriter()
    values = "x"
    shapes = [(16, 3, 3, 3), (16, 16, 3, 3), (16, 16, 3, 3), (32, 1, 3, 3)]
    for number, shape in enumerate(shapes):
        values = graph.add("Conv", values, rng.normal(0, 0.1, shape).astype(np.float32), group=16 if number == 3 else 1)
    values = graph.add("ReduceMean", values, np.array([2, 3]), keepdims=0)
    values = graph.add("MatMul", values, rng.normal(0, 1, (32, 32)).astype(np.float32))
    values = graph.add("MatMul", values, (1e5 * rng.normal(0, 1, (32, 32))).astype(np.float32))
    graph.name_output(values, "y")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", *sides])
            for name, sides in (("x", [3, 12, 12]), ("y", [32]))]  # fmt: skip
    return graph.model(ends[:1], ends[1:], name="chain", text="")


def test_weights_are_halved_where_rounding_costs_little():
    model = chain()
    half = with_half_weights(model)
    onnx.checker.check_model(half)
    shapes = [tuple(t.dims) for t in half.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16]
    # Neither the first two convolutions, nor that of each channel, nor numbers beyond 65,504.
    assert shapes == [(16, 16, 3, 3), (32, 32)]
    assert half.ByteSize() < model.ByteSize()
    x = np.random.default_rng(1).normal(0, 1, (2, 3, 12, 12)).astype(np.float32)
    exact, rounded = (onnxruntime.InferenceSession(m.SerializeToString()).run(None, {"x": x})[0] for m in (model, half))
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).max() < 2e-3 * np.abs(exact).max()
