"""Images as tensors of uint8: noise, and one without edges."""

import numpy as np
import torch


def noise(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))


def smooth(height, width):
    """An image without edges, for which interpolation errs by little."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return (torch.stack([x, y, (x + y) / 2]) * 200 + 20).round().to(torch.uint8)
