"""Errors for weights that do not match a network: which tensors are missing, unknown or of another shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..display.names import few
from ..exceptions import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Match", "ambiguity", "mismatch", "not_finite_weights"]

ADAPTERS = ("lora_", "lora.", "adapter_model", "ia3_")
# In the names of tensors that replace another one by a parametrisation.
REPARAMETRISED = ("parametrizations.", "weight_orig", "weight_g", "weight_v")
# In the place of a set of tensors: a key in brackets is copied, any other is quoted.
KEYS = re.compile(r"\[(.*?)\]/|([^/]+)/")
# In the names of tensors whose shape depends on the image size.
POSITIONS = ("pos_", "position", "attention_bias")


@dataclass(frozen=True)
class Match:
    """The tensors at one place in a file, compared with those of a network.

    Attributes
    ----------
    place : str
        The common prefix of their names.
    state : dict of str to Tensor
        By their names in the network.
    faults : list of str
        Which tensors are missing, unknown or of another shape or type.
    matched : int
        How many of the needed tensors match.
    needed : frozenset of str
        Names of the tensors that the layer needs.
    resized : list of str
        Names of the tensors that were resampled to another image size.
    """

    place: str
    state: dict[str, Tensor]
    faults: list[str]
    matched: int
    needed: frozenset[str]
    resized: list[str]


def mismatch(
    matches: list[Match], tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str, source: str
) -> WeightsError:
    """Return the error for a file in which no place matches: what is wrong with the best one, and what to do."""
    if any(word in key for key in tensors for word in ADAPTERS):
        return WeightsError(
            f"the weights {source} do not fit {name}: they are those of an adapter (LoRA), which changes a network "
            "but is not one",
            "Merge it into its network where it was trained (peft: model.merge_and_unload()), and save that network's "
            "state_dict().",
        )
    if not tensors:
        return WeightsError(f"the weights {source} hold no tensors", "Save the network's state_dict().")
    if not matches:
        return WeightsError(
            f"the weights {source} do not fit {name}: {next(iter(expected))} is missing, and so are all others; the "
            f"file holds {few(list(tensors))}",
            "Pass the backbone that they were trained with, or name the tensors as it does.",
        )
    best = min(matches, key=lambda match: (-match.matched, len(match.faults)))
    where = f" (under {best.place.rstrip('.')!r})" if best.place else ""
    step = "Pass the backbone that they were trained with"
    if any(word in key for key in best.state for word in REPARAMETRISED):
        step = "Remove weight normalisation or pruning (remove_parametrizations, prune.remove), and save them again"
    elif 2 * best.matched < len(best.needed):
        where += f"; the file holds {few(list(tensors))}"
        step += ", or load them into your own module, and pass that as the backbone"
    elif all(any(word in fault for word in POSITIONS) for fault in best.faults):
        step += ", and the image size (image_size)"
    return WeightsError(
        f"the weights {source} do not fit {name}: {few(best.faults, between='; ')}; "
        f"{best.matched} of {len(best.needed)} tensors match{where}",
        f"{step}.",
    )


def not_finite_weights(spoilt: Mapping[str, tuple[int, int]], name: str, source: str) -> WeightsError:
    """Return the error for tensors that hold NaN or infinity, which names the first one and counts the others."""
    first, (count, size) = next(iter(spoilt.items()))
    others = len(spoilt) - 1
    more = f", and so are values of {others} more tensor{'s' if others > 1 else ''}" if others else ""
    return WeightsError(
        f"the weights {source} cannot be used for {name}: in {first}, {count:,} of {size:,} values are NaN or "
        f"infinite{more}",
        "Pass a checkpoint from before the training diverged, or save the weights again in float32.",
    )


def ambiguity(matches: list[Match], short: Mapping[str, str], name: str, source: str) -> WeightsError:
    """Return the error for a file with several different places that match, and the line that saves one alone."""
    # A place without a prefix comes last, since the line would save the others with it.
    places = sorted((place_in_file(match, short) for match in matches), key=lambda place: not place)
    container, _, prefix = places[0].rpartition("/")
    found = "checkpoint" + "".join(f"[{number or repr(key)}]" for number, key in KEYS.findall(f"{container}/"))
    if prefix:
        found = f"{{k.removeprefix({prefix!r}): v for k, v in {found}.items() if k.startswith({prefix!r})}}"
    return WeightsError(
        f"the weights {source} hold {len(places)} sets of tensors that fit {name} and differ: under "
        + " and ".join(repr(place.rstrip("./")) for place in places),
        f"Save the one to use in a file of its own; for the first: torch.save({found}, 'weights.pth').",
    )


def place_in_file(match: Match, short: Mapping[str, str]) -> str:
    """Return the place of the tensors in the terms of the file: the keys of dictionaries, then a prefix of names."""
    for key in match.state:
        full = short.get(match.place + key, "")
        if full.replace("/", ".").endswith(key):
            return full[: len(full) - len(key)]
    return match.place
