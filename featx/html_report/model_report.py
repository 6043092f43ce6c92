"""What the page of a model shows: the sections of a report on held-out images, and the data that its script reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.quantities import count_text
from ..evaluation.metric_names import RANKING_METRICS
from ..images.augmentation import resolve_augmentation
from .answer import answer_of_model
from .augmented_views import AugmentedViews, draw_views
from .candidates import MOST_DRAWN, candidate_table, interval_chart
from .class_rows import class_rows
from .confidence_curves import class_curves, empty_chart, reliability
from .confusion_grid import confusion_grid
from .data_overview import overview_of
from .embedding_map import MOST_POINTS, map_embeddings, sampled_by_class
from .image_list import ImageList, list_images
from .page_images import add_images
from .provenance import digest_labels, provenance
from .reported_images import ReportedImages, reader_of
from .svg_chart import as_markup, one_line
from .training_curves import training_curves

if TYPE_CHECKING:
    from ..evaluation.held_out_result import HeldOutResult

__all__ = ["model_content"]

METRICS = (
    ("accuracy", "accuracy", True),
    ("balanced_accuracy", "balanced accuracy", True),
    ("macro_f1", "macro F1", True),
    ("roc_auc", "ROC AUC", False),
    ("average_precision", "average precision", False),
    ("log_loss", "log loss", False),
    ("debiased_calibration_error", "calibration error", False),
    ("calibration_error_if_calibrated", "of a calibrated model", False),
)
# Classes that a map can colour side by side.
COLOURS = 6
NO_MAP = "There is no map of the embeddings: this result keeps none, or too few for one."
# Around the points of the map, in their units: the script draws them there.
MAP_PADDING = 30


def model_content(
    result: Any, held: HeldOutResult, images: ReportedImages, *, title: str | None, command: str | None, max_bytes: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the template shows, and what the script reads.

    Parameters
    ----------
    result : FitResult or HeldOutResult
    held : HeldOutResult
        The figures of `result`.
    images : ReportedImages
    title, command : str or None
    max_bytes : int
        Of the page.
    """
    table = held.predictions
    is_training = hasattr(result, "history")
    candidates = list(getattr(held, "candidates", ()))
    listed = list_images({"": table})
    has_probabilities = table.probabilities is not None
    point = held.operating_point
    starts = {} if point is None else {held.classes.index(point.positive): point.threshold}
    curves = class_curves(table, starts=starts) if has_probabilities else []
    points, map_section = _map(result, listed, of="the trained network" if is_training else "the network")
    extraction = getattr(result, "extraction", None)
    failures = getattr(result, "failures", None) or getattr(extraction, "failures", None) or []
    views = _views(result, images) if is_training else None
    content: dict[str, Any] = {
        "title": title or _title(result, held),
        "answer": answer_of_model(held, how=getattr(held, "protocol", "held-out images"), candidates=candidates,
                                  finetuned=is_training),
        "figures": [(f"{label} of {held.positive}" if name in RANKING_METRICS and held.positive else label,
                     held.metrics[name].text(percent=percent))
                    for name, label, percent in METRICS if name in held.metrics],
        "notes": held.notes,
        "candidates": _candidates(held, candidates) if len(candidates) > 1 else None,
        "classes": held.classes,
        "confusions": [{"name": "", **confusion_grid(held.confusion_matrix, held.classes)}],
        "per_class": class_rows(held),
        "confidence": _marked(reliability(held)) if has_probabilities else None,
        "thresholds": _thresholds(held, curves),
        "map": map_section,
        "no_map": NO_MAP if map_section is None else None,
        "trainings": [_training(result, views)] if is_training else None,
        "data_set": overview_of(images, failures),
        "provenance": _provenance(result, held, command),
    }  # fmt: skip
    data: dict[str, Any] = {
        "classes": [one_line(name) for name in held.classes],
        "curves": curves or None,
        "map": points,
        "views": views.pictures if views else None,
    }
    add_images(content, data, listed, images, max_bytes=max_bytes)
    return content, data


def _title(result: Any, held: HeldOutResult) -> str:
    kind = {"FitResult": "Classifier", "EvaluationResult": "Classifier", "FineTuneResult": "Fine-tuned network"}
    what = kind.get(type(result).__name__, "Predictions")
    return f"{what} of {len(held.classes):,} classes on {count_text(held.n_test, 'image')}"


def _candidates(held: Any, candidates: list[Any]) -> dict[str, Any]:
    drawn = candidates[:MOST_DRAWN]
    # As in the table, what all candidates share is not said.
    parts = [part for part in ("backbone", "layer", "pooling") if len({getattr(c, part) for c in candidates}) > 1]
    names = [
        ", ".join([c.label or c.head, *(getattr(c, part) for part in parts)]) + (" (picked)" if c.picked else "")
        for c in drawn
    ]
    chart = interval_chart(
        names,
        [c.metrics["accuracy"] for c in drawn],
        baseline=held.baseline.accuracy,
        label=f"Accuracy of {len(drawn)} candidates with their intervals; the numbers are in the table",
    )
    note = f"p: of the difference in accuracy from the reference, the simplest candidate; {held.test}."
    part = {"svg": chart, "table": candidate_table(candidates), "caption": "All candidates, the best first",
            "omitted": f"{len(candidates):,}" if len(candidates) > len(drawn) else ""}  # fmt: skip
    return {"title": "Candidates", "parts": [_marked(part)], "note": note}


def _thresholds(held: HeldOutResult, curves: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the empty charts of one class against all others, which the script draws the chosen curve on."""
    if not curves:
        return None
    first = min(curves, key=lambda curve: held.per_class[curve["class"]]["f1"])
    if held.positive is not None:
        first = next((curve for curve in curves if held.classes[curve["class"]] == held.positive), first)
    charts = {}
    for kind, name in (("roc", "ROC curve"), ("precision_recall", "Precision-recall curve")):
        more = '<path class="line first" d="M0,0"/><circle class="marker" r="6"/>'
        svg = empty_chart(kind).svg(f"{name} of the chosen class", more=more)
        charts[f"{kind}_svg"] = svg.replace("<svg ", f'<svg id="{kind.replace("_", "-")}" ', 1)
    return _marked({**charts, "classes": [curve["class"] for curve in curves], "first": curves.index(first)})


def _map(result: Any, listed: ImageList, *, of: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the points of the map, by their places among the listed images, and the words around it."""
    embeddings = getattr(result, "embeddings", None)
    if embeddings is None:
        return None, None
    table = listed.table
    chosen = sampled_by_class(table.truth, MOST_POINTS)
    found = map_embeddings(embeddings[np.searchsorted(result.rows, table.rows[chosen])])
    if found is None:
        return None, None
    how = found.pop("how")
    n = count_text(len(chosen), "image")
    some = f" of {listed.total:,}, the same share of each class" if len(chosen) < listed.total else ""
    text = f"{n}{some}, placed by their embeddings: {how}. Near images look alike to {of}; the wrong are crosses."
    section = {"text": text, "few": len(table.classes) <= COLOURS, "label": f"Map of {n}. {how}",
               "height": 2 * MAP_PADDING + found["height"]}  # fmt: skip
    return {**found, "row": chosen.tolist()}, section


def _views(result: Any, images: ReportedImages) -> AugmentedViews | None:
    """Return training images as they were augmented; None where the data set is not at hand."""
    if images.dataset is None:
        return None
    model = result.model
    return draw_views(
        images,
        result.train_rows,
        model.source().preprocessing,
        resolve_augmentation(model.augmentation),
        seed=model.random_state,
        draws=model.augment_draws,
    )


def _training(result: Any, views: AugmentedViews | None) -> dict[str, Any]:
    charts = [_marked(chart) for chart in training_curves(result.history, best_epoch=result.best_epoch)]
    n = len(result.history.get("epoch", ()))
    best = result.best_epoch
    kept = f"epoch {best} of {n} was kept" if best else "the head as it was fitted first was kept"
    stages = ", ".join(result.trained_stages) or "none"
    return {
        "name": "",
        "charts": charts,
        "views": views,
        "text": f"Trained on {result.n_train:,} images: {stages}; {kept}.",
    }


def _provenance(result: Any, held: Any, command: str | None) -> list[tuple[str, str]]:
    reader, extraction = reader_of(result), getattr(result, "extraction", None)
    network: dict[str, Any] = {}
    if reader is not None:
        source = reader.source()
        layer, pooling = getattr(held, "layer", None), getattr(held, "pooling", None)
        network = {"network": source.name, "weights": source.weights_digest}
        if layer is not None:
            spec = source.spec(source.view(layer, pooling), reader.precision_)
            network |= {"embeddings": f"layer {layer}, pooling {pooling}, spec {spec.digest}"}
        network |= {"preprocessing": source.preprocessing.text, "precision": getattr(reader, "precision_", None)}
    settings = {
        "seed": getattr(reader, "random_state", None),
        "judged by": (getattr(held, "protocol", None) or "").removeprefix("judged by ") or None,
    }
    if hasattr(held, "head"):
        settings |= {"head": held.head, "head parameters": json.dumps(held.parameters, default=str),
                     "tuned for": held.scoring}  # fmt: skip
    table = held.predictions
    names = [f"row {row}" for row in table.rows] if table.names is None else list(table.names)
    labels = [table.classes[number] for number in table.truth]
    data = {"tested images": f"{held.n_test:,}", "classes": f"{len(held.classes):,}",
            "digest of names and labels": digest_labels(names, labels)}  # fmt: skip
    seconds = dict(getattr(result, "seconds", None) or {})
    if not seconds and extraction is not None:
        seconds = {"extraction": extraction.wall_seconds, "tuning": sum(c.seconds for c in held.candidates)}
    return provenance(command=command, network=network, settings=settings, data=data, seconds=seconds)


def _marked(found: dict[str, Any]) -> dict[str, Any]:
    """Have the template take the charts of a section as they are."""
    return {key: as_markup(value) if key.endswith("svg") else value for key, value in found.items()}
