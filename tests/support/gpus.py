"""The device for the tests of GPUs: CUDA's or, to try the tests themselves, what FEATX_TEST_DEVICE names.

"pretended" is a GPU that `pretended_gpu` pretends.
"""

import os

DEVICE = os.environ.get("FEATX_TEST_DEVICE", "cuda")
IS_PRETENDED = DEVICE == "pretended"
DEVICE = "cuda" if IS_PRETENDED else DEVICE
IS_CUDA = DEVICE.startswith("cuda")


def why_skipped(*, needs_cuda: bool) -> str:
    """Return why a test cannot run here, or an empty text."""
    import torch

    if IS_PRETENDED:
        return "of real GPUs alone" if needs_cuda else ""
    if IS_CUDA and not torch.cuda.is_available():
        return "no GPU that PyTorch can use; FEATX_TEST_DEVICE=cpu or pretended tries what needs none"
    return "of CUDA alone" if needs_cuda and not IS_CUDA else ""
