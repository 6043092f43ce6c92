"""Promised: an ONNX file of a model with an operating point decides by its threshold, and probabilities stay."""

import json

import numpy as np
import pytest

from featx import ModelFileError, ThresholdClassifier, export_onnx, make_head, save_model
from featx.evaluation.thresholds import Decision
from featx.onnx_export.decision_graph import check_decisions, ranked_classes
from featx.onnx_export.graph_writer import GraphWriter
from onnx_files import fitted, onnx, onnxruntime

CLASSES = ["a", "b", "c"]


def answers(probabilities, decision, top=3):
    from onnx import TensorProto, helper

    graph = GraphWriter()
    values, numbers = ranked_classes(graph, "p", classes=CLASSES, decision=decision, top=top)
    graph.name_output(values, "values")
    graph.name_output(numbers, "numbers")
    shape = ["n", 3]
    model = graph.model(
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n", top]),
         helper.make_tensor_value_info("numbers", TensorProto.INT64, ["n", top])],
        name="test", text="",
    )  # fmt: skip
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"p": np.asarray(probabilities, np.float32)})


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.6, np.nextafter(1.0, 2.0)])
@pytest.mark.parametrize("positive", CLASSES)
def test_the_decided_class_comes_first_and_the_others_by_their_probabilities(threshold, positive):
    p = np.random.default_rng(0).dirichlet(np.ones(3), 50).astype(np.float32)
    p[0] = [1, 0, 0]
    rule = Decision(positive, threshold)
    values, numbers = answers(p, rule)
    assert np.array_equal(numbers[:, 0], rule.numbers(p, CLASSES))
    assert np.array_equal(values, np.take_along_axis(p, numbers, axis=1))
    assert (values[:, 1] >= values[:, 2]).all()


def test_without_a_threshold_the_most_probable_comes_first():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    assert np.array_equal(answers(p, None, 1)[1][:, 0], p.argmax(axis=1))


def test_a_model_with_a_threshold_is_exported(tmp_path):
    model = fitted(make_head("logistic", grid={"C": [0.01]}))
    label = model.classes_[1]
    model.steps[-1] = ("head", ThresholdClassifier.around(model[-1].head_, Decision(label, 1.5, "precision=1")))
    save_model(model, tmp_path / "m.skops")
    export_onnx(tmp_path / "m.skops", tmp_path / "m.onnx")
    known = {entry.key: entry.value for entry in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert json.loads(known["decision"]) == {"positive": label, "threshold": 1.5, "operating_point": "precision=1"}
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    images = np.random.default_rng(0).integers(0, 255, (8, 40, 40, 3), dtype=np.uint8)
    (first,) = session.run(["top_classes"], {"image": images})
    assert first[:, 0].tolist() == model.predict(list(images)).tolist()
    assert label not in first[:, 0]


def test_a_file_that_decides_otherwise_is_not_kept():
    class Session:
        def get_inputs(self):
            return [self]

        name = "image"

        def run(self, outputs, inputs):
            return np.array([[0.2, 0.5, 0.3]]), np.array([["b", "c", "a"]])

    images = [np.zeros((4, 4, 3), np.uint8)]
    check_decisions(Session(), images, CLASSES, Decision("b", 0.4))
    with pytest.raises(ModelFileError, match="does not decide as featx does"):
        check_decisions(Session(), images, CLASSES, Decision("b", 0.6))
