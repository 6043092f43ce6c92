"""Heads as ONNX operators: from embeddings to the probability of each class.

What `TunedHead` fits by a name has a converter here: standardisation, the classifiers and temperature scaling, which
divides the scores by the temperature before the softmax. Other steps are refused by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from ..exceptions import ModelFileError
from ..heads.nearest_mean import NearestMean
from ..heads.threshold_classifier import ThresholdClassifier
from ..heads.tuned_head import TunedHead
from .graph_writer import GraphWriter
from .row_graphs import neighbour_probabilities, svm_scores

__all__ = ["dense_head_probabilities", "head_probabilities"]

# What scikit-learn adds to probabilities before it takes their logarithm, to scale them by a temperature.
TINY = 1e-12
# Classifiers of which the decision values are calibrated.
CALIBRATED = (LinearSVC, RidgeClassifier, SVC, LogisticRegression, LinearDiscriminantAnalysis, NearestMean)


def head_probabilities(graph: GraphWriter, rows: str, head: Any) -> str:
    """Write a fitted head and return its probabilities, float32 (n, classes).

    Parameters
    ----------
    graph : GraphWriter
    rows : str
        Embeddings, float32 (n, d).
    head : estimator
        With ``predict_proba``.

    Raises
    ------
    ModelFileError
        If a step has no converter; names it.
    """
    head = _unwrapped(head)
    if isinstance(head, Pipeline):
        for _, step in head.steps[:-1]:
            rows = _transformed(graph, rows, step)
        return head_probabilities(graph, rows, head[-1])
    if isinstance(head, CalibratedClassifierCV):
        return _calibrated(graph, rows, head)
    if isinstance(head, KNeighborsClassifier):
        return neighbour_probabilities(graph, rows, head)
    if isinstance(head, LogisticRegression | MLPClassifier | LinearDiscriminantAnalysis):
        scores = _scores(graph, rows, head)
        # The probability of the second of two classes is the logistic function of their one score.
        halved = graph.add("Mul", scores, np.float32(0.5))
        return _softmax(graph, _two(graph, halved) if len(head.classes_) == 2 else scores)
    raise _no_converter(head)


def dense_head_probabilities(graph: GraphWriter, rows: str, state: Mapping[str, Any]) -> str:
    """Write the head of a fine-tuned network, given by the state dict of a `DenseHead`.

    Parameters
    ----------
    graph : GraphWriter
    rows : str
        Embeddings, float32 (n, d).
    state : mapping of str to ndarray

    Returns
    -------
    str
        Probabilities, float32 (n, classes).
    """
    rows = _standardised(graph, rows, state["mean"], state["scale"])
    layers = sorted(name.removesuffix(".weight") for name in state if name.startswith("hidden") and
                    name.endswith(".weight"))  # fmt: skip
    for name in sorted(layers, key=lambda name: int(name.removeprefix("hidden") or 1)):
        rows = graph.add("Relu", _linear(graph, rows, np.asarray(state[f"{name}.weight"]).T, state[f"{name}.bias"]))
    return _softmax(graph, _linear(graph, rows, np.asarray(state["output.weight"]).T, state["output.bias"]))


def _unwrapped(head: Any) -> Any:
    """Return the fitted estimator in a search, a tuned head or a threshold, which changes no probability."""
    while isinstance(head, TunedHead | ThresholdClassifier) or hasattr(head, "best_estimator_"):
        if isinstance(head, TunedHead):
            head = head.head_
        else:
            head = head.estimator_ if isinstance(head, ThresholdClassifier) else head.best_estimator_
    return head


def _transformed(graph: GraphWriter, rows: str, step: Any) -> str:
    step = _unwrapped(step)
    if step is None or step == "passthrough":
        return rows
    if isinstance(step, Pipeline):
        for _, part in step.steps:
            rows = _transformed(graph, rows, part)
        return rows
    if isinstance(step, StandardScaler):
        width = step.n_features_in_
        mean = step.mean_ if step.with_mean else np.zeros(width)
        return _standardised(graph, rows, mean, step.scale_ if step.with_std else np.ones(width))
    if isinstance(step, PCA):
        scale = np.sqrt(step.explained_variance_) if step.whiten else np.ones(len(step.components_))
        centred = graph.add("Sub", rows, np.float32(step.mean_))
        return graph.add("MatMul", centred, np.float32((step.components_ / scale[:, None]).T))
    if isinstance(step, Normalizer) and step.norm in ("l1", "l2"):
        operator = "ReduceL2" if step.norm == "l2" else "ReduceL1"
        norm = graph.add(operator, rows, np.array([1]))
        empty = graph.add("Equal", norm, np.float32(0))
        return graph.add("Div", rows, graph.add("Where", empty, np.float32(1), norm))
    raise _no_converter(step)


def _calibrated(graph: GraphWriter, rows: str, head: CalibratedClassifierCV) -> str:
    """Write temperature scaling: scores divided by the temperature, and a softmax."""
    if head.method != "temperature" or len(head.calibrated_classifiers_) != 1:
        raise ModelFileError(
            f"the head has no ONNX converter: CalibratedClassifierCV with method={head.method!r} and "
            f"ensemble={head.ensemble!r}",
            "Calibrate with method='temperature' and ensemble=False, or use a head of `featx fit`.",
        )
    (fitted,) = head.calibrated_classifiers_
    estimator = _unwrapped(fitted.estimator)
    last = _unwrapped(estimator[-1]) if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, CALIBRATED):
        for _, step in estimator.steps[:-1] if isinstance(estimator, Pipeline) else ():
            rows = _transformed(graph, rows, step)
        scores = _scores(graph, rows, last)
        scores = _two(graph, scores) if len(last.classes_) == 2 else scores
    else:
        scores = graph.add("Log", graph.add("Add", head_probabilities(graph, rows, estimator), np.float32(TINY)))
    return _softmax(graph, graph.add("Mul", scores, np.float32(fitted.calibrators[0].beta_)))


def _scores(graph: GraphWriter, rows: str, classifier: Any) -> str:
    """Write the decision values of a classifier, (n, classes), or (n, 1) for two classes."""
    if isinstance(classifier, SVC):
        return svm_scores(graph, rows, classifier)
    if isinstance(classifier, MLPClassifier):
        activation = _ACTIVATIONS[classifier.activation]
        *hidden, last = zip(classifier.coefs_, classifier.intercepts_, strict=True)
        for weights, bias in hidden:
            rows = activation(graph, _linear(graph, rows, weights, bias))
        return _linear(graph, rows, *last)
    weights = np.atleast_2d(classifier.coef_)  # a ridge classifier of two classes has one row
    return _linear(graph, rows, weights.T, np.broadcast_to(classifier.intercept_, len(weights)))


_ACTIVATIONS: dict[str, Callable[[GraphWriter, str], str]] = {
    "identity": lambda graph, values: values,
    "relu": lambda graph, values: graph.add("Relu", values),
    "tanh": lambda graph, values: graph.add("Tanh", values),
    "logistic": lambda graph, values: graph.add("Sigmoid", values),
}


def _standardised(graph: GraphWriter, rows: str, mean: Any, scale: Any) -> str:
    return graph.add("Div", graph.add("Sub", rows, np.float32(mean)), np.float32(scale))


def _linear(graph: GraphWriter, rows: str, weights: Any, bias: Any) -> str:
    return graph.add("Gemm", rows, np.ascontiguousarray(weights, np.float32), np.asarray(bias, np.float32))


def _two(graph: GraphWriter, score: str) -> str:
    """Return scores of two classes, -s and s, for the one score of the second."""
    return graph.add("Concat", graph.add("Neg", score), score, axis=1)


def _softmax(graph: GraphWriter, scores: str) -> str:
    return graph.add("Softmax", scores, axis=1)


def _no_converter(step: Any) -> ModelFileError:
    kind = type(step).__name__
    if hasattr(step, "classes_") and not hasattr(step, "predict_proba"):
        return ModelFileError(
            f"the model ends in {kind}, which gives no probabilities",
            "Fit with TunedHead, which calibrates it, or wrap it: CalibratedClassifierCV(..., method='temperature', "
            "ensemble=False).",
        )
    return ModelFileError(
        f"the model has a step without an ONNX converter: {kind}", "Use a head of `featx fit`: make_head(NAME)."
    )
