"""A frozen network as an ONNX graph: from normalised images to embeddings, by torch's exporter.

torch.export's exporter (``dynamo=True``) is used, since the older one, which follows TorchScript, is deprecated.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..exceptions import BackboneError, LayerError
from ..networks.backbone import BackboneSource
from ..networks.pooling import View, pool
from ..torch_modules.graphs import feature_extractor
from ..torch_modules.output_parts import read_node, tensor_of
from .graph_writer import OPSET

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["network_graph"]


class _Embedding(nn.Module):
    """The layers of a network up to a view's, and its pooling."""

    def __init__(self, source: BackboneSource, view: View) -> None:
        super().__init__()
        self.module = source.fresh().float().requires_grad_(False)
        self.architecture, self.name, self.view = source.architecture, source.name, view
        self.node = self.architecture.node(view.layer)
        self.read = read_node(self.node, self.module)
        self.layers = feature_extractor(self.module, [self.read], name=self.name)

    def forward(self, images: Tensor) -> Tensor:
        output = tensor_of(self.layers(images)[self.read], self.node, self.read, name=self.name)
        last = self.architecture.is_channels_last(self.node)
        return pool(output, self.view.pooling, channels_last=last, prefix_tokens=self.architecture.prefix_tokens)


def network_graph(source: BackboneSource, view: View) -> ModelProto:
    """Return a model from normalised images, float32 (n, 3, crop, crop), to embeddings, float32 (n, d).

    Parameters
    ----------
    source : BackboneSource
    view : View

    Raises
    ------
    BackboneError
        If torch cannot export the network.
    LayerError
        If it has no such layer.
    """
    network = _Embedding(source, view).eval()
    side = source.preprocessing.crop
    # Of one image, an exporter may take the number of images for a constant.
    images = torch.zeros(2, 3, side, side)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
                opset_version=OPSET,
                input_names=["images"],
                output_names=["embeddings"],
                external_data=False,
                verbose=False,
            )
    except LayerError:
        raise
    except Exception as error:  # exporters raise whatever the network leads them to
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise BackboneError(
            f"torch cannot write {source.name} as ONNX: {reason:.200}", "Export a model of another network."
        ) from error
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the exporter and its libraries print and warn of, which concerns their own code."""
    names = ("torch.onnx", "onnxscript", "onnx_ir")
    levels = [(log, log.level) for log in map(logging.getLogger, names)]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for log, _ in levels:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in levels:
                log.setLevel(level)
