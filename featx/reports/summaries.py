"""The repr of results and other public objects: two lines of text, or tables as HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..display.html_tables import MOST_ROWS, render_html
from ..display.names import few
from ..display.quantities import count_text, duration_text, percent_text, size_text
from ..display.tables import CLASS_NAMES, Part, Table
from ..display.terminal import printable
from .audit import audit_parts
from .comparison import comparison_parts
from .costs import extraction_parts, forecast_parts
from .held_out import evaluation_parts, finetuning_parts, held_out_parts, judgement_parts, metrics_table
from .listings import prediction_parts
from .operating_point import operating_point_parts
from .prediction_files import surely_wrong_parts
from .ranking import ranking_answer, ranking_parts

if TYPE_CHECKING:
    from ..audit.result import AuditResult
    from ..comparison.result import ComparisonResult
    from ..comparison.size_result import SizeResult, StrategyResult, Verdict
    from ..datasets.dataset import ImageDataset
    from ..evaluation.estimates import Estimate
    from ..evaluation.held_out_result import HeldOutResult
    from ..evaluation.prediction_table import PredictionTable
    from ..evaluation.reached_point import ReachedPoint
    from ..extraction.extract import ExtractionResult
    from ..forecast.result import ForecastResult
    from ..heads.results import CandidateResult, EvaluationResult
    from ..images.sources import ImageSource, ImageSources
    from ..networks.backbone import Backbone, BackboneSource
    from ..ranking.result import RankingResult
    from ..workflows.finetune_result import FineTuneResult
    from ..workflows.fit_result import FitResult
    from ..workflows.judged_predictions import JudgedResult
    from ..workflows.predict import Prediction, Predictions

__all__ = ["summary_html", "summary_lines"]

# Most names that a line shows.
NAMES_SHOWN = 5


class Presentation(NamedTuple):
    """How a class of objects is shown: its lines, its tables, and where to find what those leave out."""

    lines: Callable[[Any], list[str]]
    parts: Callable[[Any], Sequence[Part]] | None = None
    rest: str = ""


def summary_lines(shown: Any) -> list[str]:
    """Return one or two lines that say what an object is, without control characters."""
    return [printable(line).replace("\n", "\\n") for line in _presentation(shown).lines(shown) if line]


def summary_html(shown: Any) -> str | None:
    """Return the tables of an object as HTML, or None if it has none."""
    kind = _presentation(shown)
    if kind.parts is None:
        return None
    first = summary_lines(shown)[0]
    return render_html([first, *kind.parts(shown)], rest=kind.rest)


def _presentation(shown: Any) -> Presentation:
    return next(PRESENTATIONS[base.__name__] for base in type(shown).__mro__ if base.__name__ in PRESENTATIONS)


def _titled(shown: Any, text: str) -> str:
    return f"{type(shown).__name__}: {text}"


def _headline_metrics(result: HeldOutResult) -> str:
    """Return the main metrics, and the accuracy of always answering the largest class."""
    names = [("accuracy", "accuracy"), ("balanced accuracy", "balanced_accuracy")]
    figures = [f"{label} {result.metrics[name].text()}" for label, name in names if name in result.metrics]
    return "; ".join([", ".join(figures), f"always the largest class: {percent_text(result.baseline.accuracy)}"])


def _evaluation(result: EvaluationResult, shown: Any = None) -> list[str]:
    candidates = f", best of {len(result.candidates)} candidates" if len(result.candidates) > 1 else ""
    kept = f"{result.label or result.head} on {result.place}{candidates}"
    of = f"{count_text(result.n_images, 'image')} of {len(result.classes)} classes"
    return [_titled(shown or result, f"{kept}; {of}"), _headline_metrics(result)]


def _candidate(result: CandidateResult) -> list[str]:
    picked = ", picked" if result.picked else ""
    head, width = result.label or result.head, count_text(result.width, "feature")
    where = f"{head} on {result.place} ({width}){picked}"
    names = [("accuracy", "accuracy"), ("macro F1", "macro_f1")]
    return [_titled(result, where), ", ".join(f"{label} {result.metrics[name].text()}" for label, name in names)]


def _fit(result: FitResult) -> list[str]:
    return _evaluation(result.evaluation, result)


def _fit_parts(result: FitResult) -> list[Part]:
    return [*evaluation_parts(result.evaluation), *extraction_parts(result.extraction, verbose=False)]


def _finetuning(result: FineTuneResult) -> list[str]:
    backbone = result.model.backbone
    network = backbone if isinstance(backbone, str) else type(backbone).__name__
    first = "the classifier as it was fitted first"
    kept = f"epoch {result.best_epoch} of {len(result.history['epoch'])}" if result.best_epoch else first
    of = f"{result.n_train:,} images trained on, {result.n_test:,} tested, {len(result.classes)} classes"
    return [_titled(result, f"{network}, {kept} kept; {of}"), _headline_metrics(result)]


def _held_out(result: HeldOutResult) -> list[str]:
    of = f"{count_text(result.n_test, 'held-out image')} of {len(result.classes):,} classes"
    return [_titled(result, of), _headline_metrics(result)]


def _reached_point(point: ReachedPoint) -> list[str]:
    reached = ", ".join(f"{name} {value.text(percent=name != 'cost')}" for name, value in point.reached.items())
    return [_titled(point, f"{point.asked} of {point.positive!r}, threshold {point.threshold:.4g}"), reached]


def _judgement(result: JudgedResult) -> list[str]:
    return [_titled(result, f"{result.protocol}, {len(result.classes)} classes"), _headline_metrics(result)]


def _audit(result: AuditResult) -> list[str]:
    found = {
        "near-duplicate pair": len(result.pairs),
        "suspected label": len(result.suspects),
        "odd image": len(result.odd),
        "shortcut": sum(one.found for one in result.shortcuts),
    }
    of = f"{count_text(len(result.dataset), 'image')} of {len(result.dataset.classes):,} classes"
    return [_titled(result, of), ", ".join(count_text(n, what) for what, n in found.items())]


def _ranking(result: RankingResult) -> list[str]:
    of = f"{count_text(len(result.candidates), 'candidate')} on {result.rounds[-1]:,} of {result.n_images:,} images"
    return [_titled(result, of), ranking_answer(result).partition("\n")[0]]


def _comparison(result: ComparisonResult) -> list[str]:
    names = [found.strategy for found in result.sizes[-1].strategies]
    sizes = " and ".join(f"{size.n_train:,}" for size in result.sizes) + " images"
    of = f"{count_text(len(names), 'strategy')} on {sizes}"
    repeats = count_text(result.repeats, "repeat")
    tested = [size.n_test for size in result.sizes] if result.own_tests else [result.n_test]
    each = f"{' and '.join(f'{n:,}' for n in tested)} test images each"
    return [_titled(result, f"{of}, {repeats}, {each}"), result.sizes[-1].verdict.text]


def _size(result: SizeResult) -> list[str]:
    return [_titled(result, f"{result.n_train:,} images, {len(result.strategies)} strategies"), result.verdict.text]


def _strategy(result: StrategyResult) -> list[str]:
    figures = f"accuracy {result.accuracy.text()}, macro F1 {result.macro_f1.text()}"
    return [_titled(result, result.strategy), f"{figures}; {duration_text(result.cost)} until the model is there"]


def _verdict(result: Verdict) -> list[str]:
    return [_titled(result, result.answer), result.text]


def _forecast(forecast: ForecastResult) -> list[str]:
    most = "at most" if forecast.at_most else "about"
    costs = f"{size_text(forecast.disk_bytes)} of disk, {size_text(forecast.memory_bytes)} of memory"
    left = forecast.n_passes - forecast.n_cached
    passes = f"{count_text(forecast.n_images, 'image')}, {left:,} of {forecast.n_passes:,} passes to make"
    return [_titled(forecast, f"{most} {duration_text(forecast.seconds)}, {costs}"), passes]


def _extraction(result: ExtractionResult) -> list[str]:
    (text,) = extraction_parts(result, verbose=False)
    widths = ", ".join(f"{len(rows):,} x {rows.shape[1]:,}" for rows in result.embeddings) or "not kept here"
    failed = f"; {count_text(len(result.failures), 'image')} not readable" if result.failures else ""
    return [_titled(result, str(text).partition("\n")[0]), f"embeddings: {widths}{failed}"]


def _extraction_tables(result: ExtractionResult) -> list[Part]:
    stages = [part for part in extraction_parts(result) if isinstance(part, Table)]
    failed = [[failure.name, failure.reason] for failure in result.failures]
    return [*stages, *([Table(["image", "reason"], failed, title="not readable")] if failed else [])]


def _prediction(found: Prediction) -> list[str]:
    answers = [f"{label} {value:.3f}" if value is not None else str(label) for label, value in found.top]
    return [f"{type(found).__name__}({found.name}: {few(answers, NAMES_SHOWN)})"]


def _predictions(found: Predictions) -> list[str]:
    answers = Counter(one.top[0][0] for one in found)
    named = few([f"{label}: {count:,}" for label, count in answers.most_common()], NAMES_SHOWN)
    return [_titled(found, f"{count_text(len(found), 'image')}, {len(found.classes)} classes known"), named]


def _prediction_tables(found: Predictions) -> list[Part]:
    (table,) = prediction_parts(found[:MOST_ROWS])
    left = len(found) - MOST_ROWS
    return [table, *([f"not shown: {left:,} more predictions"] if left > 0 else [])]


def _prediction_table(table: PredictionTable) -> list[str]:
    n_wrong = int((table.truth != table.answers).sum())
    of = f"{count_text(len(table.rows), 'image')} of {len(table.classes):,} classes, {n_wrong:,} wrong"
    return [_titled(table, of), f"columns: {', '.join(table)}"]


def _dataset(data: ImageDataset) -> list[str]:
    images = count_text(len(data), "image")
    if data.labels is None:
        return [_titled(data, f"{images} without labels"), few(data.names, NAMES_SHOWN)]
    classes = Counter(map(str, data.labels.tolist()))
    groups = "" if data.groups is None else f", in {len(set(data.groups.tolist())):,} groups"
    parts = "" if data.split is None else "; " + ", ".join(_sizes(data.split.tolist()))
    names = few([f"{name}: {classes[name]:,}" for name in sorted(classes)], NAMES_SHOWN)
    return [_titled(data, f"{images} of {len(classes):,} classes{groups}{parts}"), names]


def _sizes(parts: list[str]) -> list[str]:
    return [f"{part} {count:,}" for part, count in Counter(parts).items()]


def _dataset_tables(data: ImageDataset) -> list[Part]:
    notes = ["\n".join(data.notes)] if data.notes else []
    if data.labels is None:
        return [Table(["image"], [[name] for name in data.names[:NAMES_SHOWN]]), *notes]
    labels = list(map(str, data.labels.tolist()))
    counts = Counter(labels)
    names = sorted(counts)
    if data.split is None:
        rows = [[name, f"{counts[name]:,}"] for name in names]
        return [Table(["class", "images"], rows, right=[1], names={0: CLASS_NAMES}), *notes]
    each = Counter(zip(labels, data.split.tolist(), strict=True))
    parts = [part for part in ("training", "validation", "test") if (data.split == part).any()]
    rows = [[name, *(f"{each[name, part]:,}" for part in parts)] for name in names]
    return [Table(["class", *parts], rows, right=range(1, len(parts) + 1), names={0: CLASS_NAMES}), *notes]


def _network(network: Backbone | BackboneSource) -> list[str]:
    architecture = network.architecture
    where = f" on {device}" if (device := getattr(network, "device", "")) else ", not built yet"
    width = f" ({architecture.width:,} features)" if architecture.width else ""
    default = f"{architecture.default_layer}, {architecture.pooling}{width}"
    return [_titled(network, f"{network.name}{where}; {default}"), "stages: " + ", ".join(architecture.stage_names)]


def _image(image: ImageSource) -> list[str]:
    return [f"{type(image).__name__}({image.name!r})"]


def _images(images: ImageSources) -> list[str]:
    return [_titled(images, count_text(len(images), "image")), few(images.names, NAMES_SHOWN)]


def _estimate(estimate: Estimate) -> list[str]:
    return [f"{type(estimate).__name__}({estimate.text(percent=False)})"]


REST_IN_RESULT = "per_class and confusion_matrix have all"
PRESENTATIONS = {
    "AuditResult": Presentation(_audit, audit_parts, "to_dict() has all"),
    "Baseline": Presentation(lambda baseline: [_titled(baseline, baseline.verdict), baseline.text]),
    "Backbone": Presentation(_network),
    "BackboneSource": Presentation(_network),
    "CandidateResult": Presentation(_candidate, lambda result: [metrics_table(result, "figures")]),
    "ComparisonResult": Presentation(_comparison, comparison_parts, "to_dict() has all"),
    "Estimate": Presentation(_estimate),
    "EvaluationResult": Presentation(_evaluation, evaluation_parts, REST_IN_RESULT),
    "ExtractionResult": Presentation(_extraction, _extraction_tables, "failures has all"),
    "FineTuneResult": Presentation(_finetuning, finetuning_parts, REST_IN_RESULT),
    "FitResult": Presentation(_fit, _fit_parts, f"in evaluation, {REST_IN_RESULT}"),
    "ForecastResult": Presentation(_forecast, forecast_parts),
    "HeldOutResult": Presentation(_held_out, held_out_parts, REST_IN_RESULT),
    "ImageDataset": Presentation(_dataset, _dataset_tables),
    "ImageSource": Presentation(_image),
    "ImageSources": Presentation(_images),
    "JudgedResult": Presentation(_judgement, judgement_parts, REST_IN_RESULT),
    "Prediction": Presentation(_prediction),
    "PredictionTable": Presentation(_prediction_table, surely_wrong_parts, "surely_wrong() has all"),
    "Predictions": Presentation(_predictions, _prediction_tables),
    "RankingResult": Presentation(_ranking, ranking_parts, "to_dict() has all"),
    "ReachedPoint": Presentation(_reached_point, operating_point_parts),
    "SizeResult": Presentation(_size),
    "StrategyResult": Presentation(_strategy),
    "Verdict": Presentation(_verdict),
}
