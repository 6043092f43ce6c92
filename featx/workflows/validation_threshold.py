"""Choose the threshold of a fine-tuned network on its validation part, which is not trained on."""

from __future__ import annotations

import numpy as np

from ..datasets.dataset import ImageDataset
from ..evaluation.operating_point import OperatingPoint, class_number
from ..evaluation.thresholds import ChosenThreshold, Decision, choose_threshold
from ..evaluation.units import judged_units
from ..exceptions import DatasetError, ParameterError
from ..finetuning.classifier import CNNFineTuneClassifier

__all__ = ["check_validation_part", "decide_on_validation"]


def check_validation_part(classifier: CNNFineTuneClassifier, validation: ImageDataset, positive: object) -> None:
    """Refuse a training whose validation part cannot choose a threshold, before any image is read.

    Parameters
    ----------
    classifier : CNNFineTuneClassifier
    validation : ImageDataset
    positive : object
        One of the classes.

    Raises
    ------
    ParameterError
        If nothing is held out.
    DatasetError
        If the positive class, or every other, is missing in it.
    """
    if not classifier.early_stopping:
        raise ParameterError(
            "got an operating point with early_stopping=False, which holds out no validation part to choose the "
            "threshold on",
            "Leave early stopping on.",
        )
    own = np.array([str(label) for label in np.asarray(validation.labels)]) == str(positive)
    if not own.any() or own.all():
        lacking = f"images of {str(positive)!r}" if not own.any() else f"images of other classes than {str(positive)!r}"
        raise DatasetError(f"the validation part has no {lacking} to choose the threshold on", "Add some to it.")


def decide_on_validation(
    model: CNNFineTuneClassifier, validation: ImageDataset, positive: object, point: OperatingPoint
) -> ChosenThreshold:
    """Choose the threshold by what a fitted model predicts for the validation part, and have it decide by that.

    The part also chose the epoch that is kept, so that what is reached on it is a little optimistic.

    Parameters
    ----------
    model : CNNFineTuneClassifier
    validation : ImageDataset
    positive : object
        One of the classes.
    point : OperatingPoint
    """
    probabilities, _ = model.predict_images(model.sources(validation.images, validation.names))
    number = class_number(positive, model.classes_)
    label = model.classes_[number]
    chosen = choose_threshold(
        np.asarray(validation.labels) == label,
        probabilities[:, number],
        point,
        name=str(label),
        units=judged_units(validation.groups, validation.together),
    )
    model.decide_by(Decision(label.item(), chosen.threshold, point.text))
    return chosen
