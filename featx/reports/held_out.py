"""Tables and sentences of a result on held-out images: of tuned heads, of fine-tuning, of judged predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..display.names import span_text
from ..display.quantities import count_text, duration_text, p_value_text
from ..display.tables import Part, Table
from ..evaluation.metric_names import METRIC_NAMES, RANKING_METRICS
from .confusion import class_tables
from .operating_point import operating_point_parts
from .prediction_files import surely_wrong_parts

if TYPE_CHECKING:
    from ..evaluation.baseline import Baseline
    from ..evaluation.held_out_result import HeldOutResult
    from ..heads.results import CandidateResult, EvaluationResult
    from ..workflows.finetune_result import FineTuneResult
    from ..workflows.judged_predictions import JudgedResult

__all__ = ["evaluation_parts", "finetuning_parts", "held_out_parts", "judgement_parts", "metrics_table"]

INTERVALS = "figures with 95 % intervals"


def evaluation_parts(result: EvaluationResult) -> list[Part]:
    """Return what the candidates reached, which one was kept, and its unbiased figures."""
    parameters = ", ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
                           for name, value in result.parameters.items())  # fmt: skip
    kept = f"{result.label or result.head} on {result.place}" + (f", {parameters}" if parameters else "")
    several = len(result.candidates) > 1
    one = metrics_table(result, "on held-out images")
    tables: list[Part] = [_candidates(result), _reference_text(result)] if several else [one]
    return [
        f"{result.protocol}; {INTERVALS}",
        *tables,
        f"kept: {kept}; fitted on {result.model_fitted_on:,} images",
        *filter(None, [_headline(result), _ranking_text(result)] if several else []),
        _baseline_text(result.baseline),
        *filter(None, ["\n".join(result.notes)]),
        *operating_point_parts(result.operating_point),
        *class_tables(result),
        *surely_wrong_parts(result.predictions),
    ]


def finetuning_parts(result: FineTuneResult) -> list[Part]:
    """Return how a network was trained and what it achieves on the test images."""
    layers = result.model.trainable_layers
    names = result.trained_stages
    trained = f"layers: the last {layers}, {span_text(names)}" if layers else f"stages: {', '.join(names) or 'none'}"
    first = "the classifier as it was fitted first"
    kept = f"epoch {result.best_epoch} of {len(result.history['epoch'])}" if result.best_epoch else first
    spent = "; ".join(f"{name} {duration_text(value)}" for name, value in result.seconds.items())
    return [
        f"{result.protocol}; {INTERVALS}",
        metrics_table(result, "on the test images"),
        *filter(None, ["\n".join(result.notes)]),
        _baseline_text(result.baseline),
        f"trained {trained}; kept: {kept}; {spent}",
        *operating_point_parts(result.operating_point),
        *class_tables(result),
        *surely_wrong_parts(result.predictions),
    ]


def judgement_parts(result: JudgedResult) -> list[Part]:
    """Return how often predictions on labelled images are right."""
    return _parts(result, result.protocol, "on the labelled images")


def held_out_parts(result: HeldOutResult) -> list[Part]:
    """Return the figures of predictions on held-out images of which nothing else is known."""
    return _parts(result, count_text(result.n_test, "held-out image"), "on the held-out images")


def _parts(result: HeldOutResult, protocol: str, heading: str) -> list[Part]:
    return [
        f"{protocol}; {INTERVALS}",
        metrics_table(result, heading),
        *filter(None, ["\n".join(result.notes)]),
        _baseline_text(result.baseline),
        *operating_point_parts(result.operating_point, "labelled images"),
        *class_tables(result),
        *surely_wrong_parts(result.predictions),
    ]


def metrics_table(result: HeldOutResult, heading: str) -> Table:
    """Return the metrics of a result, one a row."""
    labels = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy"), ("macro F1", "macro_f1")]
    ranking = [("ROC AUC", "roc_auc"), ("average precision", "average_precision")]
    scales = [*ranking, ("log loss", "log_loss"), ("calibration error", "debiased_calibration_error"),
              ("error if calibrated", "calibration_error_if_calibrated")]  # fmt: skip
    rows = [[label, result.metrics[name].text()] for label, name in labels]
    rows += [[label, result.metrics[name].text(percent=False)] for label, name in scales if name in result.metrics]
    if "roc_auc" in result.metrics:
        whose = "means over the classes" if result.positive is None else f"of {result.positive!r}"
        heading = f"{heading}; ROC AUC and average precision {whose}"
    return Table(["", ""], rows, title=heading)


def _baseline_text(baseline: Baseline) -> str:
    """Return the comparison with always answering the largest class, as a warning if the model is not better."""
    is_bad = baseline.verdict in ("worse", "not distinguishable")
    return f"{'warning: ' if is_bad else ''}{baseline.text}"


def _candidates(result: EvaluationResult) -> Table:
    """Return a row for each candidate, without a network, layer or pooling that all candidates share."""
    # What the candidates were picked by, if it is not among the others.
    by = result.scoring if result.scoring in RANKING_METRICS else None
    picked_by = [METRIC_NAMES[by]] if by else []
    header = ["head", "network", "layer", "pooling", *picked_by, "accuracy", "macro F1", "log loss",
              "calibration error", "error if calibrated", "p", "seconds"]  # fmt: skip
    rows = [
        [
            f"{c.label or c.head}, picked" if c.picked else c.label or c.head,
            c.backbone or "",
            c.layer,
            c.pooling,
            *([c.metrics[by].text(percent=False)] if by else []),
            c.metrics["accuracy"].text(),
            c.metrics["macro_f1"].text(),
            c.metrics["log_loss"].text(percent=False),
            c.metrics["debiased_calibration_error"].text(percent=False),
            c.metrics["calibration_error_if_calibrated"].text(percent=False),
            "reference" if c.p_value is None else p_value_text(c.p_value),
            f"{c.seconds:.1f}",
        ]
        for c in result.candidates
    ]
    shared = [i for i in (1, 2, 3) if len({row[i] for row in rows}) == 1]
    shown = [i for i in range(len(header)) if i not in shared]
    dropped = ["error if calibrated", "calibration error", "seconds", "log loss", "macro F1"]
    header, rows = [header[i] for i in shown], [[row[i] for i in shown] for row in rows]
    return Table(
        header,
        rows,
        right=[
            i for i in range(len(header)) if header[i] in ("calibration error", "error if calibrated", "p", "seconds")
        ],
        drop=[header.index(name) for name in dropped],
    )


def _ranking_text(result: EvaluationResult) -> str:
    """Return ROC AUC and average precision of the whole procedure, where there are any, which no table has."""
    if "roc_auc" not in result.metrics or result.positive is None:
        return ""
    figures = [f"{METRIC_NAMES[name]} {result.metrics[name].text(percent=False)}" for name in RANKING_METRICS]
    return f"for {result.positive!r}, with the choice made inside each training part: {', '.join(figures)}"


def _headline(result: EvaluationResult) -> str:
    """Return the figures to go by, and why they are not those of the picked row."""
    names = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy")]
    if result.scoring == "f1_macro":
        names.append(("macro F1", "macro_f1"))
    found = [f"{label} {result.metrics[name].text()}" for label, name in names]
    scales = {"roc_auc": "roc_auc", "average_precision": "average_precision", "neg_log_loss": "log_loss"}
    if (name := scales.get(result.scoring)) is not None:
        found.append(f"{METRIC_NAMES[name]} {result.metrics[name].text(percent=False)}")
    figures = ", ".join(found)
    if result.model_fitted_on < result.n_images:
        return f"the candidate was picked on the training images alone, so its figures are honest:\n{figures}"
    return (
        f"the row marked picked is the best of {len(result.candidates)}, so its figures are optimistic; the honest "
        f"ones, with the choice made inside each training part:\n{figures}"
    )


def _reference_text(result: EvaluationResult) -> str:
    """Return what column p means, and how the picked candidate compares with the reference."""
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
        p_value = p_value_text(picked.p_value or 0.0)
        lines.append(
            f"the picked {_candidate_text(picked)} is {words} the reference, {_candidate_text(reference)}, in accuracy "
            f"(p {'< 0.001' if p_value[0] == '<' else f'= {p_value}'}){more}"
        )
    return "\n".join(lines)


def _candidate_text(candidate: CandidateResult) -> str:
    head, width = candidate.label or candidate.head, count_text(candidate.width, "feature")
    return f"{head} on {candidate.place} ({width})"
