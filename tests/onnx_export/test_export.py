"""Promised: one ONNX file answers as featx predicts, where featx and torch are not installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import featx
from featx import export_onnx, make_head, save_model
from featx.exceptions import MissingDependencyError, ModelFileError, ParameterError
from featx.onnx_export import export
from featx.onnx_export.network_graph import network_graph
from onnx_files import VIEW, fitted, onnx, onnxruntime, written_network  # noqa: F401
from trainings import classifier, coloured

PAGE = (Path(__file__).parents[2] / "docs" / "tasks" / "predict.md").read_text(encoding="utf-8")
# As Pillow rotates a photograph that was taken upright.
ORIENTATION, ROTATED = 0x112, 6


@pytest.fixture(scope="module")
def model():
    return fitted(make_head("linear_svm", grid={"C": [0.01]}), **VIEW)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory, written_network):  # noqa: F811
    """Return a model file, the ONNX file that is made of it, and what its export told."""
    folder = tmp_path_factory.mktemp("exported")
    metric = {"value": 0.9, "low": 0.8, "high": 0.95}
    save_model(model, folder / "m.skops", evaluation={"n_test": 24, "metrics": {"accuracy": metric}})
    return folder / "m.skops", folder / "m.onnx", export_onnx(folder / "m.skops", folder / "m.onnx", top=2)


def test_the_file_says_what_it_is(exported):
    _, path, result = exported
    written = onnx.load(path)
    known = {entry.key: entry.value for entry in written.metadata_props}
    assert json.loads(known["classes"]) == ["class 0", "class 1", "class 2"]
    assert known["featx_version"] == featx.__version__
    assert known["weights_licence"] == "none: begun from random weights"
    assert json.loads(known["figures"])["metrics"]["accuracy"] == {"value": 0.9, "low": 0.8, "high": 0.95}
    assert json.loads(known["compared_with_featx"])["largest_difference"] == result.largest_difference
    assert (result.n_images, result.n_differing, result.tolerance) == (64, 0, 1e-3)
    assert result.largest_difference < 1e-3
    assert result.n_bytes == path.stat().st_size
    (image,) = onnxruntime.InferenceSession(path).get_inputs()
    assert (image.name, image.shape, image.type) == ("image", ["n", "height", "width", 3], "tensor(uint8)")


def test_classes_come_with_the_most_probable_first(exported, model):
    session = onnxruntime.InferenceSession(exported[1])
    batch = np.random.default_rng(5).integers(0, 256, (4, 31, 45, 3), dtype=np.uint8)
    probabilities, classes, shown = session.run(None, {"image": batch})
    np.testing.assert_allclose(probabilities, model.predict_proba(batch), atol=1e-3)
    order = np.argsort(-probabilities, axis=1)[:, :2]
    assert classes.tolist() == [[f"class {number}" for number in row] for row in order]
    np.testing.assert_array_equal(shown, np.take_along_axis(probabilities, order, axis=1))


def test_the_script_of_the_page_needs_neither_featx_nor_torch(exported, model, tmp_path):
    script = re.search(r"```python\n(import sys\n.*?onnxruntime.*?)```", PAGE, re.DOTALL)[1]
    assert len(script.strip().splitlines()) <= 15
    pixels = np.random.default_rng(6).integers(0, 256, (37, 50, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = ROTATED
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    barred = "import sys\nsys.modules |= dict.fromkeys(['featx', 'torch', 'torchvision', 'sklearn'])\n"
    command = [sys.executable, "-c", barred + script, str(exported[1]), str(tmp_path / "turned.png")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = model.predict_proba([str(tmp_path / "turned.png")])[0]
    name, *found = run.stdout.split(maxsplit=1)
    assert name == str(tmp_path / "turned.png")
    pairs = re.findall(r"(class \d) ([\d.]+) %", found[0])
    assert pairs[0][0] == f"class {expected.argmax()}"
    for label, percent in pairs:
        assert float(percent) / 100 == pytest.approx(expected[int(label[-1])], abs=2e-3)


def test_a_finetuned_network_and_an_image_that_was_resized(tmp_path, monkeypatch):
    X, y = coloured()
    monkeypatch.setattr(export, "network_graph", network_graph)
    model = classifier(backbone="small_cnn", trainable_stages="all", epochs=1, hidden_units=4).fit(X, y)
    found = export_onnx(model, tmp_path / "m.onnx", input="resized", precision="float16")
    assert found.path == str(tmp_path / "m.resized.onnx")
    assert (found.tolerance, found.precision) == (0.1, "float16")
    session = onnxruntime.InferenceSession(found.path)
    (image,) = session.get_inputs()
    assert (image.name, image.shape) == ("resized_image", ["n", 32, 32, 3])
    assert session.get_modelmeta().custom_metadata_map["input"].startswith("resized")
    pixels = model.source().preprocessing.apply(X[0]).permute(1, 2, 0).numpy()
    probabilities = session.run(["probabilities"], {"resized_image": pixels[None]})[0]
    np.testing.assert_allclose(probabilities, model.predict_proba(X[:1]), atol=0.02)


def test_a_file_that_answers_otherwise_is_not_kept(model, tmp_path, monkeypatch, written_network):  # noqa: F811
    (tmp_path / "m.onnx").write_text("an older file")
    normalised = export.normalised
    monkeypatch.setattr(export, "normalised", lambda graph, values, how: graph.add(
        "Mul", normalised(graph, values, how), np.float32(1.5)))  # fmt: skip
    with pytest.raises(ModelFileError, match=r"on 64 images a probability differs by up to [01]"):
        export_onnx(model, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "an older file"
    assert len(list(tmp_path.iterdir())) == 1


def test_values_are_refused_before_the_model_is_read(tmp_path, monkeypatch):
    for options in ({"top": 0}, {"input": "photo"}, {"precision": "bfloat16"}, {"check": "photos/"}):
        with pytest.raises(ParameterError, match=f"got {next(iter(options))}="):
            export_onnx("nosuch.skops", tmp_path / "m.onnx", **options)
    with pytest.raises(ParameterError, match=r"expected a name that ends in \.onnx"):
        export_onnx("nosuch.skops", tmp_path / "m.skops")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingDependencyError, match="needs onnxscript") as caught:
        export_onnx("nosuch.skops", tmp_path / "m.onnx")
    assert "featx[onnx]" in caught.value.next_step


def test_a_torch_that_cannot_write_networks_is_refused_before_the_model_is_read(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch, "__version__", "2.8.1+cpu")
    with pytest.raises(ModelFileError, match=r"torch 2\.8\.1\+cpu cannot write a network as ONNX") as caught:
        export_onnx("nosuch.skops", tmp_path / "m.onnx")
    assert "torch>=2.9" in caught.value.next_step
    # Not a comparison of texts: 2.10 is newer than 2.9.
    monkeypatch.setattr(torch, "__version__", "2.10.0a0+git1")
    with pytest.raises(ModelFileError, match="nosuch"):
        export_onnx("nosuch.skops", tmp_path / "m.onnx")


def test_a_head_without_a_converter_is_refused_before_the_network_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "network_graph", None)
    with pytest.raises(ModelFileError, match="without an ONNX converter: GaussianNB"):
        export_onnx(fitted(make_head("sklearn.naive_bayes:GaussianNB")), tmp_path / "m.onnx")
