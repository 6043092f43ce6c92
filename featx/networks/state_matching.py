"""Load the tensors of a checkpoint into a network, whatever prefix their names have in the file.

Tensors after the layer that is read (a class layer of another shape, a projection head) and outside the network (an
optimiser, a teacher) are ignored. All tensors that the layer needs must be there, and in one place only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..display.names import few
from ..display.notes import note_once
from ..exceptions import WeightsError
from .mismatches import Match, ambiguity, mismatch, not_finite_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["absent_tensors", "load_weights", "refuse_absent"]

# Heads that torchvision's networks have only while training.
AUXILIARY = ("AuxLogits", "aux1", "aux2")
# Names of modules by which PyTorch wraps other modules, in the names of tensors.
WRAPPERS = frozenset(["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
# Counters that take no part in computing: of BatchNorm, of a tool that counts operations, of averaged weights.
COUNTERS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")
# How many places in a file are tried, those with the most names of the network first.
MAX_PLACES = 8

State = dict[str, "Tensor"]
Adapt = Callable[[State], State]


def load_weights(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    name: str,
    source: str,
    layer: str,
    heads: Iterable[str] = (),
    adapt: Adapt | None = None,
    aliases: Iterable[str] = (),
) -> None:
    """Load the tensors of a file into a network in place.

    Parameters
    ----------
    module : nn.Module
    tensors : mapping of str to Tensor
        By their names in the file, after the keys of the dictionaries that hold them: ``state_dict/module.fc.bias``.
    name, source : str
        The network and the file, for messages.
    layer : str
        The node of the graph up to which all tensors must be in the file.
    heads : iterable of str
        Modules that compute the scores of classes.
    adapt : callable, default=None
        Converts a state dict that does not match to one that may: other names, resampled position embeddings.
    aliases : iterable of str
        Names that `adapt` understands besides those of the network.

    Raises
    ------
    WeightsError
        If a tensor that the layer needs is missing, of another shape or not finite, if there are tensors of a deeper
        network, or if two places match and differ; names them.
    """
    expected = module.state_dict()
    unread = tuple(f"{head}." for head in (*heads, *AUXILIARY) if head)
    short = _short_names(tensors, expected)
    places = _places(short, {*expected, *aliases})
    needed = frozenset(key for key in expected if not key.startswith(unread))
    matches = [_match(place, short, tensors, expected, needed, unread, adapt) for place in places]
    # The graph is traced only if it matters which tensors come after the layer.
    spoilt = [_spoilt(match, expected) for match in matches]
    several = len(matches) > 1 or any(match.faults for match in matches) or any(spoilt)
    if several and (fewer := _needed(module, layer, needed)) != needed:
        matches = [_match(place, short, tensors, expected, fewer, unread, adapt) for place in places]
        spoilt = [_spoilt(match, expected) for match in matches]
    good = [number for number, match in enumerate(matches) if not match.faults]
    if not good:
        raise mismatch(matches, tensors, expected, name, source)
    # Places with values that are not finite come last, and still count as different.
    good.sort(key=lambda number: bool(spoilt[number]))
    chosen = matches[good[0]]
    if spoilt[good[0]]:
        raise not_finite_weights(spoilt[good[0]], name, source)
    if others := [matches[number] for number in good[1:] if not _same(matches[number], chosen)]:
        raise ambiguity([chosen, *others], short, name, source)
    _note(chosen, expected, unread, source)
    # Not by load_state_dict: some networks (MNASNet) require a version that only the file of a whole module has.
    absent = []
    for key, value in expected.items():
        usable = key in chosen.state and not _fault(key, chosen.state[key], value)
        # That of the needed ones is known.
        if usable and (key in chosen.needed or not _n_spoilt(chosen.state[key], value)):
            value.copy_(chosen.state[key])
        elif not key.endswith(COUNTERS):
            absent.append(key)
    vars(module)["_absent_tensors"] = (source, tuple(absent), unread)


def absent_tensors(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the tensors that were not in the file of weights, whose values are random."""
    return vars(module).get("_absent_tensors", ("", (), ()))[1]


def refuse_absent(module: nn.Module, feature_extractor: Any, layers: Iterable[str], *, name: str) -> None:
    """Raise an error if layers need a tensor that was not in the file of weights.

    Raises
    ------
    WeightsError
    """
    import torch

    source, absent, unread = vars(module).get("_absent_tensors", ("", (), ()))
    if isinstance(feature_extractor, torch.fx.GraphModule):
        used = feature_extractor.state_dict().keys()
        lacking = [key for key in absent if key in used]
    elif "output" in layers:
        lacking = list(absent)
    else:
        lacking = [key for key in absent if not key.startswith(unread)]
    if lacking:
        raise WeightsError(
            f"the layer {' or '.join(layers)} of {name} needs {few(lacking)}, which the weights {source} do "
            "not have, or in another shape, or with values that are NaN or infinite",
            "Read an earlier layer, or pass a file that has them.",
        )


def _short_names(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names in the file by the names without wrapper modules, wherever these are."""
    own = {part for key in expected for part in key.split(".")}
    short: dict[str, str] = {}
    for key in tensors:
        plain = key.replace("/", ".")
        bare = ".".join(part for part in plain.split(".") if part not in WRAPPERS or part in own)
        # Of two names that differ by wrappers only, the second is kept in full: they are two places.
        short[plain if bare in short else bare] = key
    return short


def _places(short: Iterable[str], names: set[str]) -> list[str]:
    """Return the prefixes that names of the network have in the file, those with the most names first."""
    counts: Counter[str] = Counter()
    for key in short:
        parts = key.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in names:
                counts["".join(f"{part}." for part in parts[:start])] += 1
    most = max(counts.values(), default=0)
    return [place for place, count in counts.most_common(MAX_PLACES) if 2 * count >= most]


def _match(
    place: str,
    short: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    needed: frozenset[str],
    unread: tuple[str, ...],
    adapt: Adapt | None,
) -> Match:
    state = {key[len(place) :]: tensors[full] for key, full in short.items() if key.startswith(place)}
    faults = _faults(state, expected, needed, unread)
    resized: list[str] = []
    if faults and adapt is not None:
        adapted = adapt(dict(state))
        if len(found := _faults(adapted, expected, needed, unread)) < len(faults):
            resized = [k for k in adapted if k in needed and k in state and state[k].shape != adapted[k].shape]
            state, faults = adapted, found
    matched = sum(key in state and not _fault(key, state[key], expected[key]) for key in needed)
    return Match(place, state, faults, matched, needed, resized)


def _faults(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], needed: frozenset[str], unread: tuple[str, ...]
) -> list[str]:
    """Return the reasons why a state dict is not that of the network up to a layer."""
    faults = []
    for key, value in expected.items():
        if key in needed and not key.endswith(COUNTERS):
            if key not in state:
                faults.append(f"{key} is missing")
            elif fault := _fault(key, state[key], value):
                faults.append(fault)
    # Further tensors in a module that takes part are those of a deeper or another network.
    read = {key.split(".")[0] for key in needed}
    for key in state:
        if key not in expected and key.split(".")[0] in read and not (key.startswith(unread) or key.endswith(COUNTERS)):
            faults.append(f"{key} is unknown")
    return faults


def _fault(key: str, given: Tensor, own: Tensor) -> str:
    """Return the reason why a tensor cannot replace one of the network's, or an empty string."""
    import torch

    if given.is_nested or given.layout != torch.strided or given.is_quantized or given.is_meta:
        return f"{key} is sparse, quantised, nested or without values"
    if given.shape != own.shape:
        return f"{key} is {tuple(given.shape)}, the network's is {tuple(own.shape)}"
    if own.is_floating_point() and not given.is_floating_point():
        return f"{key} holds {str(given.dtype).removeprefix('torch.')}, the network's are floating-point numbers"
    return ""


def _spoilt(match: Match, expected: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
    """Return the needed tensors that hold NaN or infinity: how many values are, and how many there are."""
    keys = [key for key in expected if key in match.needed and key in match.state and not key.endswith(COUNTERS)]
    counts = {key: _n_spoilt(match.state[key], expected[key]) for key in keys if not match.faults}
    return {key: (count, match.state[key].numel()) for key, count in counts.items() if count}


def _n_spoilt(given: Tensor, own: Tensor) -> int:
    """Return how many values are NaN or infinite in the network's dtype, except where its own are (as in masks)."""
    import torch

    if not (given.is_floating_point() or given.is_complex()):
        return 0
    taken = given.to(own.dtype)
    # A sum is finite only if all its terms are.
    if bool(torch.isfinite(taken.sum())):
        return 0
    return int((torch.isfinite(own) & ~torch.isfinite(taken)).sum())


def _needed(module: nn.Module, layer: str, otherwise: frozenset[str]) -> frozenset[str]:
    """Return the names of the tensors that a layer depends on; `otherwise` if the module cannot be traced."""
    import torch

    from ..torch_modules.graphs import feature_extractor

    graph = feature_extractor(module.eval(), [layer], name="")
    # A graph also keeps buffers that the module does not save.
    return otherwise.intersection(graph.state_dict()) if isinstance(graph, torch.fx.GraphModule) else otherwise


def _same(some: Match, other: Match) -> bool:
    """Tell whether two places hold the same values of the needed tensors."""
    import torch

    keys = [key for key in some.needed if not key.endswith(COUNTERS)]
    return all(some.state[key] is other.state[key] or torch.equal(some.state[key], other.state[key]) for key in keys)


def _note(match: Match, expected: Mapping[str, Tensor], unread: tuple[str, ...], source: str) -> None:
    own = {key.split(".")[0] for key in expected} | {head.split(".")[0] for head in unread}
    keys = [key for key in match.state if not key.endswith(COUNTERS)]
    extra = Counter(key.split(".")[0] for key in keys if key.split(".")[0] not in own)
    if extra:
        what = ", ".join(extra)
        note_once(
            f"{source}: {match.matched} tensors are used; those of {what}, which the network does not have, are left "
            "out"
        )
    if match.resized:
        note_once(f"{source} was trained at another image size: {few(match.resized)} resampled to this one")
