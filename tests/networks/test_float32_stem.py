"""Promised: the first convolutions of each pass compute in float32 under autocast, and the others as it says."""

import torch
from torch import nn

from featx.networks.float32_stem import with_float32_stem
from featx.torch_modules.graphs import feature_extractor


def test_the_first_convolutions_of_each_pass_are_in_float32():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)).eval()
    plain = feature_extractor(module, ["0", "2", "3"], name="net")
    extract = with_float32_stem(plain, 2)
    images = torch.rand(1, 3, 4, 4)
    for _ in range(2):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            outputs = extract(images)
        assert [outputs[layer].dtype for layer in ("0", "2", "3")] == [torch.float32, torch.float32, torch.bfloat16]
    with torch.inference_mode():
        assert torch.equal(outputs["2"], plain(images)["2"])
    assert with_float32_stem(plain, 0) is plain
