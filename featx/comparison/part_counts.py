"""Count the images of each size of a comparison before it runs: to train on, to validate on and to test on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator

from ..display.records import Record
from ..exceptions import DatasetError
from ..finetuning.validation_part import hold_out_validation
from .plan import ComparisonPlan, holds_out_validation

__all__ = ["PartCounts", "count_parts"]


@dataclass(frozen=True, repr=False)
class PartCounts(Record):
    """The images of one size, in the first repeat.

    Attributes
    ----------
    name : str
        Of the size, if it has one.
    train : int
        Images that networks are trained on; with no `validation`, all that are not tested.
    validation : int or None
        Images by which the training of networks stops; None where no strategy has such a part, or strategies differ.
        Frozen features are tuned on both together, by cross-validation.
    test : int
    n_images : int
        Images in all.
    limited : dict of str to int
        The images that a strategy trains and validates on, where `per_class` limits it.
    percent : dict of str to float
        The percentages of `train`, `test` and, if there is one, `validation`.
    """

    name: str
    train: int
    validation: int | None
    test: int
    n_images: int
    limited: dict[str, int]
    percent: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        shares = {name: 100 * part / self.n_images for name, part in parts.items() if part is not None}
        object.__setattr__(self, "percent", shares)

    @property
    def pool(self) -> int:
        """Images to train and to validate on."""
        return self.train + (self.validation or 0)


def count_parts(plan: ComparisonPlan) -> list[PartCounts]:
    """Return the images of each size in the first repeat.

    Parameters
    ----------
    plan : ComparisonPlan
    """
    design, dataset = plan.design, plan.data.dataset
    repeat, labels = design.repeats[0], np.asarray(dataset.labels)
    names = ["" for _ in repeat.trains] if design.sizes is None else [size.name for size in design.sizes]
    limited = {name: plan.trains(name)[0] for name in plan.per_class}
    found = []
    for number, (name, rows) in enumerate(zip(names, repeat.trains, strict=True)):
        some, held = dataset.take(rows), 0
        estimators = {each: plan.estimator(each, number) for each in plan.strategies}
        fraction = _fraction(estimators)
        if design.sizes is not None:
            fraction = design.sizes[number].validation_fraction
        if fraction:
            classes, targets = np.unique(labels[rows], return_inverse=True)
            try:
                _, validation = hold_out_validation(
                    targets,
                    classes,
                    fraction=fraction,
                    groups=some.groups,
                    together=some.together,
                    random_state=repeat.seed,
                )
            except DatasetError:  # a strategy that trains says so itself
                validation = rows[:0]
            held = len(validation)
        found.append(
            PartCounts(
                name,
                len(rows) - held,
                None if fraction is None else held,
                len(repeat.tested(number)),
                len(labels),
                {each: len(trains[number]) for each, trains in limited.items()},
            )
        )
    return found


def _fraction(estimators: Mapping[str, BaseEstimator]) -> float | None:
    """Return the share of the training images that all networks hold out to stop by; None if there is no such share."""
    trained = [each for each in estimators.values() if "validation_fraction" in each.get_params(deep=False)]
    shares = {each.validation_fraction if holds_out_validation(each) else 0.0 for each in trained}
    return shares.pop() if len(shares) == 1 else None
