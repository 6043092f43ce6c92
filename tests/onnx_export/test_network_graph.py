"""Networks in the graph: layers and poolings, batches of any number of images, networks that torch cannot export."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import resolve_backbone
from featx.exceptions import BackboneError
from featx.onnx_export.network_graph import network_graph
from onnx_files import VIEW, onnxruntime, written_once


def test_embeddings_are_those_of_featx():
    source = resolve_backbone("small_cnn", weights=None, image_size=32)
    view = source.view(*VIEW.values())  # test_export.py has the last layer
    session = onnxruntime.InferenceSession(written_once().SerializeToString())
    for count in (1, 3):
        pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.manual_seed(count))
        images = source.preprocessing.normalise(pixels).contiguous().numpy()
        (expected,) = source.load("cpu").embed(pixels, [view], preprocessing=source.preprocessing)
        np.testing.assert_allclose(session.run(None, {"images": images})[0], expected.numpy(), rtol=1e-3, atol=1e-5)


class Sorting(nn.Module):
    """Does what has no operator in ONNX."""

    def forward(self, x):
        return torch.linalg.svdvals(x).flatten(1)


def test_a_network_that_cannot_be_written_is_named():
    source = resolve_backbone(Sorting(), weights="DEFAULT", image_size=32)
    with pytest.raises(BackboneError, match=r"torch cannot write \S*Sorting as ONNX"):
        network_graph(source, source.view("output", "auto"))
