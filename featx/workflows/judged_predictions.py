"""Accuracy and other metrics of predictions on labelled images, in all and by class (`featx predict`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..datasets.dataset import ImageDataset
from ..display.names import few
from ..display.notes import note_once
from ..display.quantities import count_text
from ..evaluation.held_out_result import HeldOutResult, score_held_out
from ..evaluation.operating_point import parse_operating_point
from ..evaluation.reached_point import judge_point
from ..evaluation.thresholds import ChosenThreshold
from ..evaluation.units import nontrivial_groups
from ..images.pixels import ValueRange
from .predict import Predictions

__all__ = ["JudgedResult", "judge_predictions"]


@dataclass(repr=False)
class JudgedResult(HeldOutResult):
    """The figures of predictions on those of the predicted images that have labels.

    Attributes
    ----------
    classes, n_test, metrics, per_class, confusion_matrix, notes, predictions, positive, operating_point
        As in `HeldOutResult`; computed from the predicted classes alone if the model has no probabilities, or predicts
        another class than the most probable one without a threshold of featx.
    baseline : Baseline
        Always predicting the largest class of these images, since that of the training images is not known.
    protocol : str
        Which images judge, in words.
    embeddings : ndarray of float32, shape (n, d), or None
        Of these images, as the head was given them. JSON does not have them.
    rows : ndarray of int, shape (n,), or None
        Their rows in the data set, in increasing order.
    value_range : (low, high), "minmax" or None
        By which they were read. JSON does not have it.
    """

    protocol: str
    embeddings: np.ndarray | None = field(default=None, compare=False, metadata={"json": False})
    rows: np.ndarray | None = field(default=None, compare=False, metadata={"json": False})
    value_range: ValueRange = field(default=None, metadata={"json": False})


def judge_predictions(predictions: Predictions, dataset: ImageDataset) -> JudgedResult | None:
    """Compare predictions with labels.

    Images of classes that the model does not know are counted in a note and left out: it cannot be right about them. If
    the data set has a split, its test part judges, or its validation part if it has no test part.

    Parameters
    ----------
    predictions : Predictions
    dataset : ImageDataset
        The images that were predicted.

    Returns
    -------
    JudgedResult or None
        None if there are no labels, or none that the model knows, which is logged.
    """
    if dataset.labels is None or not len(predictions):
        return None
    rows, predicted = np.array(predictions.rows), np.array([found.top[0][0] for found in predictions])
    places, where = np.arange(len(rows)), ""
    if dataset.split is not None:
        part = "test" if (dataset.split == "test").any() else "validation"
        chosen = dataset.split[rows] == part
        rows, predicted, where = rows[chosen], predicted[chosen], f" of the {part} part"
        places = places[chosen]
        if not len(rows):
            note_once(f"nothing is judged: none of the images{where} can be read")
            return None
    numbers = {name: number for number, name in enumerate(predictions.classes)}
    labels = [str(label) for label in dataset.labels[rows]]
    known = np.array([label in numbers for label in labels], dtype=bool)
    unknown = sorted({label for label, found in zip(labels, known, strict=True) if not found})
    named = few(list(map(repr, unknown)))
    if not known.any():
        note_once(f"nothing is judged: no label of the {len(labels):,} images{where} is a class of the model ({named})")
        return None
    truth = np.array([numbers[label] for label in labels if label in numbers])
    answers = np.array([numbers[name] for name in predicted[known]])
    decision, decided = predictions.decision, None
    if predictions.probabilities is not None:
        probabilities = predictions.probabilities[places[known]]
        if decision is not None:
            answers, decided = probabilities, answers
        elif (probabilities.argmax(axis=1) == answers).all():
            answers = probabilities
    units = None if dataset.groups is None else dataset.groups[rows[known]]
    number = None if predictions.positive is None else numbers[predictions.positive]
    report = score_held_out(
        truth,
        answers,
        classes=predictions.classes,
        trained=truth,
        groups=units,
        rows=rows[known],
        metric="accuracy" if decided is None else "balanced_accuracy",
        decided=decided,
        positive=number,
    )
    if decision is not None and decided is not None and decision.operating_point:
        report.operating_point = judge_point(
            truth == number,
            decided == number,
            parse_operating_point(decision.operating_point),
            ChosenThreshold(decision.threshold, {}, []),
            positive=str(decision.positive),
            thresholds=[decision.threshold],
            units=nontrivial_groups(units),
        )
    report.predictions = report.predictions.named(dataset.names)
    notes = report.notes
    if unknown:
        count, lacking = int((~known).sum()), "a class" if len(unknown) == 1 else f"{len(unknown)} classes"
        are = "image is" if count == 1 else "images are"
        notes = [f"{count:,} more {are} of {lacking} that the model does not know ({named}) and cannot predict", *notes]
    if dataset.split is None:
        notes = ["if the model was fitted on these images, the figures say nothing about others", *notes]
    protocol = f"judged by {count_text(len(truth), 'labelled image')}{where}"
    kept = None if predictions.embeddings is None else predictions.embeddings[places[known]]
    more = {"protocol": protocol, "embeddings": kept, "rows": rows[known], "value_range": predictions.value_range}
    return JudgedResult(**{**vars(report), "notes": notes, **more})
