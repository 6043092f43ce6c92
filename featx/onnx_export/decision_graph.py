"""A threshold as ONNX operators: the class that a model decides for comes first, whatever its probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..evaluation.operating_point import class_number
from ..evaluation.thresholds import Decision
from ..exceptions import ModelFileError
from .graph_writer import GraphWriter

__all__ = ["check_decisions", "ranked_classes"]


def ranked_classes(
    graph: GraphWriter, probabilities: str, *, classes: Sequence[str], decision: Decision | None, top: int
) -> tuple[str, str]:
    """Return the probabilities and the numbers of the first classes, shape (n, top).

    Parameters
    ----------
    graph : GraphWriter
    probabilities : str
        float32 (n, classes).
    classes : sequence of str
    decision : Decision or None
        None ranks classes by their probabilities alone.
    top : int
    """
    if decision is None:
        values, numbers = graph.add("TopK", probabilities, np.array([top]), axis=1, outputs=2)
        return values, numbers
    positive, every = class_number(decision.positive, classes), np.arange(len(classes))
    # In float64, as featx compares: a threshold just above 1 would be 1 in float32.
    own = graph.add("Gather", graph.cast(probabilities, "double"), np.array([positive]), axis=1)
    flagged = graph.add("GreaterOrEqual", own, np.array([[decision.threshold]]))
    others = graph.add("Where", every[None] == positive, np.float32(-1), probabilities)
    decided = graph.add("Where", flagged, np.array([[positive]]), graph.add("ArgMax", others, axis=1, keepdims=1))
    first = graph.cast(graph.add("Equal", decided, every[None]), "float")
    ranks = graph.add("Add", probabilities, graph.add("Mul", first, np.float32(2)))
    _, numbers = graph.add("TopK", ranks, np.array([top]), axis=1, outputs=2)
    return graph.add("GatherElements", probabilities, numbers, axis=1), numbers


def check_decisions(session: Any, images: Sequence[np.ndarray], classes: Sequence[str], decision: Decision) -> None:
    """Raise ModelFileError unless the first class that a file gives is the one decided by its probabilities.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    images : sequence of ndarray
    classes : sequence of str
    decision : Decision
    """
    name = session.get_inputs()[0].name
    for image in images:
        probabilities, first = session.run(["probabilities", "top_classes"], {name: image[None]})
        if first[0, 0] != classes[int(decision.numbers(probabilities, classes)[0])]:
            raise ModelFileError(
                f"the ONNX file does not decide as featx does: {decision.text()}", "Report it, with the model."
            )
