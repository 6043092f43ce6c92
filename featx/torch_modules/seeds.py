"""Draw torch's random numbers from a seed for a while, on the processor and on one device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["seeded"]


@contextlib.contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Draw from a seed inside, and leave torch's generators as they were.

    `torch.manual_seed` sets those of all devices, which `torch.random.fork_rng` does not restore unless it is told
    which there are.

    Parameters
    ----------
    seed : int
    device : str or torch.device, default="cpu"
        Where numbers are drawn, besides the processor.
    """
    place = torch.device(device)
    is_gpu = place.type == "cuda"
    with (
        torch.random.fork_rng(devices=[place] if is_gpu else []),
        torch.cuda.device(place) if is_gpu else contextlib.nullcontext(),
    ):
        torch.default_generator.manual_seed(seed)
        if place.type in ("cuda", "mps"):
            getattr(torch, place.type).manual_seed(seed)
        yield
