"""The mixin class whose objects print as two lines, and in a notebook as the tables that the command prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .named_by_package import NamedByPackage

__all__ = ["SummaryMixin", "show_by"]


def show_by(load: Callable[[], Any]) -> None:
    """Set what returns the functions that show objects, `summary_lines` and `summary_html`, when one is shown.

    They know the results, which therefore cannot import them; the package, which knows all, calls this.
    """
    global _load
    _load = load


_load: Callable[[], Any]


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
