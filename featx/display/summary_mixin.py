"""An object prints as two lines, and in a notebook as the tables that the command prints."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["SummaryMixin"]


class SummaryMixin:
    """What results and other objects that would print as walls of values inherit.

    What is said of each kind stands in `summaries`. It is imported when something is shown, by its name: it knows the
    results, which cannot import it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        try:
            return "\n".join(_summaries().summary_lines(self))
        # A debugger shows objects that are half made, and pickles hold those of older versions.
        except Exception:
            return f"<{type(self).__name__}, incomplete>"

    def _repr_html_(self) -> str | None:
        """Return the tables as HTML for a notebook, or None where there are none, which shows the two lines."""
        try:
            return _summaries().summary_html(self)
        except Exception:
            return None


def _summaries() -> Any:
    return importlib.import_module("featx.reports.summaries")
