"""The writer of graphs: names of tensors, types of constants, graphs that are joined."""

import numpy as np

from featx.onnx_export.graph_writer import GraphWriter
from onnx_files import onnx, run


def test_numbers_and_arrays_become_constants_of_their_types():
    graph = GraphWriter()
    values = {"INT64": 5, "FLOAT": 0.5, "DOUBLE": np.float64(0.5)}
    names = {graph.constant(value): kind for kind, value in values.items()}
    found = {tensor.name: onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in graph.constants}
    assert found == names


def test_equal_constants_are_kept_once():
    graph = GraphWriter()
    assert graph.constant(np.array([1, 2])) == graph.constant(np.array([1, 2]))
    assert graph.constant(np.array([1, 2])) != graph.constant(np.array([[1, 2]]))
    assert len(graph.constants) == 2


def test_a_graph_is_joined_under_names_of_its_own():
    inner = GraphWriter()
    inner.name_output(inner.add("Mul", "x", np.float32(3)), "y")
    float_ = onnx.TensorProto.FLOAT
    ends = [[onnx.helper.make_tensor_value_info(name, float_, ["n"])] for name in "xy"]
    model = inner.model(*ends, name="inner", text="")
    graph = GraphWriter()
    tensor = graph.add("Add", "x", np.float32(1))
    for part in ("first", "second"):
        graph.part = part
        tensor = graph.join(model, tensor)
    assert run(graph, tensor, ndim=1, x=np.float32([1, 2])).tolist() == [18, 27]


def test_texts_keep_every_letter():
    graph = GraphWriter()
    graph.texts(["Käse", "naïve", "犬"])
    assert [text.decode() for text in graph.constants[0].string_data] == ["Käse", "naïve", "犬"]
