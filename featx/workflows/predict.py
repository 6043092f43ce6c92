"""Predict the most likely classes of images with a saved model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_clusterer, is_outlier_detector, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from ..constraints import BATCH, PATH, check_values
from ..datasets.dataset import ImageDataset
from ..display.notes import note_once
from ..display.summary_mixin import SummaryMixin
from ..evaluation.thresholds import Decision
from ..exceptions import DatasetError, ModelFileError, ParameterError, nearest
from ..extraction.extract import ExtractionResult
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from ..heads.threshold_classifier import ThresholdClassifier
from ..heads.tuned_head import TunedHead
from ..images.failures import first_reason
from ..images.pixels import ValueRange
from ..model_files.model_parts import class_names, image_estimators, parts
from ..model_files.moved_weights import Files
from ..model_files.persistence import read_model
from ..model_files.trusted_types import Trusted
from .class_scores import ClassScores, class_scores, scores_from_probabilities

__all__ = ["Prediction", "Predictions", "predict_images"]

ACCEPTED_PARAMETERS = ("device", "batch_size", "n_jobs", "cache", "on_error", "verbose", "value_range")
IN_PYTHON = "Use it in Python: load_model(path)."


@dataclass(frozen=True, repr=False)
class Prediction(SummaryMixin):
    """The most likely classes of one image.

    Attributes
    ----------
    name : str
    top : tuple of (label, probability)
        The predicted class first; the probability is None if the model has none.
    """

    name: str
    top: tuple[tuple[str, float | None], ...]


class Predictions(SummaryMixin, list[Prediction]):
    """The predictions of the images that can be read, in the order of the images.

    Parameters
    ----------
    predictions : iterable of Prediction
    rows : list of int
        Their rows in the data set.
    classes : list of str
        All classes that the model knows.
    probabilities : ndarray of float, shape (n, classes), default=None
        Of all classes; None if the model has none.
    embeddings : ndarray of float32, shape (n, d), default=None
        What the head was given; None where a model has several networks.
    decision : Decision, default=None
        The rule by which the model predicts, if it has a threshold; None if it predicts the most probable class.
    positive : str, default=None
        The class that figures of one class against the rest are of.
    value_range : (low, high), "minmax" or None, default=None
        By which the images were read.
    """

    def __init__(
        self,
        predictions: Iterable[Prediction],
        *,
        rows: list[int],
        classes: list[str],
        probabilities: np.ndarray | None = None,
        embeddings: np.ndarray | None = None,
        decision: Decision | None = None,
        positive: str | None = None,
        value_range: ValueRange = None,
    ) -> None:
        super().__init__(predictions)
        self.rows, self.classes, self.probabilities, self.embeddings = rows, classes, probabilities, embeddings
        self.decision, self.positive, self.value_range = decision, positive, value_range


def predict_images(
    path: str | os.PathLike[str],
    dataset: ImageDataset,
    *,
    top: int = 1,
    weights: Files | None = None,
    trusted: Trusted = (),
    **parameters: Any,
) -> tuple[Predictions, ExtractionResult]:
    """Predict the classes of images with a saved pipeline or fine-tuned network.

    Parameters
    ----------
    path : str or PathLike
        Of the model.
    dataset : ImageDataset
    top : int, default=1
        How many classes to return; fewer if the model does not rank them.
    weights : str, PathLike or sequence of these, default=None
        As for `load_model`.
    trusted : sequence of str or type, default=()
        As for `load_model`.
    **parameters
        Of the model's `CNNFeatureTransformer` or `CNNFineTuneClassifier`: device, batch_size, n_jobs, cache, on_error,
        verbose, value_range.

    Returns
    -------
    predictions : Predictions
        A list of `Prediction`, in the order of the images, without images that could not be read.
    extraction : ExtractionResult
        Without the embeddings.

    Raises
    ------
    ModelFileError, DatasetError, and what `CNNFeatureTransformer` raises.
    """
    check_values(locals(), path=PATH)
    saved = read_model(path, weights=weights, trusted=trusted)
    model = _classifier(os.fspath(path), saved.model)
    _check_parameters(parameters)
    if isinstance(model, CNNFineTuneClassifier):
        scores, extraction = _from_network(model, dataset, parameters)
    elif isinstance(model, Pipeline) and isinstance(model[0], CNNFeatureTransformer):
        scores, extraction = _from_pipeline(model, dataset, parameters)
    else:
        scores, extraction = _from_parts(model, dataset, parameters)
    failed = {failure.index for failure in extraction.failures}
    classes, rows = class_names(model.classes_), [i for i in range(len(dataset)) if i not in failed]
    found = [
        Prediction(dataset.names[i], tuple((classes[c], _probability(scores, i, c)) for c in scores.order[i, :top]))
        for i in rows
    ]
    known = scores.probabilities if scores.probabilities is None or not failed else scores.probabilities[rows]
    kept = next(iter(extraction.embeddings), None)
    extraction.embeddings = []
    embeddings = kept if kept is None or len(kept) == len(rows) else kept[rows]
    decision = _decision_of(model)
    positive = (saved.evaluation or {}).get("positive") if decision is None else str(decision.positive)
    return (
        Predictions(
            found,
            rows=rows,
            classes=classes,
            probabilities=known,
            embeddings=embeddings,
            decision=decision,
            positive=positive if positive in classes else None,
            value_range=next((part.value_range for part in image_estimators(model).values()), None),
        ),
        extraction,
    )


def _decision_of(model: BaseEstimator) -> Decision | None:
    """Return the rule of a model that predicts by a threshold."""
    last = model[-1] if isinstance(model, Pipeline) else model
    last = last.head_ if isinstance(last, TunedHead) else last
    return last.decision if isinstance(last, ThresholdClassifier | CNNFineTuneClassifier) else None


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    if unknown := [name for name in parameters if name not in ACCEPTED_PARAMETERS]:
        hint = nearest(unknown[0], ACCEPTED_PARAMETERS) or f"It takes {', '.join(ACCEPTED_PARAMETERS)}."
        raise ParameterError(f"predict_images has no parameter {unknown[0]!r}", hint)
    checked = {name: parameters[name] for name in ("batch_size", "n_jobs", "on_error") if name in parameters}
    check_values(checked, batch_size=BATCH)


def _probability(scores: ClassScores, row: int, column: int) -> float | None:
    return None if scores.probabilities is None else float(scores.probabilities[row, column])


def _classifier(path: str, model: BaseEstimator) -> BaseEstimator:
    """Return the part of a model that predicts classes, nested pipelines as one; refuse other models."""
    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    if isinstance(model, Pipeline):
        model = Pipeline(_flat(model))
    for _, part in parts(model):
        if isinstance(part, ColumnTransformer):
            columns = [str(name) for name in getattr(part, "feature_names_in_", [])]
            what = f"the columns {', '.join(columns)}" if columns else "columns"
            raise ModelFileError(f"{path} takes a table with {what}, and not images alone", IN_PYTHON)
    classes = getattr(model, "classes_", None)
    if classes is None:
        last = model[-1] if isinstance(model, Pipeline) else model
        kind = (
            "numbers" if is_regressor(last)
            else "clusters" if is_clusterer(last)
            else "outliers" if is_outlier_detector(last)
            else ""
        )  # fmt: skip
        what = f"which predicts {kind}" if kind else "which is not a fitted classifier"
        raise ModelFileError(f"{path} predicts no classes: it ends in {type(last).__name__}, {what}", IN_PYTHON)
    if isinstance(classes, list):
        raise _several(path, len(classes))
    _check_one_label(path, model)
    return model


def _flat(model: Pipeline) -> list[tuple[str, Any]]:
    """Return the steps of a pipeline; a first step that is a pipeline is replaced by its steps."""
    (name, first), *others = model.steps
    return [*(_flat(first) if isinstance(first, Pipeline) else [(name, first)]), *others]


def _check_one_label(path: str, model: BaseEstimator) -> None:
    """Refuse a model that predicts several labels, found with an embedding of zeros before any image is read."""
    if not (isinstance(model, Pipeline) and isinstance(model[0], CNNFeatureTransformer)):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = model[1:].predict(np.zeros((1, model[0].embedding_dim_), np.float32))
        except Exception:  # this head may not accept an embedding of zeros
            return
    if np.ndim(answer) != 1:
        raise _several(path, np.shape(answer)[1])


def _several(path: str, n_labels: int) -> ModelFileError:
    return ModelFileError(f"{path} predicts {n_labels} labels for an image, and not one class", IN_PYTHON)


def _from_network(
    model: CNNFineTuneClassifier, dataset: ImageDataset, parameters: dict[str, Any]
) -> tuple[ClassScores, ExtractionResult]:
    parameters = dict(parameters)
    on_error = parameters.pop("on_error", "raise")
    if parameters.pop("batch_size", "auto") != "auto":  # its own is for training
        note_once("batch_size has no effect on the predictions of a fine-tuned network: they choose their own")
    model.set_params(**parameters)
    images = model.sources(dataset.images, dataset.names)
    probabilities, extraction = model.predict_images(images, on_error=on_error)
    _check_any_readable(extraction)
    decided = None if model.decision is None else model.decision.numbers(probabilities, model.classes_)
    return scores_from_probabilities(probabilities, decided), extraction


def _from_pipeline(
    model: Pipeline, dataset: ImageDataset, parameters: dict[str, Any]
) -> tuple[ClassScores, ExtractionResult]:
    transformer = model[0].set_params(**parameters)
    images = transformer.sources(dataset.images, dataset.names)
    extraction = transformer.extract(images)
    _check_any_readable(extraction)
    good = _readable_rows(extraction)
    extraction.embeddings = [extraction.embeddings[0][good]]
    return class_scores(model[1:], extraction.embeddings[0]).placed(good, len(images)), extraction


def _from_parts(
    model: BaseEstimator, dataset: ImageDataset, parameters: dict[str, Any]
) -> tuple[ClassScores, ExtractionResult]:
    """Predict with a model whose networks can be anywhere, such as in a FeatureUnion or a VotingClassifier."""
    total, bad = ExtractionResult(), {}
    for part in image_estimators(model).values():
        known = part.get_params(deep=False)
        local = {name: value for name, value in parameters.items() if name in known}
        if isinstance(part, CNNFineTuneClassifier):
            local.pop("batch_size", None)
        part.set_params(**local)
        if not hasattr(part, "precision_"):
            continue  # it was cloned, and the fitted clone is another part
        images = part.sources(dataset.images, dataset.names)
        if isinstance(part, CNNFineTuneClassifier):
            _, found = part.predict_images(images, on_error=parameters.get("on_error", "raise"))
        else:
            found = part.extract(images)
        bad.update({failure.index: failure for failure in found.failures})
        total.n_images += found.n_images
        total.n_forwarded += found.n_forwarded
        for stage, value in found.seconds.items():
            total.seconds[stage] = total.seconds.get(stage, 0.0) + value
        total.damaged += found.damaged
    good = np.setdiff1d(np.arange(len(dataset)), list(bad))
    if len(good) == 0:
        raise DatasetError("none of the images can be read", first_reason(list(bad.values())))
    total.failures = [bad[index] for index in sorted(bad)]
    # Their embeddings are in the cache now.
    scores = class_scores(model, [dataset.images[i] for i in good])
    return scores.placed(good, len(dataset)), total


def _readable_rows(extraction: ExtractionResult) -> np.ndarray:
    """Return the rows of the images that could be read."""
    failed = [failure.index for failure in extraction.failures]
    return np.setdiff1d(np.arange(extraction.n_images), failed)


def _check_any_readable(extraction: ExtractionResult) -> None:
    if len(extraction.failures) == extraction.n_images:
        raise DatasetError("none of the images can be read", first_reason(extraction.failures))
