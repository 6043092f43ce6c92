"""Find one tensor in the output of a network by its name, such as `output.logits` or `output.0`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..exceptions import LayerError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["OUTPUT", "plain_values", "read_node", "tensor_of"]

OUTPUT = "output"


def read_node(node: str, module: nn.Module) -> str:
    """Return the node to read for a layer: the output itself for a part of it, unless a submodule has that name."""
    is_part = node.startswith(f"{OUTPUT}.") and OUTPUT not in dict(module.named_children())
    return OUTPUT if is_part else node


def tensor_of(value: Any, node: str, read: str, *, name: str) -> Any:
    """Return the tensor that a layer names in the value of a node.

    Parameters
    ----------
    value : object
        The output of the node `read`.
    node, read : str
        The layer, and the result of `read_node` for it.
    name : str
        The network's name, for messages.

    Raises
    ------
    LayerError
        If there is no such part, or it is not a tensor of real numbers; names the parts that are.
    """
    import torch

    for part in node.removeprefix(read).split(".")[1:]:
        parts = _parts(value)
        if part not in parts:
            hint = nearest(part, parts) or f"It has {', '.join(parts)}." if parts else "It has no parts."
            raise LayerError(f"the output of {name} has no part {part!r}", hint)
        value = parts[part]
    if not isinstance(value, torch.Tensor):
        tensors = [key for key, part in _flat(value, read if read == OUTPUT else "").items() if key]
        step = "Choose another layer."
        if read == OUTPUT and tensors:
            step = f"Choose one of its tensors as the layer: {', '.join(repr(key) for key in tensors[:8])}."
        elif tensors:
            step = f"It holds tensors ({', '.join(tensors[:8])}); choose a layer after or inside it."
        raise LayerError(f"layer {node!r} of {name} gives an object of type {type(value).__name__}, not a tensor", step)
    kind, step = _kind(value)
    if kind:
        raise LayerError(f"layer {node!r} of {name} gives a {kind} tensor", step)
    if value.is_complex() or value.dtype == torch.bool:
        raise LayerError(
            f"layer {node!r} of {name} gives {str(value.dtype).removeprefix('torch.')}, not real numbers",
            "Choose another layer, or let the module return real numbers, such as torch.view_as_real(x).flatten(1).",
        )
    return value


def plain_values(tensor: Tensor) -> Tensor:
    """Return a tensor's values in one row of float32 on the CPU, whatever its layout; an empty row if it has none."""
    import torch

    if tensor.is_meta:
        return torch.zeros(0)
    if tensor.is_nested:
        return torch.cat([torch.zeros(0), *map(plain_values, tensor.unbind())])
    tensor = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
    tensor = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    return tensor.float().cpu().reshape(-1)


def _kind(value: Any) -> tuple[str, str]:
    """Return the kind of a tensor whose values cannot be pooled, and the next step; empty for other tensors."""
    step = "Choose another layer, or let the module return"
    if value.is_quantized:
        return "quantized", f"{step} x.dequantize()."
    if value.is_nested:
        return "nested", f"{step} x.to_padded_tensor(0.0)."
    return "", ""


def _parts(value: Any) -> dict[str, Any]:
    """Return the parts of a dictionary, a tuple or a dataclass, by key, position or field."""
    if isinstance(value, Mapping):
        return {str(key): part for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, tuple | list):
        return {str(number): part for number, part in enumerate(value)}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {}


def _flat(value: Any, place: str, depth: int = 3) -> dict[str, Any]:
    """Return the tensors in nested dictionaries, tuples and dataclasses, by the names that lead to them."""
    import torch

    if isinstance(value, torch.Tensor):
        return {place: value}
    found: dict[str, Any] = {}
    for key, part in _parts(value).items() if depth else ():
        found |= _flat(part, f"{place}.{key}" if place else key, depth - 1)
    return found
