"""A saved model and images go in, the most probable classes come out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from .datasets import ImageDataset
from .exceptions import DatasetError, ModelFileError
from .extraction import Extraction
from .images import as_sources
from .persistence import load_model
from .transformer import CNNFeatureTransformer

__all__ = ["Prediction", "predict_images"]


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


def predict_images(
    path: str | os.PathLike[str], dataset: ImageDataset, *, top: int = 1, **parameters: Any
) -> tuple[list[Prediction], Extraction]:
    """Predict the classes of images with a saved pipeline.

    Parameters
    ----------
    path : str or PathLike
        Of the model.
    dataset : ImageDataset
    top : int, default=1
    **parameters
        Of the model's `CNNFeatureTransformer`: device, batch_size, n_jobs, cache, on_error, verbose.

    Returns
    -------
    predictions : list of Prediction
        In the order of the images, without those in the ledger.
    extraction : Extraction
        Without the embeddings.

    Raises
    ------
    ModelFileError, DatasetError, and what `CNNFeatureTransformer` raises.
    """
    model = load_model(path)
    if not (isinstance(model, Pipeline) and isinstance(model[0], CNNFeatureTransformer)):
        raise ModelFileError(f"{path} is no pipeline that starts with a CNNFeatureTransformer",
                             "Use load_model and its predict.")  # fmt: skip
    transformer, head = model[0].set_params(**parameters), model[1:]
    extraction = transformer.extract(as_sources(dataset.images, names=dataset.names))
    failed = {failure.index for failure in extraction.failures}
    good = [i for i in range(len(dataset)) if i not in failed]
    if not good:
        raise DatasetError("none of the images can be read", "The ledger lists the reasons.")
    embeddings = extraction.embeddings[0][good]
    extraction.embeddings = []
    if not hasattr(head, "predict_proba"):
        labels = head.predict(embeddings)
        sure = [Prediction(dataset.names[i], ((str(label), 1.0),)) for i, label in zip(good, labels, strict=True)]
        return sure, extraction
    probabilities = head.predict_proba(embeddings)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        Prediction(dataset.names[i], tuple((str(head.classes_[c]), float(row[c])) for c in best))
        for i, row, best in zip(good, probabilities, order, strict=True)
    ], extraction
