"""Predictions and a labelled data set go in; how often they are right, class by class and in all, comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..datasets.dataset import ImageDataset
from ..display.notes import note_once
from ..evaluation.held_out_result import HeldOutResult, score_held_out
from .predict import Predictions

__all__ = ["JudgedResult", "judge_predictions"]

# Unknown classes that are named.
NAMED_CLASSES = 3


@dataclass(repr=False)
class JudgedResult(HeldOutResult):
    """What predictions are worth on the labelled images among those that were predicted.

    Attributes
    ----------
    classes, n_test, metrics, per_class, confusion_matrix, notes
        As `HeldOutResult` has them, by the class that each image was given alone.
    baseline : Baseline
        Always answering the largest class of these images, since that of the training is not known.
    protocol : str
        Which images judge, in words.
    """

    protocol: str


def judge_predictions(predictions: Predictions, dataset: ImageDataset) -> JudgedResult | None:
    """Compare predictions with labels.

    Images of classes that the model does not know are counted in a note and left out: it cannot be right about them. Of
    a data set with a split the test part judges, or its validation part where there is none.

    Parameters
    ----------
    predictions : Predictions
    dataset : ImageDataset
        What was predicted.

    Returns
    -------
    JudgedResult or None
        None where there are no labels, or none that the model knows, which is logged.
    """
    if dataset.labels is None or not len(predictions):
        return None
    rows, answers = np.array(predictions.rows), np.array([found.top[0][0] for found in predictions])
    where = ""
    if dataset.split is not None:
        part = "test" if (dataset.split == "test").any() else "validation"
        chosen = dataset.split[rows] == part
        rows, answers, where = rows[chosen], answers[chosen], f" of the {part} part"
        if not len(rows):
            note_once(f"nothing is judged: none of the images{where} can be read")
            return None
    numbers = {name: number for number, name in enumerate(predictions.classes)}
    labels = [str(label) for label in dataset.labels[rows]]
    known = np.array([label in numbers for label in labels], dtype=bool)
    unknown = sorted({label for label, found in zip(labels, known, strict=True) if not found})
    more = len(unknown) - NAMED_CLASSES
    named = ", ".join(map(repr, unknown[:NAMED_CLASSES])) + (f" and {more} more" if more > 0 else "")
    if not known.any():
        note_once(f"nothing is judged: no label of the {len(labels):,} images{where} is a class of the model ({named})")
        return None
    truth = np.array([numbers[label] for label in labels if label in numbers])
    report = score_held_out(
        truth,
        np.array([numbers[answer] for answer in answers[known]]),
        classes=predictions.classes,
        trained=truth,
        groups=None if dataset.groups is None else dataset.groups[rows[known]],
    )
    notes = report.notes
    if unknown:
        count, lacking = int((~known).sum()), "a class" if len(unknown) == 1 else f"{len(unknown)} classes"
        are = "image is" if count == 1 else "images are"
        notes = [f"{count:,} more {are} of {lacking} that the model does not know ({named}) and cannot name", *notes]
    if dataset.split is None:
        notes = ["if the model was fitted on these images, the figures say nothing of others", *notes]
    protocol = f"judged by {len(truth):,} labelled image{'' if len(truth) == 1 else 's'}{where}"
    return JudgedResult(**{**vars(report), "notes": notes}, protocol=protocol)
