"""Pass one image through a traced network, and keep its outputs and the shapes of all nodes, by which it is fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx

from ..process import remember

__all__ = ["TracedPass", "traced_pass"]


@dataclass(frozen=True)
class TracedPass:
    """What a network makes of one image: what every fused graph of it is made by and compared with.

    Attributes
    ----------
    example : Tensor of float32, shape (1, c, h, w)
    outputs : dict of str to Tensor
        What the network returns, in float32.
    shapes : dict of str to torch.Size
        Those of the nodes that return a tensor, by their names.
    """

    example: Tensor
    outputs: dict[str, Any]
    shapes: dict[str, torch.Size]  # by names: the nodes themselves would keep the network


# The last one of each network, since two precisions are fused one after the other.
_passes: WeakKeyDictionary[fx.GraphModule, TracedPass] = remember("networks", WeakKeyDictionary())


def traced_pass(network: fx.GraphModule, example: Tensor) -> TracedPass:
    """Pass an image through a network; or return the pass of another image of that size, if it was the last one.

    Parameters
    ----------
    network : fx.GraphModule
        In evaluation mode.
    example : Tensor of float32, shape (1, c, h, w)
    """
    known = _passes.get(network)
    if known is not None and (known.example.shape, known.example.device) == (example.shape, example.device):
        return known
    shapes = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if isinstance(result, Tensor):
                shapes[n.name] = result.shape
            return result

    recorder = Recorder(network)
    # The errors of a layer keep their text.
    recorder.extra_traceback = False
    example = example.clone()
    with torch.autocast(example.device.type, enabled=False):
        outputs = recorder.run(example.clone())
    _passes[network] = found = TracedPass(example, outputs, shapes)
    return found
