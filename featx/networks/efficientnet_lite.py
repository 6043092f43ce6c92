"""EfficientNet-Lite0, the embedded network, the larger Lite1 and Lite2, and the names of their published weights.

EfficientNet-Lite0 is EfficientNet-B0 (Tan and Le 2019, arXiv 1905.11946, Table 1) without squeeze-and-excitation and
with ReLU6 instead of Swish (the TensorFlow TPU repository, efficientnet/lite). Lite1 and Lite2 have more blocks, and
Lite2 wider ones; as published, the stem, the head and the number of blocks of the first and the last stage stay. All
follow TensorFlow's "SAME" padding, which is uneven for strides of two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2"]

# expansion, channels, blocks, stride, kernel
STAGE_SETTINGS = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]
BATCH_NORM_EPS = 1e-3


@torch.fx.wrap
def same_pad(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """Pad as TensorFlow's "SAME" does: the odd pixel goes to the right and the bottom."""
    pads: list[int] = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class ConvNormAct(nn.Module):
    """Convolution with "SAME" padding, batch normalisation and, unless it projects, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, act: bool = True):
        super().__init__()
        padding = 0 if stride > 1 else kernel // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPS, momentum=0.01)
        self.act = nn.ReLU6(inplace=True) if act else nn.Identity()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            x = same_pad(x, self.kernel, self.stride)
        return self.act(self.norm(self.conv(x)))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; with a shortcut where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvNormAct(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNormAct(wide, wide, kernel, stride=stride, groups=wide)
        self.project = ConvNormAct(wide, outputs, 1, act=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


def scaled_stages(width: float, depth: float) -> list[tuple[int, int, int, int, int]]:
    """Return `STAGE_SETTINGS` with more channels, in multiples of eight, and more blocks, but in the outer stages."""
    found = []
    for stage, (expansion, channels, blocks, stride, kernel) in enumerate(STAGE_SETTINGS):
        wide = max(8, int(channels * width + 4) // 8 * 8)
        wide += 8 if wide < 0.9 * channels * width else 0
        outer = stage in (0, len(STAGE_SETTINGS) - 1)
        found.append((expansion, wide, blocks if outer else math.ceil(depth * blocks), stride, kernel))
    return found


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0, with its stages as children: stem, stage1 to stage7, head; then the ImageNet classifier.

    Parameters
    ----------
    own_initialisation : bool, default=False
        Whether random weights are drawn as for the published training, rather than by PyTorch's defaults.
    """

    width, depth, drop_rate = 1.0, 1.0, 0.2

    def __init__(self, *, own_initialisation: bool = False) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, 32, 3, stride=2)
        channels = 32
        settings = scaled_stages(self.width, self.depth)
        for number, (expansion, outputs, blocks, stride, kernel) in enumerate(settings, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(InvertedResidual(channels, outputs, expansion, stride if block == 0 else 1, kernel))
                channels = outputs
            self.add_module(f"stage{number}", stage)
        self.head = ConvNormAct(channels, 1280, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(self.drop_rate)
        self.classifier = nn.Linear(1280, 1000)
        if own_initialisation:
            self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for number in range(1, len(STAGE_SETTINGS) + 1):
            x = getattr(self, f"stage{number}")(x)
        x = self.avgpool(self.head(x))
        return self.classifier(self.dropout(x.flatten(1)))

    @classmethod
    def places(cls) -> list[tuple[int, int]]:
        """Return (number of the stage, number in the stage) of each block, in the order of the published weights."""
        settings = scaled_stages(cls.width, cls.depth)
        return [(stage, block) for stage, row in enumerate(settings, start=1) for block in range(row[2])]

    @classmethod
    def published_to_own(cls, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Rename tensors from the names of `efficientnet_lite_pytorch` to this network's; return others unchanged."""
        if "_conv_stem.weight" not in state:
            return state
        places = cls.places()
        return {_own_name(key, places): value for key, value in state.items()}

    @classmethod
    def published_tensor_names(cls, own: Iterable[str]) -> list[str]:
        """Return the names that `efficientnet_lite_pytorch` has for these tensors, except the classifier's."""
        modules = {place: name for name, place in OUTER.items()}
        for number, (stage, block) in enumerate(cls.places()):
            modules |= {f"stage{stage}.{block}.{place}": f"_blocks.{number}.{name}" for name, place in INNER.items()}
        pairs = [key.rpartition(".") for key in own]
        return [f"{modules[module]}.{name}" for module, _, name in pairs if module in modules]


class EfficientNetLite1(EfficientNetLite0):
    """EfficientNet-Lite1: more blocks than Lite0."""

    depth = 1.1


class EfficientNetLite2(EfficientNetLite0):
    """EfficientNet-Lite2: more and wider blocks than Lite0."""

    width, depth, drop_rate = 1.1, 1.2, 0.3


def _initialise(module: nn.Module) -> None:
    """Draw weights scaled by fan-out, as TensorFlow's EfficientNet and timm do."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
    elif isinstance(module, nn.Linear):
        bound = 1.0 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)


# Names of `efficientnet_lite_pytorch`, and the names of this network.
OUTER = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "head.conv", "_bn1": "head.norm"}
INNER = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def _own_name(key: str, places: list[tuple[int, int]]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if match and int(match[1]) < len(places) and match[2] in INNER:
        stage, block = places[int(match[1])]
        return f"stage{stage}.{block}.{INNER[match[2]]}.{match[3]}"
    module, _, name = key.partition(".")
    return f"{OUTER.get(module, 'classifier')}.{name}" if module in (*OUTER, "_fc") else key
