"""Store the weights of a network as float16 in its ONNX graph, to be computed with in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["with_half_weights"]

# Smaller tensors, such as biases, add little to a file.
LEAST = 256
# What rounding costs most: the first convolutions, and those with a filter for each channel. Both are small. With
# them in float32, the embeddings of EfficientNet-Lite0 are three times as close.
EXACT_CONVOLUTIONS = 2


def with_half_weights(model: ModelProto) -> ModelProto:
    """Return a copy of a model whose larger tensors are float16, each with an operator that makes it float32.

    Tensors with values beyond the range of float16 stay as they are, and so do those that rounding harms most.

    Parameters
    ----------
    model : ModelProto
    """
    from onnx import ModelProto, TensorProto, helper, numpy_helper

    found = ModelProto()
    found.CopyFrom(model)
    exact = _exact_tensors(found)
    casts = []
    for tensor in found.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST or tensor.name in exact:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.float", to=TensorProto.FLOAT))
    nodes = [*casts, *found.graph.node]
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found


def _exact_tensors(model: ModelProto) -> set[str]:
    """Return the names of the weights of the first convolutions and of those that work on each channel alone."""
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    alone = [node for node in convolutions if shapes.get(node.input[1], (0, 0))[1] == 1]
    return {node.input[1] for node in [*convolutions[:EXACT_CONVOLUTIONS], *alone]}
