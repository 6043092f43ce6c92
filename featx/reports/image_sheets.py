"""Plot a sheet of images with their classes, or with predicted classes and probabilities, wrong ones marked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..constraints import TEXT, check_values, integer
from ..display.notes import note_once
from ..display.quantities import all_text, count_text, probability_text
from ..exceptions import DatasetError, ImageDecodeError, ParameterError
from ..images.labels import plain_column
from ..images.sources import ImageSource, ImageSources, as_sources
from ..runtime.deadlines import map_with_deadline
from .figure_files import new_figure, written_to_path
from .fonts import drawable_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_images"]

COLUMNS = 8
# Inches of a cell, of a line below it, between cells, and of the line above all.
CELL, LINE, GAP, HEADING = 1.36, 0.125, 0.1, 0.35
# The least height of a cell, as a share of its width, where all images are wide.
LEAST_HEIGHT = 0.3
# What an image is scaled down to, in pixels, and the points of a letter.
LONGEST_SIDE, LETTER = 220, 7
LONGEST_NAME = 18
THREADS = 4
# Images that cannot be read are replaced by others so many times.
ATTEMPTS = 3
# Vermilion of Okabe and Ito.
WRONG = "#D55E00"


@written_to_path
def plot_images(
    images: Sequence[Any] | np.ndarray,
    labels: Any = None,
    path: str | os.PathLike[str] | None = None,
    *,
    predictions: Any = None,
    probabilities: Any = None,
    n_images: int = 40,
    title: str = "images",
    value_range: tuple[float, float] | str | None = None,
    max_pixels: int | None = None,
    random_state: int = 0,
) -> np.ndarray:
    """Draw a sheet of images with their classes, chosen at random, some of every class.

    With predictions, the predicted class and its probability are written below each image; a wrong one has a frame, the
    word "wrong" and its true class.

    Parameters
    ----------
    images : sequence
        Anything that `read_image` takes, or one array whose first axis counts images. Those that cannot be read are
        replaced by others, which is logged.
    labels : array-like of length n, default=None
        The true classes. None where they are not known.
    path : str or PathLike, default=None
        As for `plot_confusion_matrix`.
    predictions : array-like of length n, default=None
        The predicted classes.
    probabilities : array-like of float, length n, default=None
        Those of the predicted classes.
    n_images : int, default=40
        How many images are drawn at most, 8 in a row, the same number of every class as far as there are enough. Of
        more classes than images, some are drawn. Without labels, classes are those that are predicted.
    title : str, default="images"
        What they are, for the line above them, such as "training images".
    value_range : (low, high), "minmax" or None, default=None
        As for `read_image`.
    max_pixels : int, default=None
        As for `read_image`.
    random_state : int, default=0
        Seed of the choice.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One for each image that is drawn, in the order of the sheet: by class. ``axes[0].figure`` is the figure.

    Raises
    ------
    DatasetError
        If there are no images, or none of those chosen can be read.
    FeatxError, MissingDependencyError
        As for `plot_confusion_matrix`.
    ParameterError
        If labels, predictions or probabilities are not one for each image, or the extension is another one.
    """
    check_values(locals(), n_images=integer(1), title=TEXT)
    sources = as_sources(images, max_pixels=max_pixels, value_range=value_range)
    if not len(sources):
        raise DatasetError("got no images", "Pass a list of images.")
    truth, answers = _texts(labels, len(sources), "labels"), _texts(predictions, len(sources), "predictions")
    shares = _checked_probabilities(probabilities, answers, len(sources))
    kinds = truth if truth is not None else answers
    numbers = np.zeros(len(sources), int) if kinds is None else np.unique(kinds, return_inverse=True)[1]
    drawn = _read_some(sources, numbers, n_images, np.random.default_rng(random_state))
    drawn.sort(key=lambda found: numbers[found[0]])
    rows = [row for row, _ in drawn]
    names = sorted({name for column in (truth, answers) if column is not None for name in column})
    short, families = drawable_labels(names, LONGEST_NAME)
    label = dict(zip(names, short, strict=True))
    captions = [_caption(row, truth, answers, shares, label) for row in rows]
    tallest = max(pixels.shape[0] / pixels.shape[1] for _, pixels in drawn)
    axes = _new_grid(len(rows), max(map(len, captions)), CELL * min(1, max(LEAST_HEIGHT, tallest)), path)
    for ax, (row, pixels), lines in zip(axes, drawn, captions, strict=True):
        wrong = truth is not None and answers is not None and bool(truth[row] != answers[row])
        _draw(ax, pixels, lines, wrong=wrong, families=families)
    figure = axes[0].figure
    heading = _heading(rows, numbers, n_images, title)
    heading += "; wrong predictions are framed" if any(len(lines) > 2 for lines in captions) else ""
    left = GAP / figure.get_figwidth()
    figure.suptitle(heading, x=left, y=1, ha="left", va="top", fontsize=10, parse_math=False)
    return axes


def _texts(values: Any, n: int, name: str) -> np.ndarray | None:
    column = plain_column(values, n, name=name)
    return None if column is None else np.array([str(value) for value in column], dtype=object)


def _checked_probabilities(probabilities: Any, answers: np.ndarray | None, n: int) -> np.ndarray | None:
    if probabilities is None:
        return None
    if answers is None:
        raise ParameterError("got probabilities and no predictions", "Pass the predicted classes: predictions=.")
    step = "Pass that of the predicted class: model.predict_proba(X).max(axis=1)."
    try:
        shares = np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError("got probabilities that are not numbers", step) from None
    if shares.shape != (n,):
        raise ParameterError(f"got probabilities of shape {shares.shape}; expected one for each of {n:,} images", step)
    if not ((shares >= 0) & (shares <= 1 + 1e-6)).all():
        raise ParameterError("got probabilities that are not between 0 and 1", step)
    return shares.clip(max=1.0)


def _read_some(
    sources: ImageSources, numbers: np.ndarray, most: int, rng: np.random.Generator
) -> list[tuple[int, np.ndarray]]:
    """Return rows at random, class by class in turn, and their pixels; others for those that cannot be read."""
    order = _in_turns(numbers, rng)
    found: list[tuple[int, np.ndarray]] = []
    failed: list[ImageDecodeError] = []
    for _ in range(ATTEMPTS):
        wanted, order = order[: most - len(found)], order[most - len(found) :]
        chosen = [sources[int(row)] for row in wanted]
        for row, pixels in zip(wanted, map_with_deadline(_small, chosen, threads=THREADS), strict=True):
            if isinstance(pixels, np.ndarray):
                found.append((int(row), pixels))
            else:
                failed.append(pixels)
        if len(found) == most or not len(order):
            break
    if not found:
        raise DatasetError("none of the images can be read", f"The first: {failed[0]}")
    if failed:
        are = "is" if len(failed) == 1 else "are"
        note_once(f"{count_text(len(failed), 'image')} that cannot be read {are} not drawn; the first: {failed[0]}")
    return found


def _in_turns(numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return all rows in a random order in which the classes take turns."""
    rows = rng.permutation(len(numbers))
    places = rng.permutation(int(numbers.max()) + 1)[numbers[rows]]
    seen: dict[int, int] = {}
    turns = np.empty(len(rows), int)
    for i, place in enumerate(places.tolist()):
        turns[i] = seen[place] = seen.get(place, -1) + 1
    return rows[np.lexsort((places, turns))]


def _small(source: ImageSource) -> np.ndarray | Exception:
    """Return the pixels of an image, scaled down if it is larger than it is drawn, or why there are none."""
    try:
        image = Image.fromarray(source.load()[1])
    except ImageDecodeError as error:
        return error
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)


def _caption(
    row: int,
    truth: np.ndarray | None,
    answers: np.ndarray | None,
    shares: np.ndarray | None,
    label: dict[str, str],
) -> list[str]:
    """Return the lines below an image: its class; or the prediction, how sure it is, and the true class if wrong."""
    if answers is None:
        return [] if truth is None else [label[truth[row]]]
    sureness = [] if shares is None else [probability_text(float(shares[row]))]
    if truth is None or truth[row] == answers[row]:
        return [label[answers[row]], *sureness]
    return [label[answers[row]], ", ".join([*sureness, "wrong"]), f"true: {label[truth[row]]}"]


def _heading(rows: Sequence[int], numbers: np.ndarray, most: int, title: str) -> str:
    """Return what is shown of how many images and classes."""
    n, k = len(numbers), len(np.unique(numbers))
    shown = len({numbers[row] for row in rows})
    if len(rows) == n:
        return f"{title}: {f'all {n:,}' if n > 1 else n}"
    how = "chosen at random" if n > most else "those that can be read,"
    some = f"{shown:,} of {count_text(k, 'class')}" if shown < k else all_text(k, "class")
    classes = f" from {some}" if k > 1 else ""
    return f"{title}: {len(rows):,} of {n:,}, {how}{classes}"


def _new_grid(n: int, n_lines: int, cell_height: float, path: str | os.PathLike[str] | None) -> np.ndarray:
    """Return axes in rows of eight on a new figure, with room for lines of text below each."""
    columns, n_rows = min(n, COLUMNS), -(-n // COLUMNS)
    step = cell_height + n_lines * LINE + 2 * GAP
    width, height = columns * (CELL + GAP) + GAP, n_rows * step + HEADING
    figure = new_figure(width, height, path=path)
    cells = np.empty(n, dtype=object)
    for i in range(n):
        left, bottom = GAP + i % COLUMNS * (CELL + GAP), height - HEADING - i // COLUMNS * step - cell_height
        place = (left / width, bottom / height, CELL / width, cell_height / height)
        cells[i] = figure.add_axes(place, anchor="S")
    return cells


def _draw(ax: Axes, pixels: np.ndarray, lines: Iterable[str], *, wrong: bool, families: list[str]) -> None:
    ax.imshow(pixels)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set(color=WRONG if wrong else "0.8", linewidth=2.5 if wrong else 0.5)
    font: dict[str, Any] = {"fontfamily": families} if families else {}
    text = ax.set_xlabel("\n".join(lines), fontsize=LETTER, labelpad=3, linespacing=1.15, parse_math=False, **font)
    # Names of wide letters are set smaller, so that they do not run into the next one.
    width = text.get_window_extent().width / ax.figure.dpi
    if width > CELL + GAP / 2:
        text.set_fontsize(LETTER * (CELL + GAP / 2) / width)
