"""The mixin class whose objects print as two lines, and in a notebook as the tables that the command prints."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["SummaryMixin"]


class SummaryMixin:
    """Base class of results and other objects whose default repr would be a wall of values.

    `featx.reports.summaries` says how each class is shown. It is imported by name when an object is shown, because it
    knows the results, which therefore cannot import it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        try:
            return "\n".join(_summaries().summary_lines(self))
        # A debugger shows objects that are still being built, and pickles hold objects of older versions.
        except Exception:
            return f"<{type(self).__name__}, incomplete>"

    def _repr_html_(self) -> str | None:
        """Return the tables as HTML for a notebook; None if there are none, so that it shows the two lines."""
        try:
            return _summaries().summary_html(self)
        except Exception:
            return None


def _summaries() -> Any:
    return importlib.import_module("featx.reports.summaries")
