"""Write a result as one HTML file with its figures, charts and images, to read in a browser and to show others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..cache.files import replaced
from ..comparison.result import ComparisonResult
from ..constraints import PATH, check_values, shown
from ..evaluation.held_out_result import HeldOutResult
from ..exceptions import FeatxError, ParameterError
from .answer import answer_of_comparison
from .candidates import interval_chart, strategy_table
from .comparison_curves import cost_chart, size_chart
from .data_overview import data_overview
from .model_report import model_content
from .page import check_report_file, contents_of, render_page
from .provenance import provenance
from .reported_images import ReportedImages

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..workflows.fit_result import FitResult

__all__ = ["write_report"]


def write_report(
    result: FitResult | HeldOutResult | ComparisonResult,
    path: str | os.PathLike[str],
    *,
    dataset: ImageDataset | None = None,
    test: ImageDataset | None = None,
    title: str | None = None,
    command: str | None = None,
    max_bytes: int = 5_000_000,
) -> None:
    """Write a result as one HTML file: the answer in a sentence, charts, the confusion matrix and its images.

    The file needs no network, and runs nothing but its own script. Every figure in it is computed here. It shows as
    many images as thumbnails as its size allows, the most surely wrong first, and names all others by their paths.

    Parameters
    ----------
    result : FitResult, FineTuneResult, JudgedResult, another HeldOutResult, or ComparisonResult
    path : str or PathLike
        Ends in .html; replaced atomically.
    dataset : ImageDataset, default=None
        What the result was computed from: its images are shown, and its classes and parts counted. Without it, images
        are read from the paths in the result's predictions.
    test : ImageDataset, default=None
        The separate test set, if there was one.
    title : str, default=None
    command : str, default=None
        What made the result, for the last section.
    max_bytes : int, default=5_000_000
        The size of the file up to which thumbnails are added. Tables and charts are never left out.

    Raises
    ------
    ParameterError
        If `result` is not such a result, the name has another suffix, or the data set is not that of the result.
    MissingDependencyError
        If jinja2 is not installed.
    FeatxError
        If the file cannot be written.
    """
    check_values({"path": path, "max_bytes": max_bytes}, path=PATH)
    check_report_file(path)
    held = getattr(result, "evaluation", result)
    if isinstance(result, ComparisonResult):
        content, data = _comparison_content(result, dataset, title, command)
    elif isinstance(held, HeldOutResult):
        images = ReportedImages.of(result, held, dataset, test)
        content, data = model_content(result, held, images, title=title, command=command, max_bytes=max_bytes)
    else:
        raise ParameterError(f"got result={shown(result)}; expected a result with figures", "Pass that of fit_model.")
    page = render_page(content, data)
    try:
        with replaced(Path(path)) as temporary:
            temporary.write_bytes(page)
    except OSError as error:
        raise FeatxError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error


def _comparison_content(
    result: ComparisonResult, dataset: ImageDataset | None, title: str | None, command: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the page of a comparison shows: verdict, strategies at each size, curves; it has no images."""
    several = len(result.sizes) > 1
    parts = []
    for size in reversed(result.sizes):
        chart = interval_chart(
            [s.strategy for s in size.strategies],
            [s.accuracy for s in size.strategies],
            baseline=size.baseline,
            label=f"Accuracy of {len(size.strategies)} strategies with their intervals; the numbers are in the table",
        )
        said = size.verdict.text
        caption = f"{said[:1].upper()}{said[1:]}" if several else f"Trained on {size.n_train:,} images"
        parts.append({"svg": _markup(chart), "table": strategy_table(size), "caption": caption, "omitted": ""})
    curves: dict[str, Any] = {"sizes": size_chart(result), "costs": cost_chart(result),
                              "largest": f"{result.sizes[-1].n_train:,}"}  # fmt: skip
    for found in (curves["sizes"], curves["costs"]):
        if found is not None:
            found["svg"] = _markup(found["svg"])
    labels = [] if dataset is None or dataset.labels is None else dataset.labels.tolist()
    content = {
        "title": title or f"Strategies for {result.n_images:,} images of {len(result.classes):,} classes",
        "version": __version__,
        "answer": answer_of_comparison(result),
        "figures": [],
        "notes": result.notes,
        "candidates": {"title": "Strategies", "parts": parts, "note": ""},
        "classes": result.classes,
        **dict.fromkeys(("confusion", "per_class", "confidence", "thresholds", "map", "training")),
        "curves": curves,
        "data_set": data_overview(
            dataset, sources=[], labels=labels, parts=["images"] * len(labels), failures=result.failures, notes=[]
        )
        if labels
        else None,
        "has_samples": False,
        "provenance": provenance(
            command=command,
            network={},
            settings={"repeats": result.repeats, "seed": result.random_state, "margin": result.margin,
                      "judged by": result.protocol, "intervals": result.interval, "test": result.test},
            data={"images": f"{result.n_images:,}"},
            seconds={},
        ),
    }  # fmt: skip
    content["contents"] = contents_of(content)
    return content, {"classes": [], "images": None}


def _markup(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)
