"""Draw sheets of training images and of test images with their predictions: --plot-images and --plot-predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .option_groups import OUTPUT, in_group

if TYPE_CHECKING:
    import numpy as np

    from ..datasets.dataset import ImageDataset
    from ..evaluation.held_out_result import HeldOutResult
    from ..workflows.predict import Predictions

__all__ = ["draw_predictions", "draw_sheets", "plot_images_option", "plot_predictions_option"]

_output = in_group(OUTPUT)

plot_images_option = _output(
    "--plot-images",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|svg|pdf",
    help="Draw some of the training images, of every class.",
)


plot_predictions_option = _output(
    "--plot-predictions",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|svg|pdf",
    help="Draw some of the images with their predicted classes.",
)


def draw_sheets(
    options: dict[str, Any],
    dataset: ImageDataset,
    test: ImageDataset | None,
    result: HeldOutResult,
    train_rows: np.ndarray,
) -> None:
    """Draw some training images and some held-out ones of a result, where the options ask for them."""
    if not (options["plot_images"] or options["plot_predictions"]):
        return
    from ..datasets.split import join_test
    from ..reports.image_sheets import plot_images

    # The images in the order that rows count.
    whole = join_test(dataset, test)
    how = {"value_range": options["value_range"], "random_state": options["seed"]}
    if options["plot_images"]:
        some = whole.take(train_rows)
        plot_images(some.images, some.labels, options["plot_images"], title="training images", **how)
    if options["plot_predictions"]:
        table = result.predictions
        plot_images(
            [whole.images[row] for row in table.rows],
            table["label"],
            options["plot_predictions"],
            predictions=table["predicted"],
            probabilities=table.get("probability"),
            title="held-out images",
            **how,
        )


def draw_predictions(
    options: dict[str, Any], dataset: ImageDataset, predictions: Predictions, judged: Sequence[int] | None
) -> None:
    """Draw some predicted images where the option asks for them: of labelled ones, those whose rows are judged."""
    if not options["plot_predictions"] or not len(predictions):
        return
    from ..reports.image_sheets import plot_images

    chosen = set(predictions.rows if judged is None else judged)
    found = [(row, *p.top[0]) for row, p in zip(predictions.rows, predictions, strict=True) if row in chosen]
    rows, classes, probabilities = zip(*found, strict=True)
    plot_images(
        [dataset.images[row] for row in rows],
        None if judged is None or dataset.labels is None else dataset.labels[list(rows)],
        options["plot_predictions"],
        predictions=list(classes),
        probabilities=None if None in probabilities else list(probabilities),
        title="images" if judged is None else "labelled images",
        value_range=options["value_range"],
    )
