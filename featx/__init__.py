"""Image classification by transfer learning: every embedding computed once, every head tuned for free."""

from ._version import __version__

__all__ = ["__version__"]
