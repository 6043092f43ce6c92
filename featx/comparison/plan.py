"""Plan a comparison: check its strategies and draw the rows of every repeat, before any image is forwarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier

from ..cache import FileDigests
from ..constraints import check_values, shown
from ..datasets.dataset import ImageDataset
from ..datasets.prepare import PreparedData
from ..datasets.split import join_test
from ..display.notes import note_once
from ..exceptions import FeatxError, ParameterError
from ..extraction.digests import image_keys
from ..extraction.estimator import ImageEstimator, open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from ..heads.tuned_head import TunedHead
from ..images.sources import as_sources
from ..runtime.resources import thread_count
from .design import ComparisonDesign, comparison_split_options, stratified
from .named_sizes import SIZES, named_sizes
from .per_class import PER_CLASS, check_per_class, limit_per_class
from .strategies import kind_of
from .strategy_names import check_name

__all__ = ["ComparisonPlan", "check_strategies", "holds_out_validation", "plan_comparison"]


@dataclass(frozen=True)
class ComparisonPlan:
    """What `compare_strategies` is about to do.

    Attributes
    ----------
    strategies : mapping of str to classifier
    data : PreparedData
        Joined with the test set.
    per_class : mapping of str to int
        The most training images of each class, for the strategies that have such a number.
    """

    strategies: Mapping[str, BaseEstimator]
    data: PreparedData
    per_class: Mapping[str, int] = field(default_factory=dict)

    @property
    def design(self) -> ComparisonDesign:
        """The rows of every repeat."""
        return self.data.split

    def trains(self, strategy: str) -> list[list[np.ndarray]]:
        """Return the training rows of a strategy, for each repeat those of each size."""
        repeats = self.design.repeats
        if strategy not in self.per_class:
            return [repeat.trains for repeat in repeats]
        labels, together = np.asarray(self.data.dataset.labels), self.data.dataset.together
        most = self.per_class[strategy]
        return [
            limit_per_class(labels, repeat.trains, most, together=together, random_state=repeat.seed)
            for repeat in repeats
        ]

    def estimator(self, strategy: str, size: int) -> BaseEstimator:
        """Return the classifier of a strategy at a size, whose percentages say how many images it validates on."""
        estimator = self.strategies[strategy]
        if self.design.sizes is None or not holds_out_validation(estimator):
            return estimator
        share = self.design.sizes[size].validation_fraction
        own = {"validation_fraction": share} if share else {"early_stopping": False}
        return clone(estimator).set_params(**own)

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
    sizes: Mapping[str, Sequence[float]] | None = None,
    per_class: Mapping[str, int] | None = None,
) -> ComparisonPlan:
    """Return what `compare_strategies` is about to do, after raising what it would raise before any image is read.

    Parameters
    ----------
    dataset, strategies, test, train_sizes, test_size, stratify, min_images, repeats, random_state, transfer, sizes
        As for `compare_strategies`.
    per_class : mapping of str to int, default=None
        As for `compare_strategies`.
    """
    check_values(locals(), per_class=PER_CLASS, sizes=SIZES)
    percentages = named_sizes(sizes)
    if percentages is not None:
        _check_alone({"train_sizes": train_sizes, "test_size": test_size, "test": test})
        dataset = _without_split(dataset)
    dataset = join_test(dataset, test, test_size=test_size)
    check_strategies(strategies, transfer, dataset)
    most = check_per_class(per_class, strategies)
    dataset = stratified(dataset, stratify)
    options: dict[str, Any] = {"train_sizes": train_sizes, "repeats": repeats, "random_state": random_state}
    options["sizes"] = percentages
    split_options = comparison_split_options(**options, test_size=test_size, min_images=min_images)
    return ComparisonPlan(strategies, split_options.prepare(dataset), most)


def holds_out_validation(estimator: BaseEstimator) -> bool:
    """Return whether a classifier trains with a validation part of its training images."""
    own = estimator.get_params(deep=False)
    return "validation_fraction" in own and bool(own.get("early_stopping"))


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
        check_name(name)
        if not _is_classifier(estimator):
            raise ParameterError(
                f"the strategy {name} is no classifier", "Pass a classifier of images, such as make_strategy gives."
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


def _is_classifier(estimator: Any) -> bool:
    if not hasattr(estimator, "fit"):
        return False
    try:
        return hasattr(estimator, "predict_proba") or (hasattr(estimator, "predict") and is_classifier(estimator))
    except Exception:  # without the tags of scikit-learn
        return False


def _check_alone(others: Mapping[str, Any]) -> None:
    for name, value in others.items():
        if value is not None:
            raise ParameterError(
                f"got sizes and {name}; sizes say which share of all images is tested on", f"Leave {name} out."
            )


def _without_split(dataset: ImageDataset) -> ImageDataset:
    if dataset.split is None:
        return dataset
    note_once("the split that the data set came with gives way to the sizes: its parts become one")
    return replace(dataset, split=None)


def _memory(strategies: Mapping[str, BaseEstimator]) -> FileDigests:
    """Return the memory of file digests of the first cache that a strategy has."""
    for estimator in strategies.values():
        for name, value in estimator.get_params(deep=True).items():
            if name.rpartition("__")[2] == "cache" and (cache := open_cache(value)) is not None:
                return cache.digests
    return FileDigests(None)
