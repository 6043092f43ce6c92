"""The result of `finetune_model`: the trained model, its figures on held-out images, and the curves of its training."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..display.json_values import as_json
from ..evaluation.held_out_result import HeldOutResult
from ..extraction.extract import ExtractionResult
from ..finetuning.classifier import CNNFineTuneClassifier
from ..images.failures import Failure

__all__ = ["FineTuneResult"]


@dataclass(repr=False)
class FineTuneResult(HeldOutResult):
    """What `finetune_model` returns.

    Attributes
    ----------
    classes, n_test, metrics, per_class, confusion_matrix, baseline, notes, predictions
        As in `HeldOutResult`.
    model : CNNFineTuneClassifier
        Fitted on the training images.
    protocol : str
        In words, which images the figures are from.
    history : dict of str to list, the last two keys to dict
        The training curves; see `CNNFineTuneClassifier`.
    best_epoch : int
    trained_stages : list of str
    seconds : dict of str to float
        Of `extraction`, `training` and `prediction`.
    extraction : ExtractionResult
        Counts and timings of all passes through the network, including those of the prediction.
    n_train : int
        Images that were trained on, including those that the classifier held out for early stopping.
    train_rows : ndarray of int
        Their rows in the data set. JSON does not have it.
    failures : list of Failure
        The images that could not be read.
    embeddings : ndarray of float32, shape (n, d), or None
        Of the test images, as the trained network gives them to its head. JSON does not have them.
    rows : ndarray of int, shape (n,), or None
        Their rows in the data set, in increasing order.
    positive, operating_point
        As in `HeldOutResult`.
    """

    model: CNNFineTuneClassifier
    protocol: str
    history: dict[str, Any]
    best_epoch: int
    trained_stages: list[str]
    seconds: dict[str, float]
    extraction: ExtractionResult
    n_train: int
    train_rows: np.ndarray = field(compare=False)
    failures: list[Failure] = field(default_factory=list)
    embeddings: np.ndarray | None = field(default=None, compare=False)
    rows: np.ndarray | None = field(default=None, compare=False)

    def to_dict(self, *, iterations: bool = False, predictions: bool = False) -> dict[str, Any]:
        """Return the figures, without the model and the rows, as types that JSON can hold.

        Parameters
        ----------
        iterations : bool, default=False
            Whether the history has each mini-batch, too, of which there may be many.
        predictions : bool, default=False
            As for `HeldOutResult.to_dict`.
        """
        left_out = ("model", "predictions", "train_rows", "embeddings", "rows")
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in left_out}
        parts["extraction"] = {name: getattr(self.extraction, name) for name in ("n_images", "n_forwarded", "seconds")}
        parts["history"] = {key: curve for key, curve in self.history.items() if iterations or key != "iterations"}
        return as_json(parts) | ({"predictions": self.predictions.to_records()} if predictions else {})

    def to_json(self, *, iterations: bool = False, predictions: bool = False) -> str:
        """Return `to_dict` as JSON text; parameters are as there."""
        return json.dumps(self.to_dict(iterations=iterations, predictions=predictions), indent=2, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model and its figures to a file; see `save_model`."""
        from ..model_files.persistence import save_model  # which loads torch

        save_model(self.model, path, evaluation=json.loads(self.to_json()))
