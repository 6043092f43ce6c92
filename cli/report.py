"""Results of the library go in, text for a terminal comes out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..baseline import Baseline
    from ..finetune_outcome import FineTuneOutcome
    from ..held_out_report import HeldOutReport
    from ..judged_predictions import JudgedPredictions
    from ..results import CandidateResult, EvaluationResult

__all__ = [
    "count_text",
    "describe_evaluation",
    "describe_finetuning",
    "describe_judgement",
    "describe_parts",
    "duration",
    "printable",
    "size_text",
    "table",
]

MATRIX_CLASSES = 12
REPORT_CLASSES = 30
# Controls, formats (which turn the direction of text), halves of characters and line ends.
UNPRINTABLE = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])
# Line ends are ours; joiners are parts of words and of emoji.
KEPT = "\n\u200c\u200d"


def printable(text: str) -> str:
    """Return the text with control characters escaped: the names of files and classes may hold orders to a terminal."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if c not in KEPT and unicodedata.category(c) in UNPRINTABLE else c
        for c in text
    )


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = ()) -> str:
    """Return rows in aligned columns, control characters escaped; the columns in `right` are flush right."""
    cells = [[printable(str(cell)).replace("\n", "\\n") for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "  ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in [lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(number: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def describe_evaluation(result: EvaluationResult) -> str:
    """Return the tables of an evaluation."""
    several = len(result.candidates) > 1
    header = ["head", "layer", "pooling", "accuracy", "macro F1", "log loss", "calibration error", "if calibrated", "p",
              "seconds"]  # fmt: skip
    rows = [
        [
            f"{c.head}, picked" if c.picked and several else c.head,
            c.layer,
            c.pooling,
            c.metrics["accuracy"].text(),
            c.metrics["macro_f1"].text(),
            c.metrics["log_loss"].text(percent=False),
            c.metrics["debiased_calibration_error"].text(percent=False),
            c.metrics["calibration_error_if_calibrated"].text(percent=False),
            _p_value(c),
            f"{c.seconds:.1f}",
        ]
        for c in result.candidates
    ]
    if not several:
        header, *rows = [[*row[:-2], row[-1]] for row in (header, *rows)]
    parameters = ", ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
                           for name, value in result.parameters.items())  # fmt: skip
    kept = f"{result.head} on {result.layer}, {result.pooling}" + (f", {parameters}" if parameters else "")
    parts = [
        result.protocol + "; figures with 95 % intervals",
        table(header, rows, right=range(6, len(header))),
        f"kept: {kept}; fitted on {result.model_fitted_on:,} images",
        _headline(result),
        _baseline(result.baseline),
        *filter(None, ["\n".join(result.notes)]),
    ]
    if several:
        parts[2:2] = [_comparison(result)]
    return printable("\n\n".join(parts + _by_class(result)))


def describe_finetuning(result: FineTuneOutcome) -> str:
    """Return how a network was trained and what it reaches on the test images."""
    stages = ", ".join(result.trained_stages) or "the layers that were chosen"
    kept = f"epoch {result.best_epoch} of {len(result.history['epoch'])}" if result.best_epoch else "the head alone"
    spent = "; ".join(f"{name} {duration(value)}" for name, value in result.seconds.items())
    parts = [
        f"{result.protocol}; figures with 95 % intervals",
        _figures(result, "on the test images"),
        *filter(None, ["\n".join(result.notes)]),
        _baseline(result.baseline),
        f"trained: {stages}; kept: {kept}; {spent}",
    ]
    return printable("\n\n".join(parts + _by_class(result)))


def describe_judgement(result: JudgedPredictions) -> str:
    """Return how often predictions are right on labelled images."""
    parts = [
        f"{result.protocol}; figures with 95 % intervals",
        _figures(result, "on the labelled images"),
        *filter(None, ["\n".join(result.notes)]),
        _baseline(result.baseline),
    ]
    return printable("\n\n".join(parts + _by_class(result)))


def describe_parts(seconds: Mapping[str, float]) -> str:
    """Return the parts of a run with their times, and which of them to look at first."""
    total = sum(seconds.values())
    parts = ", ".join(f"{name} {duration(value)}" for name, value in seconds.items())
    if not total:
        return parts
    longest = max(seconds, key=lambda name: seconds[name])
    advice = {
        "extraction": "a GPU, a smaller backbone or fewer --augment-views",
        "training": "fewer --epochs or --trainable-stages, or a GPU",
        "prediction": "a GPU, a smaller backbone or fewer --test-views",
        "tuning": "fewer heads, smaller grids, fewer folds, or --n-jobs -1",
    }
    share = 100 * seconds[longest] / total
    return f"{parts}; most of it is {longest} ({share:.0f} %): {advice[longest]} would be quicker"


def duration(seconds: float) -> str:
    """Return a time in seconds or in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _figures(result: HeldOutReport, heading: str) -> str:
    """Return the figures that there are, one in a row."""
    labels = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy"), ("macro F1", "macro_f1")]
    scales = [("log loss", "log_loss"), ("calibration error", "debiased_calibration_error"),
              ("if calibrated", "calibration_error_if_calibrated")]  # fmt: skip
    rows = [[label, result.metrics[name].text()] for label, name in labels]
    rows += [[label, result.metrics[name].text(percent=False)] for label, name in scales if name in result.metrics]
    return table([heading, ""], rows)


def _by_class(result: HeldOutReport) -> list[str]:
    parts = []
    if len(result.classes) <= REPORT_CLASSES:
        parts.append(_class_report(result))
    if len(result.classes) <= MATRIX_CLASSES:
        parts.append(_matrix(result))
    return parts


def _class_report(result: HeldOutReport) -> str:
    rows = [
        [row["class"], *(f"{100 * row[key]:.1f}" for key in ("precision", "recall", "f1")), row["support"]]
        for row in result.per_class
    ]
    return table(["class", "precision %", "recall %", "F1 %", "images"], rows, right=[1, 2, 3, 4])


def _matrix(result: HeldOutReport) -> str:
    rows = [[name, *row] for name, row in zip(result.classes, result.confusion_matrix, strict=True)]
    columns = range(1, len(result.classes) + 1)
    return "true classes in rows, predicted in columns\n" + table(["", *result.classes], rows, right=columns)


def _headline(result: EvaluationResult) -> str:
    """Return the figures to go by, and why they are not those of the picked row."""
    names = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy")]
    if result.scoring == "f1_macro":
        names.append(("macro F1", "macro_f1"))
    figures = ", ".join(f"{label} {result.metrics[name].text()}" for label, name in names)
    count = len(result.candidates)
    if count == 1:
        return figures
    if result.model_fitted_on < result.n_images:
        return f"the candidate was picked on the training images alone, so its figures are honest:\n{figures}"
    return (
        f"the picked row was picked as the best of {count}, so its figures are optimistic;\n"
        f"the honest ones, with the choice made inside each training part:\n{figures}"
    )


def _comparison(result: EvaluationResult) -> str:
    """Return what column p is, and how the picked candidate compares with the simplest."""
    others = len(result.candidates) - 1
    adjusted = f", adjusted for {others:,} comparisons (Holm)" if others > 1 else ""
    lines = [
        "p: of the difference in accuracy from the reference, the simplest candidate,",
        f"fixed beforehand; {result.test}{adjusted}",
    ]
    picked = next(c for c in result.candidates if c.picked)
    reference = next(c for c in result.candidates if c.reference)
    if picked is not reference and picked.difference is not None:
        behind = picked.difference.value < 0
        words = "not distinguishable from" if result.simpler else "less accurate than" if behind else "better than"
        more = ", which is simpler" if result.simpler else ""
        lines.append(
            f"the picked {_where(picked)} is {words} the reference, {_where(reference)}, in accuracy\n"
            f"(p {_p_text(picked.p_value or 0.0)}){more}"
        )
    return "\n".join(lines)


def _where(candidate: CandidateResult) -> str:
    return f"{candidate.head} on {candidate.layer}, {candidate.pooling} ({count_text(candidate.width, 'feature')})"


def _baseline(baseline: Baseline) -> str:
    warned = baseline.verdict in ("worse", "not distinguishable")
    return f"{'warning: ' if warned else ''}{baseline.text}"


def _p_value(candidate: CandidateResult) -> str:
    return "reference" if candidate.p_value is None else _p_text(candidate.p_value).removeprefix("= ").replace(" ", "")


def _p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
