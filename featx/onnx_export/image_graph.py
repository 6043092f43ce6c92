"""The preprocessing of images as ONNX operators: cut, resize with antialiasing, crop, normalise.

ONNX's own Resize gives other pixels than torch (onnxruntime 1.32, linear and antialiased: up to 23 of 255 levels).
So each axis is resized by products with the matrices of its weights, which the graph computes from the size of the
image, in the arithmetic of torch's kernel for images of 8 bits: weights as integers of 16 bits, columns first, and
values that are rounded to levels after each axis (ATen/native/cpu/UpSampleKernel.cpp, which follows Pillow).
"""

from __future__ import annotations

import numpy as np

from ..images.preprocessing import LARGEST_ASPECT, Preprocessing
from .graph_writer import GraphWriter

__all__ = ["normalised", "resized"]

# Outputs at each end whose window is cut off by the edge; they have the largest weights.
EDGE = 2
# Outputs that are computed together.
GROUP = 32
# As torch has it: weights below 2 ** 15, and at most 22 binary digits after the point.
LARGEST_WEIGHT, MOST_DIGITS = 2**15, 22
CUBIC = -0.5
HALF = np.float64(0.5)


def resized(graph: GraphWriter, image: str, preprocessing: Preprocessing) -> str:
    """Write what `Preprocessing.apply` does, without augmentation.

    Parameters
    ----------
    graph : GraphWriter
    image : str
        Tensor of uint8, shape (n, height, width, 3).
    preprocessing : Preprocessing

    Returns
    -------
    str
        Tensor of float32, shape (n, 3, crop, crop), of whole numbers from 0 to 255.
    """
    crop, side = preprocessing.crop, np.array([preprocessing.crop])
    shape = graph.add("Shape", image)
    height, width = (graph.add("Slice", shape, np.array([axis]), np.array([axis + 1])) for axis in (1, 2))
    new_height = new_width = graph.constant(side)
    if preprocessing.mode == "crop":
        image, height, width = _cut(graph, image, height, width)
        short = graph.add("Min", height, width)
        new_height, new_width = (
            graph.add("Div", graph.add("Mul", length, np.array([preprocessing.resize])), short)
            for length in (height, width)
        )
    values = graph.add("Transpose", image, perm=[0, 3, 1, 2])
    for axis, length, new in ((3, width, new_width), (2, height, new_height)):
        values = _levels(graph, _along(graph, values, axis, length, new, preprocessing))
    if preprocessing.mode == "crop" and preprocessing.resize < crop:
        values = _padded(graph, values, crop)
    return values


def normalised(graph: GraphWriter, values: str, preprocessing: Preprocessing) -> str:
    """Write what `Preprocessing.normalise` does, for values of float32, shape (n, 3, crop, crop)."""
    mean, std = (
        np.asarray(numbers, np.float32).reshape(1, 3, 1, 1) * np.float32(255)
        for numbers in (preprocessing.mean, preprocessing.std)
    )
    return graph.add("Div", graph.add("Sub", values, mean), std)


def _cut(graph: GraphWriter, image: str, height: str, width: str) -> tuple[str, str, str]:
    """Cut a long image to what the central crop can see."""
    longest = graph.add("Mul", graph.add("Min", height, width), np.array([LARGEST_ASPECT]))
    kept = [graph.add("Min", length, longest) for length in (height, width)]
    starts = [
        graph.add("Div", graph.add("Sub", length, part), np.array([2]))
        for length, part in zip((height, width), kept, strict=True)
    ]
    ends = [graph.add("Add", start, part) for start, part in zip(starts, kept, strict=True)]
    first, last = (graph.add("Concat", *places, axis=0) for places in (starts, ends))
    return graph.add("Slice", image, first, last, np.array([1, 2])), kept[0], kept[1]


def _along(graph: GraphWriter, values: str, axis: int, length: str, new: str, preprocessing: Preprocessing) -> str:
    """Return the central `crop` outputs of an axis, before they are rounded.

    An output sees a few pixels, so outputs are computed in groups, each from the pixels that it sees. Of a large image
    that takes an eighth of the operations. `length` and `new` are the lengths of the axis before and after the
    resize, int64 of shape (1,).
    """
    crop = preprocessing.crop
    # torchvision rounds half to even, as ONNX's Round does.
    over = graph.cast(graph.add("Max", graph.add("Sub", new, np.array([crop])), np.array([0])), "double")
    start = graph.cast(graph.add("Round", graph.add("Mul", over, HALF)), "int64")
    last = graph.add("Sub", new, np.array([1]))
    ends = np.arange(EDGE)
    edges = graph.add("Min", graph.add("Concat", ends, graph.add("Max", graph.add("Sub", last, ends), np.array([0])),
                                       axis=0), last)  # fmt: skip
    groups = np.arange(-(-crop // GROUP) * GROUP).reshape(-1, GROUP)
    outputs = graph.add("Min", graph.add("Add", groups, start), last)

    method = preprocessing.interpolation
    at_edges, _, _ = _weights(graph, graph.add("Unsqueeze", edges, np.array([1])), length, new, method)
    most = graph.add("ReduceMax", at_edges, keepdims=0)
    weights, first, beyond = _weights(graph, outputs, length, new, method)
    most = graph.add("Max", most, graph.add("ReduceMax", weights, keepdims=0))
    weights = graph.cast(_rounded(graph, weights, most), "float")
    weights = weights if axis == 2 else graph.add("Transpose", weights, perm=[0, 2, 1])
    parts = []
    for group in range(len(groups)):
        place = np.array([group]), np.array([group + 1])
        begin, end = (graph.add("Slice", numbers, *place) for numbers in (first, beyond))
        part = graph.add("Slice", values, begin, end, np.array([axis]))
        part = part if axis == 2 else graph.cast(part, "float")
        weight = graph.add("Gather", weights, np.array(group), axis=0)
        parts.append(graph.add("MatMul", *((weight, part) if axis == 2 else (part, weight))))
    found = graph.add("Concat", *parts, axis=axis)
    return graph.add("Slice", found, np.array([0]), graph.add("Min", new, np.array([crop])), np.array([axis]))


def _weights(graph: GraphWriter, outputs: str, length: str, new: str, method: str) -> tuple[str, str, str]:
    """Return the weights of the pixels that groups of outputs see.

    Parameters
    ----------
    graph : GraphWriter
    outputs : str
        Their numbers, rising, int64 (groups, outputs).
    length, new : str
        As for `_along`.
    method : {"bilinear", "bicubic"}

    Returns
    -------
    weights : str
        Double (groups, outputs, pixels); their sum is 1.
    first, beyond : str
        The first pixel of each group, and that after the last, int64 (groups,).
    """
    scale = graph.add("Div", graph.cast(length, "double"), graph.cast(new, "double"))
    wide = graph.add("Max", scale, np.float64(1))
    support = wide if method == "bilinear" else graph.add("Mul", wide, np.float64(2))
    centre = graph.add("Mul", graph.add("Add", graph.cast(outputs, "double"), HALF), scale)
    shifted = graph.add("Add", centre, HALF)
    low = graph.add("Floor", graph.add("Sub", shifted, support))
    high = graph.add("Floor", graph.add("Add", shifted, support))

    # All groups see as many pixels as the widest; where the image ends before, those before the first.
    first = graph.cast(graph.add("ReduceMin", low, np.array([1]), keepdims=0), "int64")
    beyond = graph.cast(graph.add("ReduceMax", high, np.array([1]), keepdims=0), "int64")
    count = graph.add("Min", graph.add("ReduceMax", graph.add("Sub", beyond, first), keepdims=1), length)
    first = graph.add("Max", graph.add("Min", first, graph.add("Sub", length, count)), np.array([0]))
    pixels = graph.add("Add", graph.add("Unsqueeze", first, np.array([1, 2])),
                       _range(graph, graph.constant(np.array([0])), count))  # fmt: skip
    pixels = graph.cast(pixels, "double")
    centre, low, high = (graph.add("Unsqueeze", numbers, np.array([2])) for numbers in (centre, low, high))
    inside = graph.add("And", graph.add("GreaterOrEqual", pixels, low), graph.add("Less", pixels, high))
    offset = graph.add("Add", graph.add("Sub", pixels, centre), HALF)
    distance = graph.add("Abs", graph.add("Div", offset, wide))
    weights = graph.add("Where", inside, _filter(graph, distance, method), np.float64(0))
    weights = graph.add("Div", weights, graph.add("ReduceSum", weights, np.array([2])))
    return weights, first, graph.add("Add", first, count)


def _filter(graph: GraphWriter, distance: str, interpolation: str) -> str:
    """Return the value of the triangle or the cubic filter at a distance from its centre."""
    if interpolation == "bilinear":
        return graph.add("Max", graph.add("Sub", np.float64(1), distance), np.float64(0))
    square = graph.add("Mul", distance, distance)
    slope = graph.add("Sub", graph.add("Mul", distance, np.float64(CUBIC + 2)), np.float64(CUBIC + 3))
    near = graph.add("Add", graph.add("Mul", slope, square), np.float64(1))
    far = graph.add("Add", graph.add("Mul", graph.add("Sub", distance, np.float64(5)), distance), np.float64(8))
    far = graph.add("Sub", graph.add("Mul", far, distance), np.float64(4))
    far = graph.add("Where", graph.add("Less", distance, np.float64(2)), graph.add("Mul", far, np.float64(CUBIC)),
                    np.float64(0))  # fmt: skip
    return graph.add("Where", graph.add("Less", distance, np.float64(1)), near, far)


def _rounded(graph: GraphWriter, weights: str, most: str) -> str:
    """Round weights to as many binary digits as torch's integers of 16 bits leave after the point of the largest."""
    digits = graph.add("Div", graph.add("Log", graph.add("Div", np.float64(LARGEST_WEIGHT - 0.5), most)),
                       np.float64(np.log(2)))  # fmt: skip
    digits = graph.add("Min", graph.add("Sub", graph.add("Ceil", digits), np.float64(1)), np.float64(MOST_DIGITS))
    unit = graph.add("Pow", np.float64(2), digits)
    whole = graph.add("Floor", graph.add("Add", graph.add("Mul", graph.add("Abs", weights), unit), HALF))
    return graph.add("Div", graph.add("Mul", graph.add("Sign", weights), whole), unit)


def _levels(graph: GraphWriter, values: str) -> str:
    whole = graph.add("Floor", graph.add("Add", values, np.float32(0.5)))
    return graph.add("Clip", whole, np.float32(0), np.float32(255))


def _padded(graph: GraphWriter, values: str, crop: int) -> str:
    """Put black around an image that is smaller than the crop; the odd pixel goes to the right and the bottom."""
    shape = graph.add("Slice", graph.add("Shape", values), np.array([2]), np.array([4]))
    missing = graph.add("Sub", np.array([crop, crop]), shape)
    before = graph.add("Div", missing, np.array([2]))
    pads = graph.add("Concat", before, graph.add("Sub", missing, before), axis=0)
    return graph.add("Pad", values, pads, np.float32(0), np.array([2, 3]))


def _range(graph: GraphWriter, start: str, end: str) -> str:
    """Return the whole numbers from `start` to below `end`, each of shape (1,)."""
    first, last = (graph.add("Squeeze", number, np.array([0])) for number in (start, end))
    return graph.add("Range", first, last, np.array(1))
