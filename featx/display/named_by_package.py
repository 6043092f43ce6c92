"""The base class of classes that pickles name by the package, so that their modules can be moved."""

from __future__ import annotations

from typing import Any

__all__ = ["NamedByPackage"]


class NamedByPackage:
    """Base class of public classes and of what they hold, all of which ``featx`` finds by name."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith("featx.") and not cls.__name__.startswith("_"):
            cls.__module__ = "featx"
