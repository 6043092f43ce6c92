"""Prediction with a fine-tuned network: the methods of a classifier that work once it is fitted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..choices import OnError, ResolvedPrecision
from ..evaluation.thresholds import Decision
from ..extraction.estimator import ImageEstimator, open_cache
from ..extraction.extract import ExtractionResult
from ..images.augmentation import resolve_augmentation
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.device import resolve_precision
from .finetuned_network import FineTunedNetwork

__all__ = ["FineTunedEstimator"]


class FineTunedEstimator(ClassifierMixin, ImageEstimator):
    """The methods of a fine-tuned classifier that work once it is fitted."""

    # The batches of a training decide its result.
    parameter_groups: ClassVar = {**ImageEstimator.parameter_groups, "machine": ("device",)}

    @property
    def decision(self) -> Decision | None:
        """The rule by which `predict` chooses the class, if it is not the most probable one."""
        kept = getattr(self, "decision_", None)
        return None if kept is None else Decision(**kept)

    def decide_by(self, decision: Decision) -> None:
        """Have `predict` choose a class by the threshold of its probability from now on, until the next fit."""
        self.decision_ = dict(vars(decision))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each image, or the one decided by a threshold.

        Parameters
        ----------
        X : array-like of images

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        probabilities = self.predict_proba(X)
        if (decision := self.decision) is not None:
            return self.classes_[decision.numbers(probabilities, self.classes_)]
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : array-like of images

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        return self.predict_images(self._images(X, reset=False))[0]

    def predict_images(
        self, images: Sequence[ImageSource], *, on_error: OnError = "raise"
    ) -> tuple[np.ndarray, ExtractionResult]:
        """Return class probabilities with the failures and timings.

        Parameters
        ----------
        images : sequence of ImageSource
        on_error : {"raise", "skip"}, default="raise"
            Whether an unreadable image raises, or is skipped: its row is NaN, and `failures` names it.

        Returns
        -------
        probabilities : ndarray of float64, shape (n, n_classes)
        extraction : ExtractionResult
            With the embeddings that the head was given.
        """
        return self.network().predict(
            images,
            augmentation=resolve_augmentation(self.augmentation),
            test_draws=self.test_draws,
            seed=self.random_state,
            cache=open_cache(self.cache),
            precision=self.arithmetic(self.source()),
            device=self.device,
            n_jobs=self.n_jobs,
            on_error=on_error,
            verbose=self.verbose,
        )

    def arithmetic(self, source: BackboneSource) -> ResolvedPrecision:
        """Return what `precision` stands for; "auto" is float32, as in training."""
        return resolve_precision(self.precision)

    def export_weights(self, path: str | os.PathLike[str]) -> None:
        """Write the trained network as safetensors, for ``CNNFeatureTransformer(backbone, weights=path)``.

        Parameters
        ----------
        path : str or PathLike
            Must end in ``.safetensors``; an existing file is replaced.
        """
        check_is_fitted(self)
        self.network().export(path)

    def network(self) -> FineTunedNetwork:
        """Return the trained network and its head, without building it."""
        base = self.source()
        return FineTunedNetwork(base, self.view(base), self.state_, self.head_)
