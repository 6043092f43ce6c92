"""The mixin class whose objects print as two lines, and in a notebook as the tables that the command prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .named_by_package import NamedByPackage

__all__ = ["SummaryMixin", "show_by"]


class Summaries(Protocol):
    """What says how objects are shown; see `featx.reports.summaries`."""

    def summary_lines(self, shown: Any) -> list[str]:
        """Return one or two lines that say what an object is."""

    def summary_html(self, shown: Any) -> str | None:
        """Return the tables of an object as HTML, or None if it has none."""


def show_by(load: Callable[[], Summaries]) -> None:
    """Set what returns the functions that show objects, when one is shown.

    They know the results, which therefore cannot import them; the package, which knows all, calls this.
    """
    global _load
    _load = load


_load: Callable[[], Summaries]


class SummaryMixin(NamedByPackage):
    """Base class of results and other objects whose default repr would be a wall of values."""

    __slots__ = ()

    def __repr__(self) -> str:
        try:
            return "\n".join(_load().summary_lines(self))
        # A debugger shows objects that are still being built, and pickles hold objects of older versions.
        except Exception:
            return f"<{type(self).__name__}, incomplete>"

    def _repr_html_(self) -> str | None:
        """Return the tables as HTML for a notebook; None if there are none, so that it shows the two lines."""
        try:
            return _load().summary_html(self)
        except Exception:
            return None
