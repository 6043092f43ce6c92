"""The metadata of a file: figures with intervals, and the licence of the weights where it is known."""

import json

import pytest

from featx import make_head
from featx.onnx_export.file_check import FileCheck
from featx.onnx_export.metadata import metadata, weights_licence
from featx.onnx_export.model_steps import ModelSteps
from onnx_files import fitted


@pytest.mark.parametrize(
    ("backbone", "weights", "licence"),
    [
        ("efficientnet_lite0", "DEFAULT", "Apache-2.0"),
        ("resnet50", "IMAGENET1K_V1", "torchvision"),
        ("vit_b_16", "IMAGENET1K_SWAG_LINEAR_V1", "CC-BY-NC-4.0"),
        ("resnet50", None, "none: begun from random weights"),
        ("resnet50", "mine.pth", "unknown: from a file"),
    ],
)
def test_the_licence_of_weights(backbone, weights, licence):
    assert weights_licence(backbone, weights).startswith(licence)


def test_timm_says_the_licence_of_its_weights():
    pytest.importorskip("timm")
    assert weights_licence("timm:vit_tiny_patch16_224", "DEFAULT") == "apache-2.0"


def test_figures_have_their_intervals():
    steps = ModelSteps.of(fitted(make_head("ridge", grid={"alpha": [1.0]})))
    estimate = {"value": 0.8, "low": 0.7, "high": 0.9, "reason": ""}
    evaluation = {"metrics": {"accuracy": estimate}, "n_test": 40, "candidates": [1, 2]}
    check = FileCheck(64, 1e-5, 0, 1e-3)
    found = metadata(steps, check, input="image", precision="float32", evaluation=evaluation)
    figures = json.loads(found["figures"])
    assert figures["metrics"] == {"accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}}
    assert (figures["n_test"], figures["interval"]) == (40, 0.95)
    assert json.loads(found["classes"]) == ["class 0", "class 1", "class 2"]
    assert json.loads(found["compared_with_featx"])["n_images"] == 64
    assert found["weights_digest"].startswith("random;seed=0")
    none = metadata(steps, check, input="resized", precision="float32", evaluation=None)
    assert none["figures"] == "{}"
    assert "32 x 32" in none["input"]
