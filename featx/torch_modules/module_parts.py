"""List the tensors, children, hooks and attributes that an nn.Module computes with, each once and in a fixed order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .code_facts import plain_text

__all__ = ["TOKEN", "Child", "Parts", "global_hooks", "is_dense", "module_children", "state_digest", "tensor_bytes"]

# The attribute that marks a module that is not understood, and its copies: copying and pickling keep it.
TOKEN = "_featx_token"
# Attributes that PyTorch keeps for gradients, for saving and for calling, and those that `eval` sets.
_BOOKKEEPING = frozenset(
    [
        TOKEN,
        "training",
        "_parameters",
        "_buffers",
        "_modules",
        "_non_persistent_buffers_set",
        "_backward_hooks",
        "_backward_pre_hooks",
        "_is_full_backward_hook",
        "_forward_hooks",
        "_forward_pre_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks_with_kwargs",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
        "_compiled_call_impl",
    ]
)
# Attributes of a traced graph besides the code that was generated from it, which its class has.
_OF_GRAPHS = frozenset(
    [
        "_graph",
        "_code",
        "_tracer_cls",
        "_tracer_extras",
        "meta",
        "_replace_hooks",
        "_create_node_hooks",
        "_erase_node_hooks",
        "_deepcopy_hooks",
        "shape_env",
        "_lineno_map",
        "_prologue_start",
        "_source_to_user_stacks",
    ]
)


@dataclass(frozen=True)
class Child:
    """A value inside another.

    Attributes
    ----------
    label : str
    value : object
    role : str, default=""
        "called" where code may call it.
    outside : str, default=""
        The name of the variable outside the module that holds it; empty for a value inside.
    shown : bool, default=True
        Whether the label helps a person to find it.
    """

    label: str
    value: Any
    role: str = ""
    outside: str = ""
    shown: bool = True


@dataclass
class Parts:
    """The parts that a value consists of.

    Attributes
    ----------
    text : str
    children : list of Child
        In an order that does not depend on the process.
    members : list of (str, object)
        Of a class: members that count only if code names them.
    unknown : str
        Why the value is not understood; empty if it is.
    unordered : bool
        Whether the order of the children depends on the process, as that of a set does.
    """

    text: str
    children: list[Child] = field(default_factory=list)
    members: list[tuple[str, Any]] = field(default_factory=list)
    unknown: str = ""
    unordered: bool = False


def module_children(module: nn.Module) -> Iterator[Child]:
    """Yield everything that a module computes with.

    Parameters and children come in their order, which containers rely on; other attributes are sorted by name.
    """
    if isinstance(module, torch._dynamo.eval_frame.OptimizedModule):
        yield Child("compiled", module._orig_mod, shown=False)
        return
    for kind in ("_parameters", "_buffers", "_modules"):
        for name, value in vars(module)[kind].items():
            yield Child(f"{name}", value)
    yield from _hooks(module)
    skipped = _BOOKKEEPING | (_OF_GRAPHS if isinstance(module, torch.fx.GraphModule) else frozenset())
    if isinstance(module, nn.RNNBase):  # the parameters once more
        skipped = skipped | {"_flat_weights", "_flat_weight_refs"}
    for name, value in sorted(vars(module).items()):
        if name not in skipped:
            yield Child(name, value, "called" if callable(value) else "")


def _hooks(module: nn.Module) -> Iterator[Child]:
    for when, hooks, flags in (
        ("pre-hook", module._forward_pre_hooks, (module._forward_pre_hooks_with_kwargs,)),
        ("hook", module._forward_hooks, (module._forward_hooks_with_kwargs, module._forward_hooks_always_called)),
    ):
        # The keys of hooks are numbered over the whole process.
        for place, (number, hook) in enumerate(hooks.items()):
            yield Child(f"{when} {place}", hook, "called")
            yield Child(f"{when} {place} options", tuple(number in known for known in flags), shown=False)


def global_hooks() -> list[Any]:
    """Return the hooks that PyTorch calls for every module of the process."""
    known = nn.modules.module
    return [*known._global_forward_pre_hooks.values(), *known._global_forward_hooks.values()]


def is_dense(value: Tensor) -> bool:
    """Tell whether a tensor has plain values: it is not sparse, quantised, nested, or without values."""
    return (
        not value.is_nested
        and value.layout == torch.strided
        and not (
            value.is_quantized or value.is_meta or isinstance(value, nn.UninitializedParameter | nn.UninitializedBuffer)
        )
    )


def tensor_bytes(value: Tensor) -> memoryview:
    """Return the bytes of the values of a dense tensor, in row-major order."""
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    if not plain.numel():
        return memoryview(b"")
    return plain.reshape(-1).view(torch.uint8).numpy().data


def state_digest(module: nn.Module) -> str:
    """Return the SHA-256 of a module's tensors and of its plain attributes, without any code."""
    checksum = hashlib.sha256()
    for path, part in module.named_modules():
        for child in module_children(part):
            if isinstance(child.value, Tensor) and is_dense(child.value):
                text = f"{child.value.dtype} {tuple(child.value.shape)}"
                checksum.update(f"{path}.{child.label} {text}".encode())
                checksum.update(tensor_bytes(child.value))
            elif child.shown and (plain := plain_text(child.value)) is not None:
                checksum.update(f"{path}.{child.label} {plain}".encode("utf-8", "surrogatepass"))
    return checksum.hexdigest()
