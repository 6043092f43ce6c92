"""Figures of held-out images go in; the tables and sentences that show them come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..display.quantities import duration
from ..display.tables import Part, Table
from .confusion import class_parts

if TYPE_CHECKING:
    from ..evaluation.baseline import Baseline
    from ..evaluation.held_out_result import HeldOutResult
    from ..workflows.finetune import FineTuneResult
    from ..workflows.judged_predictions import JudgedResult

__all__ = ["INTERVALS", "baseline_text", "figures_table", "finetuning_parts", "judgement_parts"]

INTERVALS = "figures with 95 % intervals"


def finetuning_parts(result: FineTuneResult) -> list[Part]:
    """Return how a network was trained and what it reaches on the test images."""
    layers = result.model.trainable_layers
    trained = f"layers: the last {layers}" if layers else f"stages: {', '.join(result.trained_stages) or 'none'}"
    first = "the classifier as it was fitted first"
    kept = f"epoch {result.best_epoch} of {len(result.history['epoch'])}" if result.best_epoch else first
    spent = "; ".join(f"{name} {duration(value)}" for name, value in result.seconds.items())
    return [
        f"{result.protocol}; {INTERVALS}",
        figures_table(result, "on the test images"),
        *filter(None, ["\n".join(result.notes)]),
        baseline_text(result.baseline),
        f"trained {trained}; kept: {kept}; {spent}",
        *class_parts(result),
    ]


def judgement_parts(result: JudgedResult) -> list[Part]:
    """Return how often predictions are right on labelled images."""
    return [
        f"{result.protocol}; {INTERVALS}",
        figures_table(result, "on the labelled images"),
        *filter(None, ["\n".join(result.notes)]),
        baseline_text(result.baseline),
        *class_parts(result),
    ]


def figures_table(result: HeldOutResult, heading: str) -> Table:
    """Return the figures that there are, one in a row."""
    labels = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy"), ("macro F1", "macro_f1")]
    scales = [("log loss", "log_loss"), ("calibration error", "debiased_calibration_error"),
              ("if calibrated", "calibration_error_if_calibrated")]  # fmt: skip
    rows = [[label, result.metrics[name].text()] for label, name in labels]
    rows += [[label, result.metrics[name].text(percent=False)] for label, name in scales if name in result.metrics]
    return Table(["", ""], rows, title=heading)


def baseline_text(baseline: Baseline) -> str:
    """Return the verdict against always answering the largest class, as a warning where it is a bad one."""
    warned = baseline.verdict in ("worse", "not distinguishable")
    return f"{'warning: ' if warned else ''}{baseline.text}"
