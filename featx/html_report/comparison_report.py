"""What the page of a comparison shows: verdict, strategies, curves, and the images that each strategy gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.quantities import count_text, duration_text, percent_text
from .answer import answer_of_comparison
from .augmented_views import AugmentedViews, draw_views
from .candidates import interval_chart, strategy_table
from .class_rows import recall_table
from .comparison_curves import cost_chart, size_chart
from .confusion_grid import WHOLE, confusion_grid
from .data_overview import overview_of
from .image_list import MOST_IMAGES, list_images
from .page_images import add_images
from .provenance import digest_labels, provenance
from .reported_images import ReportedImages, value_range_of
from .svg_chart import as_markup, one_line
from .training_curves import training_curves

if TYPE_CHECKING:
    from ..comparison.result import ComparisonResult
    from ..comparison.size_result import SizeResult, StrategyResult
    from ..datasets.dataset import ImageDataset
    from ..evaluation.prediction_table import PredictionTable

__all__ = ["comparison_content"]

NO_MAP = (
    "There is no map of the embeddings here: a comparison keeps predictions alone. The report of featx fit or featx "
    "finetune has one."
)


def comparison_content(
    result: ComparisonResult,
    dataset: ImageDataset | None,
    test: ImageDataset | None,
    *,
    title: str | None,
    command: str | None,
    max_bytes: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the template shows, and what the script reads; images and matrices are those of the largest size.

    Parameters
    ----------
    result : ComparisonResult
    dataset, test : ImageDataset or None
    title, command : str or None
    max_bytes : int
        Of the page.
    """
    size = result.sizes[-1]
    tables = {one.strategy: one.predictions for one in size.strategies if one.predictions is not None}
    images = None
    if tables:
        first = next(iter(tables.values()))
        images = ReportedImages.of(first, dataset, test, value_range=value_range_of(result))
    trainings = _trainings(result, images)
    content: dict[str, Any] = {
        "title": title or f"Strategies for {result.n_images:,} images of {len(result.classes):,} classes",
        "answer": answer_of_comparison(result),
        "notes": result.notes,
        "candidates": {"title": "Strategies", "parts": [_part(result, one) for one in reversed(result.sizes)],
                       "note": ""},
        "classes": result.classes,
        "trainings": trainings or None,
        "curves": _curves(result),
        "provenance": _provenance(result, tables, command),
    }  # fmt: skip
    data: dict[str, Any] = {"classes": [one_line(name) for name in result.classes], "images": None}
    if images is None:
        return content, data
    pictures = [one["views"].pictures for one in trainings if one["views"]]
    data["views"] = {key: text for some in pictures for key, text in some.items()} or None
    content["confusions"] = _confusions(result, size)
    content["per_class"] = recall_table(size.strategies, result.classes, _what(result, size))
    content["no_map"] = NO_MAP
    content["data_set"] = overview_of(images, result.failures)
    # Each image has a prediction of every strategy.
    listed = list_images(tables, most=2 * MOST_IMAGES // max(2, len(tables)))
    add_images(content, data, listed, images, max_bytes=max_bytes)
    return content, data


def _what(result: ComparisonResult, size: SizeResult) -> str:
    """Return which images the matrices count."""
    how = f" of {result.repeats:,} repeats, in each of which an image may be tested" if result.repeats > 1 else ""
    return f"Test images{how}, after training on {count_text(size.n_train, 'image')}."


def _part(result: ComparisonResult, size: SizeResult) -> dict[str, Any]:
    """Return the chart and the table of the strategies at one size."""
    chart = interval_chart(
        [s.strategy for s in size.strategies],
        [s.accuracy for s in size.strategies],
        baseline=size.baseline,
        label=f"Accuracy of {len(size.strategies)} strategies with their intervals; the numbers are in the table",
    )
    said = size.verdict.text
    several = len(result.sizes) > 1
    caption = f"{said[:1].upper()}{said[1:]}" if several else f"Trained on {size.n_train:,} images"
    return {"svg": as_markup(chart), "table": strategy_table(size), "caption": caption, "omitted": ""}


def _curves(result: ComparisonResult) -> dict[str, Any]:
    found = {"sizes": size_chart(result), "costs": cost_chart(result)}
    for chart in found.values():
        if chart is not None:
            chart["svg"] = as_markup(chart["svg"])
    return {**found, "caption": f"After training on {result.sizes[-1].n_train:,} images"}


def _confusions(result: ComparisonResult, size: SizeResult) -> list[dict[str, Any]]:
    """Return the matrix of each strategy; of many classes, the whole one of the strategy to use alone."""
    found = []
    for one in size.strategies:
        if one.confusion is None:
            continue
        grid = confusion_grid(one.confusion.tolist(), result.classes)
        if len(result.classes) > WHOLE and one.strategy != size.verdict.use:
            grid["rows"] = []
        found.append({"name": one.strategy, "note": _what(result, size), **grid})
    return found


def _trainings(result: ComparisonResult, images: ReportedImages | None) -> list[dict[str, Any]]:
    """Return the curves of the strategies that train a network, and how they augment, of the first repeat."""
    found = []
    for number, one in enumerate(result.sizes[-1].strategies):
        history = one.histories[0] if one.histories else None
        if not history or not history.get("epoch"):
            continue
        best = one.best_epochs[0] if one.best_epochs else None
        charts = [{**chart, "svg": as_markup(chart["svg"])} for chart in training_curves(history, best_epoch=best or 0)]
        kept = f"; epoch {best} of {len(history['epoch'])} was kept" if best else ""
        text = (
            f"Trained on {count_text(one.n_train, 'image')}{', the first repeat' if result.repeats > 1 else ''}{kept}."
        )
        views = None if images is None else _views(one, images, result.random_state, f"views-{number}")
        found.append({"name": one.strategy, "charts": charts, "text": text, "views": views})
    return [one for one in found if one["charts"]]


def _views(one: StrategyResult, images: ReportedImages, seed: int, name: str) -> AugmentedViews | None:
    """Return images that the first repeat did not test as its training sees them, or would."""
    traits, table = one.traits, one.predictions
    if traits.preprocessing is None or traits.augment_draws is None or images.dataset is None or table is None:
        return None
    tested = table.rows[np.isin(table.parts, ("test", "repeat 1"))]
    rows = np.setdiff1d(np.arange(len(images.labels)), tested)
    how: dict[str, Any] = {"seed": seed, "draws": traits.augment_draws, "name": name}
    return draw_views(images, rows, traits.preprocessing, traits.augmentation, **how)


def _provenance(
    result: ComparisonResult, tables: dict[str, PredictionTable], command: str | None
) -> list[tuple[str, str]]:
    size = result.sizes[-1]
    data: dict[str, Any] = {"images": f"{result.n_images:,}", "classes": f"{len(result.classes):,}"}
    if tables:
        data["digest of names and labels"] = _digest(next(iter(tables.values())))
    return provenance(
        command=command,
        network={f"strategy {one.strategy}": _strategy_text(one) for one in size.strategies},
        settings={"repeats": result.repeats, "seed": result.random_state, "margin": percent_text(result.margin),
                  "training sizes": ", ".join(f"{one.n_train:,}" for one in result.sizes),
                  "judged by": result.protocol, "intervals": result.interval, "test": result.test},
        data=data,
        seconds={},
    )  # fmt: skip


def _strategy_text(one: StrategyResult) -> str:
    """Return the network, weights and rates of a strategy, and its time by part."""
    traits = one.traits
    rates = {"learning rate": traits.learning_rate, "of the head": traits.head_learning_rate}
    texts = [
        traits.network,
        traits.weights_digest and f"weights {traits.weights_digest}",
        traits.image_size and f"{traits.image_size} pixels a side",
        *(f"{name} {rate:g}" for name, rate in rates.items() if rate is not None),
        traits.most_epochs and f"at most {count_text(traits.most_epochs, 'epoch')}",
        f"trained on {count_text(one.n_train, 'image')}",
        f"time {', '.join(f'{part} {duration_text(value)}' for part, value in one.seconds.items())}, as if nothing "
        "were cached",
    ]
    return "; ".join(text for text in texts if text)


def _digest(table: PredictionTable) -> str:
    """Return the digest of the tested images, each once."""
    first = np.unique(table.rows, return_index=True)[1]
    once = table.take(first)
    names: Sequence[str] = [f"row {row}" for row in once.rows] if once.names is None else list(once.names)
    return digest_labels(names, [once.classes[number] for number in once.truth])
