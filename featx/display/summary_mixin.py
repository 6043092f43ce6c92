"""The mixin class whose objects print as two lines, and in a notebook as the tables that the command prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["SummaryMixin"]


class Summaries(Protocol):
    """What says how objects are shown; see `featx.reports.summaries`."""

    def summary_lines(self, shown: Any) -> list[str]:
        """Return one or two lines that say what an object is."""

    def summary_html(self, shown: Any) -> str | None:
        """Return the tables of an object as HTML, or None if it has none."""


class SummaryMixin:
    """Base class of results and other objects whose default repr would be a wall of values.

    Pickles name each of these classes by the package, which finds it wherever its module is moved to.
    """

    __slots__ = ()
    # Returns what says how objects are shown. That knows the results, which therefore cannot import it: the package
    # sets this.
    summaries: Callable[[], Summaries]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith("featx.") and not cls.__name__.startswith("_"):
            cls.__module__ = "featx"

    def __repr__(self) -> str:
        try:
            return "\n".join(SummaryMixin.summaries().summary_lines(self))
        # A debugger shows objects that are still being built, and pickles hold objects of older versions.
        except Exception:
            return f"<{type(self).__name__}, incomplete>"

    def _repr_html_(self) -> str | None:
        """Return the tables as HTML for a notebook; None if there are none, so that it shows the two lines."""
        try:
            return SummaryMixin.summaries().summary_html(self)
        except Exception:
            return None
