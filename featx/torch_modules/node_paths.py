"""Trace a module with torch.fx, and name each node by its path in the module, as torchvision's feature extractors do.

`torchvision.models.feature_extraction` has a tracer of that name and the same rules, but loading torchvision takes as
long as loading torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import fx, nn

__all__ = ["NodePathTracer"]

# A name that torch.fx, or a user, has numbered.
NUMBERED = re.compile(r"(.+)_[0-9]+$")


class NodePathTracer(fx.Tracer):
    """A tracer that also has the path of each node: the submodules that lead to it, and its own name.

    The second node of a path has the suffix ``_1``, and so on.

    Attributes
    ----------
    node_to_qualname : dict of fx.Node to str
        In the order in which the nodes were traced.
    """

    def __init__(self) -> None:
        super().__init__()
        self.node_to_qualname: dict[fx.Node, str] = {}
        self._path = ""
        # The latest name of each path, with its number if it has one.
        self._latest: dict[str, str] = {}

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Trace through a submodule, or make one node of a leaf, and know its path meanwhile."""
        outer, self._path = self._path, self.path_of_module(m)
        try:
            if not self.is_leaf_module(m, self._path):
                return forward(*args, **kwargs)
            return self.create_proxy("call_module", self._path, args, kwargs)
        finally:
            self._path = outer

    def create_proxy(self, kind: str, target: Any, *args: Any, **options: Any) -> fx.Proxy:
        """Make a node, and note its name."""
        proxy = super().create_proxy(kind, target, *args, **options)
        self.node_to_qualname[proxy.node] = self._name(proxy.node)
        return proxy

    def _name(self, node: fx.Node) -> str:
        path = self._path
        if node.op != "call_module":
            path = f"{path}.{node}" if path else str(node)
        # The number that torch.fx gives counts all nodes; that of a path counts those of the path.
        path = _unnumbered(path)
        if (latest := self._latest.get(path)) is None:
            name = path
        else:
            name = f"{path}_{1 if latest == path else int(latest.rpartition('_')[2]) + 1}"
        self._latest |= {name: name, _unnumbered(name): name}
        return name


def _unnumbered(name: str) -> str:
    found = NUMBERED.match(name)
    return name if found is None else found[1]
