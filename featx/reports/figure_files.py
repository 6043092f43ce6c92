"""Make matplotlib axes, and write figures to PNG, SVG or PDF files that are the same for the same figure."""

from __future__ import annotations

import functools
import inspect
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from ..cache.files import replaced
from ..constraints import PATH
from ..exceptions import FeatxError, MissingDependencyError, ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_figure_path", "new_axes", "new_figure", "percent_tick", "save_figure", "written_to_path"]

P = ParamSpec("P")
T = TypeVar("T")

# Dates and versions are left out, which would make two files of one figure differ.
METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
DPI = 150


def new_axes(
    width: float, height: float, *, columns: int = 1, rows: int = 1, path: str | os.PathLike[str] | None
) -> np.ndarray:
    """Return axes, side by side or in a grid, on a new figure.

    Parameters
    ----------
    width, height : float
        Of the figure, in inches.
    columns, rows : int, default=1
    path : str, PathLike or None
        The file that the figure is for, if any.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (rows * columns,)
        Row by row.
    """
    figure = new_figure(width, height, layout="constrained", path=path)
    return figure.subplots(rows, columns, squeeze=False).ravel()


def new_figure(
    width: float, height: float, *, layout: str | None = None, path: str | os.PathLike[str] | None
) -> Figure:
    """Return an empty figure.

    A figure for a file has no window and is in no global list. Any other figure is pyplot's: a notebook shows it below
    the cell, ``plt.show()`` in a window.

    Parameters
    ----------
    width, height : float
        Of the figure, in inches.
    layout : str, default=None
        The name of one of matplotlib's layout engines; None leaves axes where they are placed.
    path : str, PathLike or None
        The file that the figure is for, if any.
    """
    _check_matplotlib()
    how: Any = {"figsize": (width, height), "layout": layout or "none"}
    if path is None:
        import matplotlib.pyplot as plt

        return plt.figure(**how)
    from matplotlib.figure import Figure

    return Figure(**how)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a file atomically: the file is complete, or not there at all.

    The same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or PathLike
        The extension, .png, .svg or .pdf, says which kind of file.

    Raises
    ------
    FeatxError
        If the file cannot be written.
    ParameterError
        If the extension is another one.
    """
    import matplotlib

    kind = check_figure_path(path)
    content = io.BytesIO()
    # Without a salt, matplotlib draws the identifiers within an SVG at random.
    with matplotlib.rc_context({"svg.hashsalt": "featx"}):
        figure.savefig(content, format=kind[1:], dpi=DPI, bbox_inches="tight", metadata=METADATA[kind])
    target = Path(path)
    try:
        with replaced(target) as temporary:
            temporary.write_bytes(content.getvalue())
    except OSError as error:
        raise FeatxError(f"cannot write {target}: {error.strerror or error}", "Choose another place.") from error


def check_figure_path(path: str | os.PathLike[str], *, name: str = "path") -> str:
    """Refuse a figure that could not be written, before hours are spent on what it shows.

    Parameters
    ----------
    path : str or PathLike
    name : str, default="path"
        The parameter that an error names.

    Returns
    -------
    str
        The extension in lower case.

    Raises
    ------
    ParameterError
        If it is not that of a PNG, SVG or PDF file.
    MissingDependencyError
        If matplotlib is not installed.
    """
    PATH.check(name, path)
    kind = Path(path).suffix.lower()
    if kind not in METADATA:
        raise ParameterError(
            f"got {name}={os.fspath(path)!r}; expected a name that ends in {', '.join(METADATA)}",
            "The extension says which kind of file is written.",
        )
    _check_matplotlib()
    return kind


def written_to_path(plot: Callable[P, T]) -> Callable[P, T]:
    """Have a function that returns axes write their figure to its `path`, which is checked before anything is drawn."""
    signature = inspect.signature(plot)

    @functools.wraps(plot)
    def plotted(*args: P.args, **kwargs: P.kwargs) -> T:
        path = signature.bind(*args, **kwargs).arguments.get("path")
        if path is not None:
            check_figure_path(path)
        axes = plot(*args, **kwargs)
        if path is not None:
            save_figure(np.ravel(np.asarray(axes, dtype=object))[0].figure.figure, path)
        return axes

    return plotted


def percent_tick(share: float, _: float) -> str:
    """Return the label of an axis at a share, for matplotlib's formatters."""
    return f"{100 * share:g} %"


def _check_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "a plot", "plot") from error
