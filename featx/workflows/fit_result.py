"""The result of `fit_model`: the model, its evaluation, and the embeddings of the layer and pooling that were kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ..display.json_values import as_json
from ..display.summary_mixin import SummaryMixin
from ..extraction.extract import ExtractionResult
from ..heads.results import EvaluationResult

__all__ = ["FitResult"]


@dataclass(repr=False)
class FitResult(SummaryMixin):
    """What `fit_model` returns.

    Attributes
    ----------
    model : Pipeline
        `CNNFeatureTransformer` and the best head, fitted; predicts images.
    evaluation : EvaluationResult
    extraction : ExtractionResult
        Counts, timings and failures, without the embeddings.
    train_rows : ndarray of int
        Rows of the data set that a model was fitted on: all of a cross-validation, but for images that are left out.
    embeddings : ndarray of float32, shape (n, d), or None
        Of the kept layer and pooling; None in results of older versions.
    rows : ndarray of int, shape (n,), or None
        Their rows in the data set, in increasing order.
    """

    model: Pipeline
    evaluation: EvaluationResult
    extraction: ExtractionResult
    train_rows: np.ndarray
    embeddings: np.ndarray | None = field(default=None, compare=False)
    rows: np.ndarray | None = field(default=None, compare=False)

    def to_dict(self, *, predictions: bool = False) -> dict[str, Any]:
        """Return the figures, without the model and the rows, as types that JSON can hold.

        Parameters
        ----------
        predictions : bool, default=False
            Whether the evaluation has the prediction for each image.
        """
        extraction = {
            "n_images": self.extraction.n_images,
            "n_forwarded": self.extraction.n_forwarded,
            "seconds": self.extraction.seconds,
            "failures": self.extraction.failures,
        }
        return as_json({"evaluation": self.evaluation.to_dict(predictions=predictions), "extraction": extraction})

    def to_json(self, *, predictions: bool = False) -> str:
        """Return `to_dict` as JSON text; `predictions` is as there."""
        return json.dumps(self.to_dict(predictions=predictions), indent=2, default=str, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> list[str]:
        """Write the model and its evaluation to a file; see `save_model`.

        Parameters
        ----------
        path : str or PathLike

        Returns
        -------
        list of str
            The types of a classifier of your own that `load_model` must be told to trust.
        """
        from ..model_files.loadable import types_to_trust
        from ..model_files.persistence import save_model  # whose import takes a second

        # It was fitted here, so that its code is trusted here.
        own = types_to_trust(self.model[-1])
        save_model(self.model, path, evaluation=json.loads(self.to_json())["evaluation"], trusted=own)
        return own
