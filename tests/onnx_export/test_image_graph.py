"""Images in the graph: the pixels are those that featx gives a network, to one level of 255."""

import dataclasses

import numpy as np
import pytest

from featx.images.preprocessing import IMAGENET
from featx.onnx_export.check_images import built_in_images
from featx.onnx_export.graph_writer import GraphWriter
from featx.onnx_export.image_graph import normalised, resized
from onnx_files import onnx, onnxruntime, run


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    sizes = [(1, 1), (1, 300), (301, 2), (37, 53), (36, 36), (500, 333), (333, 700), (64, 65)]
    noise = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return noise + [image for image in built_in_images(64) if image.size < 10**6][:30]


def session(preprocessing):
    graph = GraphWriter()
    graph.name_output(resized(graph, "image", preprocessing), "pixels")
    image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["n", "height", "width", 3])
    pixels = onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, ["n", 3, None, None])
    model = graph.model([image], [pixels], name="pixels", text="")
    return onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("mode", "crop", "resize"), [("crop", 32, 36), ("squash", 33, 36), ("crop", 41, 36)])
def test_pixels_are_those_of_featx(mode, crop, resize, interpolation, images):
    how = dataclasses.replace(IMAGENET, mode=mode, crop=crop, resize=resize, interpolation=interpolation)
    found = session(how)
    differing = []
    for image in images:
        pixels = found.run(None, {"image": np.stack([image, 255 - image])})[0]
        expected = np.stack([how.apply(image).numpy(), how.apply(255 - image).numpy()])
        assert pixels.shape == expected.shape
        assert np.abs(pixels - expected).max() <= 1
        differing.append(np.mean(pixels != expected))
    # Other kinds of processors round in another order.
    assert np.mean(differing) < 0.01


def test_normalisation_is_that_of_featx():
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 5)).astype(np.uint8)
    graph = GraphWriter()
    found = run(graph, normalised(graph, "pixels", IMAGENET), ndim=4, pixels=np.float32(pixels))
    np.testing.assert_allclose(found, IMAGENET.normalise(torch.from_numpy(pixels)).numpy(), rtol=1e-5, atol=1e-6)
