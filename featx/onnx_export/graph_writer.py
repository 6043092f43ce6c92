"""Write an ONNX graph operator by operator, and join it with the graph of a network that torch exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["GraphWriter"]

# Of the operators that are written here, which torch's exporter writes too.
OPSET = 18
# The newest that onnxruntime 1.19 reads; onnx itself writes a newer one by default.
IR_VERSION = 10


class GraphWriter:
    """An ONNX graph to which operators are added one after another.

    Tensors are known by their names, which `add` and `constant` return. Names begin with the part of the model that
    `part` says, so that a viewer shows what is what.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.opsets: dict[str, int] = {"": OPSET}
        self.functions: list[Any] = []
        self.part = "images"
        self._count = 0
        self._known: dict[tuple[Any, ...], str] = {}

    def add(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Add an operator and return the name of its output, or the names of several.

        Parameters
        ----------
        operator : str
            Of ONNX itself.
        *inputs : str, int, float or ndarray
            Names of tensors; numbers and arrays become constants.
        outputs : int, default=1
        **attributes
            Of the operator.
        """
        from onnx import helper

        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        found = [self._name(operator) for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, names, found, name=found[0], **attributes))
        return found[0] if outputs == 1 else found

    def constant(self, value: Any) -> str:
        """Return the name of a constant: an integer is int64, a float is float32, an array keeps its type."""
        from onnx import numpy_helper

        array = np.asarray(value)
        if type(value) in (int, float):  # not those of NumPy, which are subclasses
            array = array.astype(np.int64 if isinstance(value, int) else np.float32)
        key = (array.tobytes(), array.dtype.str, array.shape)
        if key not in self._known:
            self._known[key] = self._name("constant")
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape),
                                                          self._known[key]))  # fmt: skip
        return self._known[key]

    def texts(self, values: list[str]) -> str:
        """Return the name of a constant that holds texts, shape (len(values),)."""
        from onnx import TensorProto, helper

        name = self._name("texts")
        encoded: Any = [text.encode(errors="backslashreplace") for text in values]
        self.constants.append(helper.make_tensor(name, TensorProto.STRING, [len(values)], encoded))
        return name

    def cast(self, tensor: str, kind: str) -> str:
        """Return a tensor with its values in another type: "float", "double", "int64" or "uint8"."""
        from onnx import TensorProto

        return self.add("Cast", tensor, to=getattr(TensorProto, kind.upper()))

    def join(self, model: ModelProto, tensor: str) -> str:
        """Add the graph of a model with one input and one output, and return the name of its output.

        Parameters
        ----------
        model : ModelProto
        tensor : str
            Becomes its input.
        """
        from onnx.compose import add_prefix

        model = add_prefix(model, f"{self.part}/")
        (given,), (found,) = model.graph.input, model.graph.output
        for node in model.graph.node:
            node.input[:] = [tensor if name == given.name else name for name in node.input]
        self.nodes += model.graph.node
        self.constants += model.graph.initializer
        self.functions += model.functions
        for opset in model.opset_import:
            self.opsets[opset.domain] = max(opset.version, self.opsets.get(opset.domain, 0))
        return found.name

    def model(self, inputs: list[Any], outputs: list[Any], *, name: str, text: str) -> ModelProto:
        """Return the model that has these inputs and outputs, after onnx has checked it.

        Parameters
        ----------
        inputs, outputs : list of ValueInfoProto
            An output has a name that `name_output` gave to a tensor.
        name, text : str
            Of the graph, and a description.
        """
        import onnx
        from onnx import helper

        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants, doc_string=text)
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.opsets.items()]
        model = helper.make_model(graph, opset_imports=opsets, functions=self.functions, producer_name="featx")
        model.ir_version = IR_VERSION
        model.doc_string = text
        onnx.checker.check_model(model)
        return model

    def name_output(self, tensor: str, name: str) -> None:
        """Give a tensor a name of its own, as an output of the model."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [tensor], [name], name=f"output/{name}"))

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self.part}/{what}_{self._count}"
