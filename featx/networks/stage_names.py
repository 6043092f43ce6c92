"""What a user calls stages of a network goes in; the stages that are meant, or an error, come out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..constraints import shown
from ..exceptions import LayerError, ParameterError, nearest
from .architectures import Architecture

__all__ = ["HEAD_ALONE", "check_layer", "check_stages", "choose_stages", "mistyped_stage"]


HEAD_ALONE = "Choose trainable_stages=0, which trains the head alone."


def check_layer(name: str, architecture: Architecture, layer: str) -> None:
    """Raise LayerError where a layer of a network is a stage mistyped; others may be nodes of its graph."""
    if hint := mistyped_stage(architecture, layer):
        raise LayerError(
            f"{name} has no layer {layer!r}", f"Its stages are {', '.join(architecture.stage_names)}. {hint}"
        )


def mistyped_stage(architecture: Architecture, layer: str) -> str:
    """Return "did you mean a stage?" for what is like a stage and can be no node; or an empty string.

    It has another number than the stages of that name, other capitals, or a letter that is wrong. (No node of any
    network's graph is like that, which a test makes sure of.)
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
    """Raise ParameterError where `trainable_stages` names none of a known network's stages up to a layer."""
    names, last = list(architecture.stage_names), layer or architecture.default_layer
    if last in names:  # and no node in the midst of a stage
        choose_stages(names[: names.index(last) + 1], wanted)


def choose_stages(known: list[str], wanted: Any) -> list[str]:
    """Return those of the known stages that `trainable_stages` means; raise ParameterError where it means none."""
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
