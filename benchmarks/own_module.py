"""Measure the time of checking that cached embeddings of a custom module are those of this module.

    python benchmarks/own_module.py [torchvision name] [images]

A process that knows nothing resolves the module and gets all its embeddings from the cache: what identifies it, its
outputs for two fixed images, and the rest; next to it, four images through the same module, and loading it. In seconds
of processor time, so that a busy machine changes little.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

import numpy as np

SIDE = 224


def measure(name: str, folder: str, count: int) -> None:
    """Print the processor seconds of the parts; made in a process of its own."""
    import torch
    import torchvision.transforms.v2  # noqa: F401
    from torchvision import models

    from featx import CNNFeatureTransformer
    from featx.images.preprocessing import IMAGENET
    from featx.networks.reference_outputs import fixed_images, reference_outputs
    from featx.torch_modules.identity import identify

    images = list(np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8))
    began = time.process_time()
    torch.manual_seed(0)
    module = models.get_model(name).eval()
    loading = time.process_time() - began
    began = time.process_time()
    CNNFeatureTransformer(module, cache=folder).fit_transform(images)
    whole = time.process_time() - began
    began = time.process_time()
    identify(module)
    identity = time.process_time() - began
    began = time.process_time()
    reference_outputs(module, IMAGENET)
    answers = time.process_time() - began
    pixels = IMAGENET.normalise(fixed_images(SIDE).repeat(2, 1, 1, 1))
    began = time.process_time()
    with torch.inference_mode():
        for image in pixels.split(1):
            module(image)
    four = time.process_time() - began
    parts = {"loading": loading, "fit_transform": whole, "identity": identity, "answers": answers, "four": four}
    print("  ".join(f"{part} {seconds:.3f}" for part, seconds in parts.items()))


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        network = sys.argv[1] if len(sys.argv) > 1 else "resnet50"
        number = sys.argv[2] if len(sys.argv) > 2 else "64"
        with tempfile.TemporaryDirectory() as cache:
            for run in ("cold", "cached", "cached", "cached"):
                print(f"{network}, {number} images, {run}:", end=" ", flush=True)
                subprocess.run([sys.executable, __file__, "--measure", network, cache, number], check=True)
