"""What an SVM with a kernel will take on many rows, from a formula, and the sentence that says it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.model_selection import ParameterGrid

from ..display.notes import note_once
from ..display.quantities import duration_text, size_text
from ..evaluation.splits import INNER_FOLDS
from ..process import remember
from .grid_predictions import KERNEL_BYTES
from .heads import HeadSpec

__all__ = ["SvmCost", "announce_svm", "svm_cost", "svm_note"]

# Seconds for each pair of rows and feature, of a fit and of a prediction: on one core of an AMD EPYC, with standardised
# rows that are all support vectors, which is the most (benchmarks/svm_cost.py).
FIT, PREDICT = 4e-10, 4.4e-10
# Of a fit whose kernel is there already, for each pair of rows.
KNOWN_KERNEL = 4e-8
# Of the rows: float64 copies of the calibration, the scaler and libsvm, and the support vectors of its folds.
ROW_BYTES = 32
CACHE_BYTES = 200e6
# What takes less is not announced.
MOST_SECONDS = 600.0
# The longest that was announced in this process for each width.
_announced: dict[int, float] = remember("remarks", {})


@dataclass(frozen=True)
class SvmCost:
    """What tuning, fitting and predicting take, about.

    Attributes
    ----------
    seconds : float
        On one core.
    memory_bytes : float
        Beyond the embeddings themselves.
    """

    seconds: float
    memory_bytes: float


def svm_cost(n: int, width: int, *, n_values: int, tuning_images: int | None) -> SvmCost:
    """Return what a tuned SVM with a kernel takes to be fitted on rows and to predict a quarter as many.

    Parameters
    ----------
    n, width : int
        Rows and features.
    n_values : int
        Combinations of its grid.
    tuning_images : int or None
        As for `TunedHead`.

    Notes
    -----
    Fits grow with the square of the rows and with the features, as in libsvm, which compares each row with each
    (Bottou and Lin 2007, Support Vector Machine Solvers); the factors are measured. Data that are easy to tell apart
    take less, and the number of classes changes it by less than a half.
    """
    searched = n if tuning_images is None else min(n, tuning_images)
    train, test = searched * (INNER_FOLDS - 1) / INNER_FOLDS, searched / INNER_FOLDS
    if 8 * train**2 <= KERNEL_BYTES:  # computed once for all values
        one = KNOWN_KERNEL * train**2
    else:
        one = (FIT * train + PREDICT * test) * train * width
    inner = n * (INNER_FOLDS - 1) / INNER_FOLDS
    # The head itself, and the folds that its temperature is chosen on, all of which are predicted.
    last = FIT * (n**2 + INNER_FOLDS * inner**2) + PREDICT * n * (inner + n / 4)
    return SvmCost(n_values * INNER_FOLDS * one + last * width, ROW_BYTES * n * width + CACHE_BYTES)


def svm_note(spec: HeadSpec, sizes: list[int], width: int, tuning_images: int | None) -> tuple[str, float]:
    """Return the sentence about fits of a head on so many rows each, and their seconds; "" if there is nothing to say.

    Parameters
    ----------
    spec : HeadSpec
        Of any head; only "svm" has a sentence.
    sizes : list of int
    width : int
    tuning_images : int or None
        As for `TunedHead`.
    """
    if spec.is_own or spec.name != "svm" or spec.estimator[-1].kernel == "linear":
        return "", 0.0
    n_values = len(ParameterGrid(spec.grid))
    costs = [svm_cost(n, width, n_values=n_values, tuning_images=tuning_images) for n in sizes]
    seconds, memory = sum(cost.seconds for cost in costs), max(cost.memory_bytes for cost in costs)
    if seconds < MOST_SECONDS:
        return "", seconds
    most = f"{max(sizes):,}" if len(set(sizes)) == 1 else f"up to {max(sizes):,}"
    fits = "" if len(sizes) == 1 else f", tuned and fitted {len(sizes)} times"
    return (
        f"the head svm takes about {duration_text(seconds)} on one core, and {size_text(memory)} of memory, for "
        f"{most} images of {width:,} features{fits}: its time grows with the square of the images; linear_svm "
        "takes a small part of that",
        seconds,
    )


def announce_svm(*about: Any) -> list[str]:
    """Log the sentence of `svm_note`, if there is one, and return it; what is part of a longer one was said with it.

    Parameters
    ----------
    *about
        As for `svm_note`.
    """
    text, seconds = svm_note(*about)
    width = about[2]
    if text and seconds > 1.5 * _announced.get(width, 0.0):
        _announced[width] = seconds
        note_once(text)
    return [text] if text else []
