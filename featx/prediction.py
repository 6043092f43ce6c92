"""A saved model and images go in, the most probable classes come out."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from .datasets import ImageDataset
from .exceptions import DatasetError, ModelFileError
from .extraction import Extraction
from .finetune import CNNFineTuneClassifier
from .notes import note_once
from .persistence import load_model
from .transformer import CNNFeatureTransformer

__all__ = ["Prediction", "Predictions", "predict_images"]


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image.

    Attributes
    ----------
    name : str
    top : tuple of (label, probability)
        The most probable first.
    """

    name: str
    top: tuple[tuple[str, float], ...]


class Predictions(list[Prediction]):
    """The predictions of the images that can be read, in their order.

    Parameters
    ----------
    predictions : iterable of Prediction
    rows : list of int
        Their rows in the data set.
    classes : list of str
        All that the model knows.
    """

    def __init__(self, predictions: Iterable[Prediction], *, rows: list[int], classes: list[str]) -> None:
        super().__init__(predictions)
        self.rows, self.classes = rows, classes


def predict_images(
    path: str | os.PathLike[str], dataset: ImageDataset, *, top: int = 1, **parameters: Any
) -> tuple[Predictions, Extraction]:
    """Predict the classes of images with a saved pipeline or fine-tuned network.

    Parameters
    ----------
    path : str or PathLike
        Of the model.
    dataset : ImageDataset
    top : int, default=1
    **parameters
        Of the model's `CNNFeatureTransformer` or `CNNFineTuneClassifier`: device, batch_size, n_jobs, cache, on_error,
        verbose, value_range.

    Returns
    -------
    predictions : Predictions
        A list of `Prediction`, in the order of the images, without those in the ledger.
    extraction : Extraction
        Without the embeddings.

    Raises
    ------
    ModelFileError, DatasetError, and what `CNNFeatureTransformer` raises.
    """
    model = load_model(path)
    if isinstance(model, CNNFineTuneClassifier):
        probabilities, extraction = _from_network(model, dataset, parameters)
    elif isinstance(model, Pipeline) and isinstance(model[0], CNNFeatureTransformer):
        probabilities, extraction = _from_pipeline(model, dataset, parameters)
    else:
        raise ModelFileError(f"{path} is no pipeline that starts with a CNNFeatureTransformer",
                             "Use load_model and its predict.")  # fmt: skip
    failed = {failure.index for failure in extraction.failures}
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    # As the names of labelled images are read; models of earlier versions may hold another form.
    classes = [unicodedata.normalize("NFC", str(name)) for name in model.classes_]
    rows = [i for i in range(len(dataset)) if i not in failed]
    found = [
        Prediction(dataset.names[i], tuple((classes[c], float(probabilities[i, c])) for c in order[i])) for i in rows
    ]
    return Predictions(found, rows=rows, classes=classes), extraction


def _from_network(
    model: CNNFineTuneClassifier, dataset: ImageDataset, parameters: dict[str, Any]
) -> tuple[np.ndarray, Extraction]:
    parameters = dict(parameters)
    on_error = parameters.pop("on_error", "raise")
    if parameters.pop("batch_size", "auto") != "auto":  # its own is that of the training
        note_once("batch_size has no effect on the predictions of a fine-tuned network: they choose their own")
    model.set_params(**parameters)
    images = model.sources(dataset.images, dataset.names)
    probabilities, extraction = model.predict_images(images, on_error=on_error)
    _check_any(extraction)
    return probabilities, extraction


def _from_pipeline(model: Pipeline, dataset: ImageDataset, parameters: dict[str, Any]) -> tuple[np.ndarray, Extraction]:
    transformer, head = model[0].set_params(**parameters), model[1:]
    images = transformer.sources(dataset.images, dataset.names)
    extraction = transformer.extract(images)
    _check_any(extraction)
    failed = {failure.index for failure in extraction.failures}
    good = [i for i in range(len(images)) if i not in failed]
    embeddings = extraction.embeddings[0][good]
    extraction.embeddings = []
    probabilities = np.full((len(images), len(head.classes_)), np.nan)
    if hasattr(head, "predict_proba"):
        probabilities[good] = head.predict_proba(embeddings)
    else:
        probabilities[good] = head.predict(embeddings)[:, None] == head.classes_[None, :]
    return probabilities, extraction


def _check_any(extraction: Extraction) -> None:
    if len(extraction.failures) == extraction.n_images:
        raise DatasetError("none of the images can be read", "The ledger lists the reasons.")
