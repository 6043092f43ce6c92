"""The figures of tuned heads go in; the tables and sentences that show them come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..display.quantities import count_text, p_text
from ..display.tables import Part, Table
from .confusion import class_parts
from .held_out import INTERVALS, baseline_text, figures_table

if TYPE_CHECKING:
    from ..heads.results import CandidateResult, EvaluationResult

__all__ = ["evaluation_parts"]


def evaluation_parts(result: EvaluationResult) -> list[Part]:
    """Return what the candidates reached, which was kept, and the figures to go by."""
    parameters = ", ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
                           for name, value in result.parameters.items())  # fmt: skip
    kept = f"{result.head} on {result.layer}, {result.pooling}" + (f", {parameters}" if parameters else "")
    several = len(result.candidates) > 1
    figures = [_candidates(result), _comparison(result)] if several else [figures_table(result, "on held-out images")]
    return [
        f"{result.protocol}; {INTERVALS}",
        *figures,
        f"kept: {kept}; fitted on {result.model_fitted_on:,} images",
        *([_headline(result)] if several else []),
        baseline_text(result.baseline),
        *filter(None, ["\n".join(result.notes)]),
        *class_parts(result),
    ]


def _candidates(result: EvaluationResult) -> Table:
    """Return a row for each candidate; a layer and pooling that all share are said of the one that is kept."""
    header = ["head", "layer", "pooling", "accuracy", "macro F1", "log loss", "calibration error", "if calibrated", "p",
              "seconds"]  # fmt: skip
    rows = [
        [
            f"{c.head}, picked" if c.picked else c.head,
            c.layer,
            c.pooling,
            c.metrics["accuracy"].text(),
            c.metrics["macro_f1"].text(),
            c.metrics["log_loss"].text(percent=False),
            c.metrics["debiased_calibration_error"].text(percent=False),
            c.metrics["calibration_error_if_calibrated"].text(percent=False),
            "reference" if c.p_value is None else p_text(c.p_value),
            f"{c.seconds:.1f}",
        ]
        for c in result.candidates
    ]
    shared = [i for i in (1, 2) if len({row[i] for row in rows}) == 1]
    shown = [i for i in range(len(header)) if i not in shared]
    dropped = ["if calibrated", "calibration error", "seconds", "log loss", "macro F1"]
    header, rows = [header[i] for i in shown], [[row[i] for i in shown] for row in rows]
    return Table(
        header,
        rows,
        right=[i for i in range(len(header)) if header[i] in ("calibration error", "if calibrated", "p", "seconds")],
        drop=[header.index(name) for name in dropped],
    )


def _headline(result: EvaluationResult) -> str:
    """Return the figures to go by, and why they are not those of the picked row."""
    names = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy")]
    if result.scoring == "f1_macro":
        names.append(("macro F1", "macro_f1"))
    figures = ", ".join(f"{label} {result.metrics[name].text()}" for label, name in names)
    if result.model_fitted_on < result.n_images:
        return f"the candidate was picked on the training images alone, so its figures are honest:\n{figures}"
    return (
        f"the row marked picked is the best of {len(result.candidates)}, so its figures are optimistic; the honest "
        f"ones, with the choice made inside each training part:\n{figures}"
    )


def _comparison(result: EvaluationResult) -> str:
    """Return what column p is, and how the picked candidate compares with the simplest."""
    others = len(result.candidates) - 1
    adjusted = f", adjusted for {others:,} comparisons (Holm)" if others > 1 else ""
    lines = [
        "p: of the difference in accuracy from the reference, the simplest candidate, fixed beforehand; "
        f"{result.test}{adjusted}"
    ]
    picked = next(c for c in result.candidates if c.picked)
    reference = next(c for c in result.candidates if c.reference)
    if picked is not reference and picked.difference is not None:
        behind = picked.difference.value < 0
        words = "not distinguishable from" if result.simpler else "less accurate than" if behind else "better than"
        more = ", which is simpler" if result.simpler else ""
        p_value = p_text(picked.p_value or 0.0)
        lines.append(
            f"the picked {_where(picked)} is {words} the reference, {_where(reference)}, in accuracy "
            f"(p {'< 0.001' if p_value[0] == '<' else f'= {p_value}'}){more}"
        )
    return "\n".join(lines)


def _where(candidate: CandidateResult) -> str:
    return f"{candidate.head} on {candidate.layer}, {candidate.pooling} ({count_text(candidate.width, 'feature')})"
