"""Promised: `featx export` writes one ONNX file and says how far it is from featx."""

import pytest

from commands import featx
from featx import make_head, save_model
from onnx_files import VIEW, fitted, onnxruntime, written_network  # noqa: F401


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.skops"
    save_model(fitted(make_head("ridge", grid={"alpha": [10.0]}), **VIEW), path)
    return path


def test_the_command_writes_a_file_and_says_what_was_compared(model, tmp_path, written_network):  # noqa: F811
    output = tmp_path / "m.onnx"
    found = featx("export", model, "-o", output, "--check", "sample:photos", "--top", "2")
    assert "compared with featx in float32 on 64 images: probabilities differ by up to" in " ".join(
        found.stderr.split()
    )
    assert found.stdout.startswith(f"{output}: 0.4 MB; it takes images of any size")
    assert onnxruntime.InferenceSession(output).get_outputs()[1].shape == ["n", 2]


def test_an_input_is_not_overwritten(model, tmp_path):
    before = model.read_bytes()
    assert "-o" in featx("export", model, "-o", model, code=2).stderr
    assert model.read_bytes() == before
    assert "is not a featx model" in featx("export", __file__, "-o", tmp_path / "m.onnx", code=2).stderr
