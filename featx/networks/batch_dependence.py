"""Refuse a custom module if an image's embedding depends on the other images of its batch.

Two fixed images pass through it together and one at a time. Otherwise, a cached embedding would be right only for the
batch in which it happened to be computed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..exceptions import BackboneError
from ..process import remember
from ..torch_modules.copies import light_copy, undisturbed
from ..torch_modules.running_statistics import uses_batch_statistics
from ..torch_modules.seeds import seeded
from .backbone import Backbone, BackboneSource
from .pooling import View
from .reference_outputs import fixed_images

__all__ = ["refuse_batch_dependence"]

# How far two embeddings of an image may be apart, relative to the largest value. In batches of one size the sums are
# the same. Another size may take other kernels, which round differently in half precision.
SAME_SIZE, OTHER_SIZE = 1e-3, 5e-2

_passed: set[tuple[Any, ...]] = remember("networks", set())


def refuse_batch_dependence(source: BackboneSource, views: Sequence[View]) -> None:
    """Raise a BackboneError where an image's embeddings depend on the other images of its batch.

    Networks given by name are not checked. Neither are modules that fail on a single image, such as those that take
    batches of one size only, nor those with random outputs.

    Parameters
    ----------
    source : BackboneSource
    views : sequence of (layer, pooling)
    """
    pre = source.preprocessing
    key = (source.weights_digest, source.content, pre.crop, pre.mean, pre.std, *views)
    if not source.is_custom or key in _passed:
        return
    built = source.build()
    place = next((t.device for t in (*built.parameters(), *built.buffers())), torch.device("cpu"))
    module = light_copy(built)
    backbone = Backbone(source.name, module, source.architecture, str(place), is_custom=True)

    def embed(images: Tensor, seed: int = 0) -> list[Tensor]:
        with undisturbed(module), seeded(seed, place):
            rows = backbone.embed(images, views, preprocessing=pre)
        return [(part.view(torch.bfloat16) if part.dtype == torch.int16 else part).float() for part in rows]

    first, second = fixed_images(pre.crop).split(1)
    wrong = None
    with contextlib.suppress(Exception):  # the user's code; its errors are reported when its images pass
        alone = [torch.cat(rows) for rows in zip(embed(first), embed(second), strict=True)]
        together = embed(torch.cat([first, second]))
        twins = embed(torch.cat([first, first]))
        is_quantised = any(type(part).__module__.startswith("torch.ao.") for part in module.modules())
        loose = OTHER_SIZE if is_quantised else SAME_SIZE
        for view, one, two, twin in zip(views, alone, together, twins, strict=True):
            if _are_apart(two[:1], twin[:1], loose) or _are_apart(two, one, OTHER_SIZE):
                again = embed(first, seed=1)[views.index(view)]
                if not _are_apart(again, one[:1], SAME_SIZE):
                    wrong = view
                    break
    if wrong is not None:
        raise BackboneError(*_message(source.name, wrong[0], module))
    _passed.add(key)


def _are_apart(some: Tensor, others: Tensor, tolerance: float) -> bool:
    """Tell whether two matrices differ; values that are not finite are reported elsewhere."""
    if some.shape != others.shape or not bool(torch.isfinite(some).all() & torch.isfinite(others).all()):
        return False
    largest = torch.maximum(some.abs(), others.abs()).amax() if some.numel() else torch.tensor(0.0)
    return bool(((some - others).abs() > tolerance * largest).any())


def _message(name: str, layer: str, module: nn.Module) -> tuple[str, str]:
    """Return the message and the next step of the error."""
    wrong = f"what {name} gives for an image at the layer {layer!r} depends on the other images of its batch"
    path = next((path for path, part in module.named_modules() if uses_batch_statistics(part)), None)
    if path is None:
        return wrong, (
            "Let its forward compute each image by itself, with no mean, norm or softmax over the first axis, or "
            "choose a layer before that."
        )
    kind = type(module.get_submodule(path)).__name__
    return f"{wrong}: its {kind} {path!r} has no running statistics", (
        f"Use {kind}(..., track_running_stats=True), train it, and call .eval(); or use GroupNorm, which needs none."
    )
