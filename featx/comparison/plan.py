"""Plan a comparison: check its strategies and draw the rows of every repeat, before any image is forwarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..cache import FileDigests
from ..constraints import check_values, shown
from ..datasets.dataset import ImageDataset
from ..datasets.prepare import PreparedData
from ..datasets.split import join_test
from ..exceptions import FeatxError, ParameterError
from ..extraction.digests import image_keys
from ..extraction.estimator import ImageEstimator, open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from ..heads.tuned_head import TunedHead
from ..images.sources import as_sources
from ..runtime.resources import thread_count
from .design import ComparisonDesign, comparison_split_options, stratified
from .strategies import kind_of

__all__ = ["ComparisonPlan", "check_strategies", "plan_comparison"]


@dataclass(frozen=True)
class ComparisonPlan:
    """What `compare_strategies` is about to do.

    Attributes
    ----------
    strategies : mapping of str to classifier
    data : PreparedData
        Joined with the test set.
    """

    strategies: Mapping[str, BaseEstimator]
    data: PreparedData

    @property
    def design(self) -> ComparisonDesign:
        """The rows of every repeat."""
        return self.data.split

    def read_keys(self, *, verbose: bool = False) -> list[Any]:
        """Return what identifies the content of each image, or the error of reading it; URLs are not read."""
        images, memory = as_sources(self.data.whole.images, names=self.data.whole.names), _memory(self.strategies)
        return image_keys(images, memory, threads=thread_count(None), fetch=False, verbose=verbose)

    def with_keys(self, keys: Sequence[Any]) -> ComparisonPlan:
        """Return the plan with the rows drawn anew, now that copies are known."""
        return replace(self, data=self.data.with_keys(keys))


def plan_comparison(
    dataset: ImageDataset,
    strategies: Mapping[str, BaseEstimator],
    *,
    test: ImageDataset | None = None,
    train_sizes: Sequence[float | int] | None = None,
    test_size: float | None = None,
    stratify: np.ndarray | None = None,
    min_images: int = 1,
    repeats: int | None = None,
    random_state: int = 0,
    transfer: CNNFeatureTransformer | None = None,
) -> ComparisonPlan:
    """Return what `compare_strategies` is about to do, after raising what it would raise before any image is read.

    Parameters
    ----------
    dataset, strategies, test, train_sizes, test_size, stratify, min_images, repeats, random_state, transfer
        As for `compare_strategies`.
    """
    check_values(locals())
    dataset = join_test(dataset, test, test_size=test_size)
    check_strategies(strategies, transfer, dataset)
    dataset = stratified(dataset, stratify)
    options: dict[str, Any] = {"train_sizes": train_sizes, "repeats": repeats, "random_state": random_state}
    split_options = comparison_split_options(**options, test_size=test_size, min_images=min_images)
    return ComparisonPlan(strategies, split_options.prepare(dataset))


def check_strategies(
    strategies: Mapping[str, BaseEstimator], transfer: CNNFeatureTransformer | None, dataset: ImageDataset
) -> None:
    """Raise what a strategy would refuse, before any image is forwarded."""
    if not isinstance(strategies, Mapping) or not strategies:
        raise ParameterError(
            f"got strategies={shown(strategies)}; expected a mapping of names to classifiers, one at least",
            "For names: {name: make_strategy(name, transformer) for name in names}.",
        )
    for name, estimator in strategies.items():
        if not (hasattr(estimator, "fit") and hasattr(estimator, "predict_proba")):
            raise ParameterError(
                f"the strategy {name} has no predict_proba",
                "End it in a TunedHead, or wrap its classifier in CalibratedClassifierCV.",
            )
        try:
            if kind_of(estimator) == "frozen":
                estimator[0].check_parameters()
                if isinstance(estimator[-1], TunedHead):
                    estimator[-1].spec(len(dataset.classes))
            elif isinstance(estimator, CNNFineTuneClassifier):
                estimator.check_parameters(dataset.labels)
            elif isinstance(estimator, ImageEstimator):
                estimator.source()
        except FeatxError as error:
            error.message = f"strategy {name}: {error.message}"
            raise
    if transfer is not None:
        transfer.check_parameters()


def _memory(strategies: Mapping[str, BaseEstimator]) -> FileDigests:
    """Return the memory of file digests of the first cache that a strategy has."""
    for estimator in strategies.values():
        for name, value in estimator.get_params(deep=True).items():
            if name.rpartition("__")[2] == "cache" and (cache := open_cache(value)) is not None:
                return cache.digests
    return FileDigests(None)
