"""Table of the known networks: their stages in order, the width of their embeddings and their own pooling.

A stage has a name and the graph node whose output ends it. Mostly the two are the same: the path of a module stands for
the last node in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..exceptions import BackboneError, LayerError, nearest
from ..images.preprocessing import Preprocessing
from .pooling import MAPS, View, pool, whole_map

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "EMBEDDED",
    "LITE_ARCHITECTURE",
    "LITE_IMAGE_SIZES",
    "SMALL_CNN",
    "SMALL_CNN_ARCHITECTURE",
    "SMALL_CNN_PREPROCESSING",
    "Architecture",
    "architecture_of",
    "lite_preprocessing",
    "torchvision_names",
]


EMBEDDED = "efficientnet_lite0"
# Sides of the inputs of the networks whose weights are packages: the embedded one and two of the extra `lite`.
LITE_IMAGE_SIZES = {EMBEDDED: 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
SMALL_CNN = "small_cnn"


@dataclass(frozen=True)
class Architecture:
    """What is known about a network without building it.

    Attributes
    ----------
    stages : tuple of (name, node)
        In the order of the forward pass.
    default_layer : str
        The last convolutional or attention stage.
    width : int
        Number of features of the default embedding.
    pooling : str, default="avg"
        The network's own.
    channels_last : frozenset of str
        Nodes whose feature maps are (n, h, w, c).
    prefix_tokens : int
        Tokens before the patches.
    class_layer : str
        The module that computes the scores of the ImageNet classes; weights may lack it or have it for other classes.
    """

    stages: tuple[tuple[str, str], ...]
    default_layer: str
    width: int
    class_layer: str
    pooling: str = "avg"
    channels_last: frozenset[str] = frozenset()
    prefix_tokens: int = 0

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages."""
        return tuple(name for name, _ in self.stages)

    def is_channels_last(self, node: str) -> bool:
        """Tell whether a node's feature maps are (n, h, w, c)."""
        return any(node == n or node.startswith(f"{n}.") for n in self.channels_last)

    def node(self, layer: str) -> str:
        """Return the graph node that ends a stage; other layers are nodes already."""
        return dict(self.stages).get(layer, layer)

    def width_of(self, view: View) -> int | None:
        """Return the number of features of a view, or None where only the network tells."""
        layer, pooling = view
        if not self.width or layer != self.default_layer:
            return None
        if pooling in ("flatten", "cls") and pooling != self.pooling:
            return None
        return self.width * (2 if pooling == "avgmax" else 1)

    def pooled(self, output: Tensor, view: View, *, name: str, n_images: int) -> Tensor:
        """Return the rows of a view, one for each image of a batch.

        Parameters
        ----------
        output : Tensor
            Of the view's layer.
        view : View
            Its pooling is one of `pool` or of `whole_map`.
        name : str
            The network's.
        n_images : int

        Raises
        ------
        LayerError
            If the output cannot be pooled that way, or its first axis does not count the images.
        """
        if view.pooling in MAPS:
            rows = whole_map(output, view.pooling)
        else:
            last = self.is_channels_last(self.node(view.layer))
            rows = pool(output, view.pooling, channels_last=last, prefix_tokens=self.prefix_tokens)
        if len(rows) != n_images:
            raise LayerError(
                f"the layer {view.layer!r} of {name} gives {len(rows)} outputs for {n_images} "
                f"image{'s' if n_images > 1 else ''}",
                "Choose a layer, or return a tensor, whose first axis counts the images.",
            )
        return rows


def torchvision_names() -> list[str]:
    """Return the names of the torchvision classification networks that featx knows, sorted."""
    return sorted(name for _, _, widths in _FAMILIES for name in widths)


def architecture_of(name: str) -> Architecture:
    """Return the architecture of a network of featx's own or of a torchvision classification network.

    Raises
    ------
    BackboneError
        If there is no such network; the message names the nearest.
    """
    own = {**dict.fromkeys(LITE_IMAGE_SIZES, LITE_ARCHITECTURE), SMALL_CNN: SMALL_CNN_ARCHITECTURE}
    if name in own:
        return own[name]
    for _, build, widths in _FAMILIES:
        if name in widths:
            return build(name, widths[name])
    known = [*own, *torchvision_names()]
    hint = nearest(name, known) or "`featx backbones` lists them."
    raise BackboneError(f"there is no backbone {name!r}", hint)


def _architecture(stages: list[str | tuple[str, str]], width: int, class_layer: str, **more: object) -> Architecture:
    pairs = tuple((stage, stage) if isinstance(stage, str) else stage for stage in stages)
    more.setdefault("default_layer", pairs[-1][0])
    return Architecture(stages=pairs, width=width, class_layer=class_layer, **more)  # type: ignore[arg-type]


def _alexnet(name: str, width: int) -> Architecture:
    ends = [2, 5, 7, 9, 12]
    blocks: list[str | tuple[str, str]] = [(f"block{i}", f"features.{end}") for i, end in enumerate(ends, start=1)]
    tops: list[str | tuple[str, str]] = [("fc6", "classifier.2"), ("fc7", "classifier.5")]
    return _architecture(blocks + tops, width, "classifier.6", default_layer="block5")


def _vgg(name: str, width: int) -> Architecture:
    convolutions = {"11": [1, 1, 2, 2, 2], "13": [2] * 5, "16": [2, 2, 3, 3, 3], "19": [2, 2, 4, 4, 4]}[name[3:5]]
    modules = 3 if name.endswith("_bn") else 2
    blocks: list[str | tuple[str, str]] = []
    end = -1
    for number, count in enumerate(convolutions, start=1):
        end += count * modules + 1
        blocks.append((f"block{number}", f"features.{end}"))
    tops: list[str | tuple[str, str]] = [("fc6", "classifier.1"), ("fc7", "classifier.4")]
    return _architecture(blocks + tops, width, "classifier.6", default_layer="block5")


def _resnet(name: str, width: int) -> Architecture:
    return _architecture([("stem", "maxpool"), "layer1", "layer2", "layer3", "layer4"], width, "fc")


def _densenet(name: str, width: int) -> Architecture:
    blocks: list[str | tuple[str, str]] = [(f"denseblock{i}", f"features.denseblock{i}") for i in (1, 2, 3)]
    return _architecture([("stem", "features.pool0"), *blocks, ("denseblock4", "relu")], width, "classifier")


def _inception(name: str, width: int) -> Architecture:
    return _architecture(
        [
            ("stem", "maxpool2"),
            *(f"Mixed_{b}" for b in ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"]),
        ],
        width,
        "fc",
    )


def _googlenet(name: str, width: int) -> Architecture:
    return _architecture(
        [("stem", "maxpool2"), *(f"inception{b}" for b in ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"])],
        width,
        "fc",
    )


def _shufflenet(name: str, width: int) -> Architecture:
    return _architecture([("stem", "maxpool"), "stage2", "stage3", "stage4", "conv5"], width, "fc")


def _squeezenet(name: str, width: int) -> Architecture:
    pools = {2, 6, 11} if name == "squeezenet1_0" else {2, 5, 8}
    fires: list[str | tuple[str, str]] = [f"features.{i}" for i in range(3, 13) if i not in pools]
    return _architecture([("stem", "features.2"), *fires], width, "classifier.1")


def _mnasnet(name: str, width: int) -> Architecture:
    stacks: list[str | tuple[str, str]] = [f"layers.{i}" for i in range(8, 14)]
    return _architecture([("stem", "layers.7"), *stacks, ("head", "layers.16")], width, "classifier.1")


def _features(name: str, width: int) -> Architecture:
    """Describe networks whose stages are the children of `features`, from a stem to a 1 x 1 convolution."""
    counts = {"mobilenet_v2": 19, "mobilenet_v3_large": 17, "mobilenet_v3_small": 13, "efficientnet_v2_s": 8}
    last = {"mobilenet_v3_large": "classifier.3", "mobilenet_v3_small": "classifier.3"}
    stages: list[str | tuple[str, str]] = [f"features.{i}" for i in range(counts.get(name, 9))]
    return _architecture(stages, width, last.get(name, "classifier.1"))


def _regnet(name: str, width: int) -> Architecture:
    blocks: list[str | tuple[str, str]] = [(f"block{i}", f"trunk_output.block{i}") for i in range(1, 5)]
    return _architecture(["stem", *blocks], width, "fc")


def _convnext(name: str, width: int) -> Architecture:
    stages: list[str | tuple[str, str]] = [(f"stage{i}", f"features.{2 * i - 1}") for i in range(1, 5)]
    return _architecture([("stem", "features.0"), *stages], width, "classifier.2")


def _swin(name: str, width: int) -> Architecture:
    stages: list[str | tuple[str, str]] = [(f"stage{i}", f"features.{2 * i - 1}") for i in range(1, 4)]
    last = frozenset(f"features.{i}" for i in range(8)) | {"norm"}
    return _architecture([("stem", "features.0"), *stages, ("stage4", "permute")], width, "head", channels_last=last)


def _vit(name: str, width: int) -> Architecture:
    depth = {"b": 12, "l": 24, "h": 32}[name.split("_")[1]]
    layers: list[str | tuple[str, str]] = [
        (f"encoder_layer_{i}", f"encoder.layers.encoder_layer_{i}") for i in range(depth - 1)
    ]
    stages = [("stem", "encoder.dropout"), *layers, (f"encoder_layer_{depth - 1}", "encoder.ln")]
    return _architecture(stages, width, "heads.head", pooling="cls", prefix_tokens=1)


def _maxvit(name: str, width: int) -> Architecture:
    return _architecture(["stem", *((f"block{i + 1}", f"blocks.{i}") for i in range(4))], width, "classifier.5")


def _widths(text: str) -> dict[str, int]:
    return {name: int(width) for name, width in re.findall(r"(\w+) (\d+)", text)}


# Names with the width of the default embedding, as in torchvision's definitions.
_FAMILIES = [
    ("AlexNet", _alexnet, _widths("alexnet 256")),
    ("VGG", _vgg, {f"vgg{n}{bn}": 512 for n in (11, 13, 16, 19) for bn in ("", "_bn")}),
    (
        "ResNet",
        _resnet,
        _widths("resnet18 512 resnet34 512 resnet50 2048 resnet101 2048 resnet152 2048 resnext50_32x4d 2048")
        | _widths("resnext101_32x8d 2048 resnext101_64x4d 2048 wide_resnet50_2 2048 wide_resnet101_2 2048"),
    ),
    ("DenseNet", _densenet, _widths("densenet121 1024 densenet161 2208 densenet169 1664 densenet201 1920")),
    ("Inception", _inception, _widths("inception_v3 2048")),
    ("GoogLeNet", _googlenet, _widths("googlenet 1024")),
    (
        "ShuffleNet",
        _shufflenet,
        _widths("shufflenet_v2_x0_5 1024 shufflenet_v2_x1_0 1024 shufflenet_v2_x1_5 1024 shufflenet_v2_x2_0 2048"),
    ),
    ("SqueezeNet", _squeezenet, _widths("squeezenet1_0 512 squeezenet1_1 512")),
    ("MNASNet", _mnasnet, _widths("mnasnet0_5 1280 mnasnet0_75 1280 mnasnet1_0 1280 mnasnet1_3 1280")),
    (
        "MobileNet and EfficientNet",
        _features,
        _widths("mobilenet_v2 1280 mobilenet_v3_large 960 mobilenet_v3_small 576 efficientnet_b0 1280")
        | _widths("efficientnet_b1 1280 efficientnet_b2 1408 efficientnet_b3 1536 efficientnet_b4 1792")
        | _widths("efficientnet_b5 2048 efficientnet_b6 2304 efficientnet_b7 2560 efficientnet_v2_s 1280")
        | _widths("efficientnet_v2_m 1280 efficientnet_v2_l 1280"),
    ),
    (
        "RegNet",
        _regnet,
        _widths("regnet_x_400mf 400 regnet_x_800mf 672 regnet_x_1_6gf 912 regnet_x_3_2gf 1008 regnet_x_8gf 1920")
        | _widths("regnet_x_16gf 2048 regnet_x_32gf 2520 regnet_y_400mf 440 regnet_y_800mf 784 regnet_y_1_6gf 888")
        | _widths("regnet_y_3_2gf 1512 regnet_y_8gf 2016 regnet_y_16gf 3024 regnet_y_32gf 3712 regnet_y_128gf 7392"),
    ),
    (
        "ConvNeXt",
        _convnext,
        _widths("convnext_tiny 768 convnext_small 768 convnext_base 1024 convnext_large 1536"),
    ),
    ("Swin", _swin, _widths("swin_t 768 swin_s 768 swin_b 1024 swin_v2_t 768 swin_v2_s 768 swin_v2_b 1024")),
    ("ViT", _vit, _widths("vit_b_16 768 vit_b_32 768 vit_l_16 1024 vit_l_32 1024 vit_h_14 1280")),
    ("MaxViT", _maxvit, _widths("maxvit_t 512")),
]

LITE_ARCHITECTURE = _architecture(["stem", *(f"stage{n}" for n in range(1, 8)), "head"], 1280, "classifier")


def lite_preprocessing(name: str) -> Preprocessing:
    """Return the published preprocessing of an EfficientNet-Lite: (x - 127) / 128, 32 pixels around the crop."""
    crop = LITE_IMAGE_SIZES[name]
    return Preprocessing(
        crop=crop, resize=crop + 32, interpolation="bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    )


SMALL_CNN_ARCHITECTURE = _architecture([f"block{n}" for n in range(1, 6)], 256, "classifier")
SMALL_CNN_PREPROCESSING = Preprocessing(crop=100, resize=100, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3)
