"""Write a result as one HTML file with its figures, charts and images, to read in a browser and to show others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audit.result import AuditResult
from ..cache.files import replaced
from ..comparison.result import ComparisonResult
from ..constraints import PATH, check_values, shown
from ..display.notes import note_once
from ..evaluation.held_out_result import HeldOutResult
from ..exceptions import FeatxError, ParameterError
from ..ranking.result import RankingResult
from .audit_report import audit_content
from .comparison_report import comparison_content
from .model_report import model_content
from .page import check_report_file, render_page
from .ranking_report import ranking_content
from .reported_images import ReportedImages, value_range_of

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..workflows.fit_result import FitResult

__all__ = ["write_report"]


def write_report(
    result: FitResult | HeldOutResult | ComparisonResult | AuditResult | RankingResult,
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
    result : FitResult, HeldOutResult, ComparisonResult, AuditResult or RankingResult
        FineTuneResult, JudgedResult and EvaluationResult are HeldOutResults.
    path : str or PathLike
        Ends in .html; replaced atomically.
    dataset : ImageDataset, default=None
        What the result was computed from: its images are shown, and its classes and parts counted. Without it, images
        are read from the paths in the result's predictions. That of an audit has its own.
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
    how: dict[str, Any] = {"title": title, "command": command, "max_bytes": max_bytes}
    if isinstance(result, AuditResult):
        if dataset is not None or test is not None:
            note_once("dataset and test have no effect on the report of an audit, which has its own")
        content, data = audit_content(result, **how)
    elif isinstance(result, ComparisonResult):
        content, data = comparison_content(result, dataset, test, **how)
    elif isinstance(result, RankingResult):
        content, data = ranking_content(result, title=title, command=command)
    elif isinstance(held, HeldOutResult):
        trained, value_range = getattr(result, "train_rows", None), value_range_of(result)
        images = ReportedImages.of(held.predictions, dataset, test, value_range=value_range, trained=trained)
        content, data = model_content(result, held, images, **how)
    else:
        raise ParameterError(f"got result={shown(result)}; expected a result with figures", "Pass that of fit_model.")
    page = render_page(content, data)
    try:
        with replaced(Path(path)) as temporary:
            temporary.write_bytes(page)
    except OSError as error:
        raise FeatxError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
