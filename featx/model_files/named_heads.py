"""Check the classifiers that a model names as text, "package.module:Class": a later fit would import their modules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .model_parts import parts
from .trusted_types import Trusted, UntrustedTypesError, names_of

__all__ = ["check_named_heads"]

NAME = re.compile(r"[\w.]+:[\w.]+")
# Its classes are trusted, and importing its modules does nothing else.
TRUSTED_PACKAGE = "sklearn"


def check_named_heads(path: str, model: Any, trusted: Trusted = ()) -> None:
    """Refuse a model that names classifiers which are not trusted: as `head` of a `TunedHead`, or for it in a grid.

    They are trusted by their names with a point in place of the colon.

    Parameters
    ----------
    path : str
        The name of the file.
    model : object
    trusted : sequence of str or type, default=()

    Raises
    ------
    UntrustedTypesError
    """
    found = {name.replace(":", ".") for _, part in parts(model) for name in _names(part)} - set(names_of(trusted))
    if unknown := sorted(name for name in found if name.partition(".")[0] != TRUSTED_PACKAGE):
        raise UntrustedTypesError(path, unknown, trusted)


def _names(part: Any) -> Iterator[str]:
    held = part if isinstance(part, Mapping) else getattr(part, "__dict__", {})
    for key, value in held.items():
        if isinstance(key, str) and key.rpartition("__")[2] == "head":
            values = [value] if isinstance(value, str) else value if isinstance(value, Iterable) else []
            yield from (one for one in values if isinstance(one, str) and NAME.fullmatch(one))
