"""The answer of a report in sentences: how good on how many images, against what, and what to do next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.names import few
from ..display.quantities import count_text, percent_text
from ..evaluation.class_rates import confused_classes

if TYPE_CHECKING:
    from ..comparison.result import ComparisonResult
    from ..evaluation.held_out_result import HeldOutResult

__all__ = ["answer_of_comparison", "answer_of_model"]

# Of a class with fewer test images, a figure says little.
FEW_IMAGES = 10
# A wider interval of accuracy is worth narrowing.
WIDE = 0.1
# The share of all mistakes from which one pair of classes is worth a look of its own.
MUCH = 0.1


def answer_of_model(result: HeldOutResult, *, how: str, candidates: list[Any], finetuned: bool) -> dict[str, Any]:
    """Return the headline, sentences and advice on a model.

    Parameters
    ----------
    result : HeldOutResult
    how : str
        Which images judge, in words.
    candidates : list of CandidateResult
        Empty where nothing was searched.
    finetuned : bool
        Whether the network was trained on these images.
    """
    accuracy = result.metrics["accuracy"]
    right = int(np.trace(np.asarray(result.confusion_matrix)))
    what = f"right on {accuracy.text()} of {count_text(result.n_test, 'image')} of {len(result.classes):,} classes"
    sentences = [
        f"{right:,} of {result.n_test:,} images were given their label. "
        + ("The range is the 95 % interval." if accuracy.has_interval else f"No interval: {accuracy.reason}."),
        f"Judged by: {how.removeprefix('judged by ')}.",
        f"{_capital(result.baseline.text)}.",
        *_operating_point(result),
        *_runner_up(candidates),
    ]
    return {
        "headline": f"The model is {what}.",
        "sentences": sentences,
        "reasons": [],
        "next": _advice(result, finetuned=finetuned),
    }


def answer_of_comparison(result: ComparisonResult) -> dict[str, Any]:
    """Return the headline, reasons and warnings on which strategy to use, at the largest size."""
    size = result.sizes[-1]
    verdict = size.verdict
    by = f"Judged on {count_text(result.n_test, 'test image')} in each of {count_text(result.repeats, 'repeat')}"
    sentences = [f"{by}, after training on {size.n_train:,}. {_capital(result.protocol)}; {result.interval}."]
    baseline = f"Always answering the largest class gives accuracy {percent_text(size.baseline)}."
    return {
        "headline": f"{_capital(verdict.text)}.",
        "sentences": [*sentences, baseline],
        "reasons": verdict.reasons,
        "next": [f"{_capital(warning)}." for warning in size.warnings],
    }


def _operating_point(result: HeldOutResult) -> list[str]:
    """Return by which threshold the model predicts a class, and what that reaches."""
    point = result.operating_point
    if point is None:
        return []
    figures = [f"{name} {found.text(percent=name != 'cost')}" for name, found in point.reached.items()
               if not math.isnan(found.value)]  # fmt: skip
    rule = f"{point.positive!r} is predicted where its probability is at least {point.threshold:.4g}"
    return [
        f"Operating point {point.asked}: {rule}. That reaches {', '.join(figures)}; {point.verdict}.",
        *(f"{_capital(note)}." for note in point.notes),
    ]


def _runner_up(candidates: list[Any]) -> list[str]:
    """Return who was picked, and who came next."""
    if len(candidates) < 2:
        return []
    picked = next(found for found in candidates if found.picked)
    other = next(found for found in candidates if not found.picked)
    names = [f"{found.label or found.head} on {found.place}" for found in (picked, other)]
    texts = [found.metrics["accuracy"].text() for found in (picked, other)]
    return [
        f"Of {len(candidates):,} candidates, {names[0]} was picked, with accuracy {texts[0]}; next comes {names[1]} "
        f"with {texts[1]}. Figures of the picked candidate are those of a winner, perhaps a little high."
    ]


def _advice(result: HeldOutResult, *, finetuned: bool) -> list[str]:
    """Return what to do next, the most pressing first."""
    found = []
    matrix = np.asarray(result.confusion_matrix)
    accuracy, n_wrong = result.metrics["accuracy"], int(matrix.sum() - np.trace(matrix))
    if result.baseline.beaten is False:
        found.append("The model is not shown to be better than one fixed answer: check the labels, or add images.")
    if accuracy.has_interval and accuracy.high - accuracy.low > WIDE:
        width = f"{100 * (accuracy.high - accuracy.low):.0f}"
        found.append(f"Test on more images: the interval of the accuracy is {width} points wide.")
    tested = [(row["support"], row["class"]) for row in result.per_class]
    rare = [name for support, name in sorted(tested) if support < FEW_IMAGES]
    if rare:
        named = few([repr(name) for name in rare])
        found.append(f"Add images of {count_text(len(rare), 'class')} with fewer than {FEW_IMAGES} tested: {named}.")
    pairs = confused_classes(matrix)
    if pairs and (count := int(matrix[pairs[0]])) >= max(2.0, MUCH * n_wrong):
        true, other = (repr(result.classes[number]) for number in pairs[0])
        found.append(
            f"Look at the {count_text(count, 'image')} of {true} taken for {other}, {count:,} of {n_wrong:,} mistakes: "
            "are the labels right, and can you tell these classes apart?"
        )
    if n_wrong and not finetuned:
        found.append("See whether fine-tuning pays on these images: featx compare says so, with its cost.")
    return found or ["No mistake was made on these images: judge the model on new ones, from another day or place."]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
