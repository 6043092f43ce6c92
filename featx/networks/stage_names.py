"""Check the stage names and numbers that a user gives, and suggest the nearest stage for a mistyped one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..constraints import shown
from ..exceptions import LayerError, ParameterError, nearest
from .architectures import Architecture

__all__ = ["HEAD_ALONE", "check_layer", "check_stages", "choose_stages", "mistyped_stage", "owned_layers"]


HEAD_ALONE = "Choose trainable_stages=0, which trains the head alone."


def check_layer(name: str, architecture: Architecture, layer: str) -> None:
    """Raise LayerError for a layer that is a mistyped stage; other names may be nodes of the graph."""
    if hint := mistyped_stage(architecture, layer):
        raise LayerError(
            f"{name} has no layer {layer!r}", f"Its stages are {', '.join(architecture.stage_names)}. {hint}"
        )


def owned_layers(
    layers: Sequence[str | None], own: Sequence[str], others: Sequence[str], *, name: str
) -> list[str | None]:
    """Return the layers but for those that are stages of other networks only, where several networks are searched.

    Parameters
    ----------
    layers : sequence of str or None
    own, others : sequence of str
        The stages of this network, and of all that are searched.
    name : str
        This network's, for the message.

    Raises
    ------
    LayerError
        If none is left.
    """
    foreign = set(others) - set(own)
    if found := [layer for layer in layers if layer not in foreign]:
        return found
    raise LayerError(
        f"{name} has none of the layers {', '.join(map(str, layers))}",
        f"Add one of its own: its stages are {', '.join(own)}." if own else "Add one of its own.",
    )


def mistyped_stage(architecture: Architecture, layer: str) -> str:
    """Return the suggestion of a stage for a name that resembles one and cannot be a node; otherwise an empty string.

    The name has another number than the stages of that name, other capitals, or a wrong letter. (No node of any
    network's graph is like that, which a test ensures.)
    """
    names = architecture.stage_names
    if "." in layer or layer in names:
        return ""
    numbered = [name for name in names if _unnumbered(name) == _unnumbered(layer) != layer]
    similar = [
        name
        for name in names
        if re.findall(r"\d+", name) == re.findall(r"\d+", layer)
        and difflib.SequenceMatcher(None, name.lower(), layer.lower()).ratio() >= 0.75
    ]
    return nearest(layer, similar or numbered) if similar or len(numbered) > 1 else ""


def _unnumbered(name: str) -> str:
    return re.sub(r"\d+[a-z]?$", "", name)


def check_stages(architecture: Architecture, wanted: Any, *, layer: str | None = None) -> None:
    """Raise ParameterError if `trainable_stages` does not fit the stages of a known network up to a layer."""
    names, last = list(architecture.stage_names), layer or architecture.default_layer
    if last in names:  # and not a node within a stage
        choose_stages(names[: names.index(last) + 1], wanted)


def choose_stages(known: list[str], wanted: Any) -> list[str]:
    """Return the known stages that `trainable_stages` selects; raise ParameterError if it is not valid for them."""
    if isinstance(wanted, str) and wanted == "all":
        return known
    if not known and wanted != 0:
        raise ParameterError(
            f"got trainable_stages={shown(wanted)}; up to the head's layer, no stage has parameters", HEAD_ALONE
        )
    if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool) and int(wanted) >= 0:
        if int(wanted) > len(known):
            raise ParameterError(
                f"got trainable_stages={wanted}; up to the head's layer there are {len(known)}: {', '.join(known)}",
                "Choose fewer, or 'all'.",
            )
        return known[len(known) - int(wanted) :]
    if isinstance(wanted, Sequence) and not isinstance(wanted, str) and all(isinstance(n, str) for n in wanted):
        for name in wanted:
            if name not in known:
                hint = nearest(name, known) or f"There are {', '.join(known)}."
                raise ParameterError(f"got trainable_stages={list(wanted)}; there is no stage {name!r}", hint)
        return [name for name in known if name in wanted]
    raise ParameterError(f"got trainable_stages={wanted!r}; expected a number, names of stages, or 'all'")
