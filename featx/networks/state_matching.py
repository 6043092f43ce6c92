"""The tensors of a checkpoint, under whatever names, go in; a network whose own tensors have their values comes out.

What lies behind the layer that is read (a class layer of another shape, a projection head) and beside the network (an
optimiser, a teacher) is left out. What the layer needs must be there, all of it, and from one place only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..display.notes import note_once
from ..exceptions import WeightsError
from .mismatches import Match, abbreviated, ambiguity, mismatch, not_finite_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["absent_tensors", "load_weights", "refuse_absent"]

# Heads that torchvision's networks have only while training.
AUXILIARY = ("AuxLogits", "aux1", "aux2")
# Modules that PyTorch wraps others into, in the names of their tensors.
WRAPPERS = frozenset(["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
# Counters that compute nothing: of BatchNorm, of a tool that counts operations, of averaged weights.
COUNTERS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")
# Places in a file that are looked at, those with the most names of the network first.
PLACES = 8

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
        By their names in the file, after the keys of the dictionaries that they lie in: ``state_dict/module.fc.bias``.
    name, source : str
        The network and the file, for messages.
    layer : str
        The node of the graph up to which the network must be covered.
    heads : iterable of str
        Modules that give classes.
    adapt : callable, default=None
        From a state dict that does not fit to one that may: other names, resampled position embeddings.
    aliases : iterable of str
        Names that `adapt` understands beside the network's own.

    Raises
    ------
    WeightsError
        If a tensor that the layer needs is missing, of another shape or not finite, there are tensors of a deeper
        network, or two places fit and differ; names them.
    """
    expected = module.state_dict()
    unread = tuple(f"{head}." for head in (*heads, *AUXILIARY) if head)
    short = _short_names(tensors, expected)
    places = _places(short, {*expected, *aliases})
    needed = frozenset(key for key in expected if not key.startswith(unread))
    fits = [_fit(place, short, tensors, expected, needed, unread, adapt) for place in places]
    # The graph is read only where it matters what lies behind the layer.
    several = len(fits) > 1 or any(fit.faults or _spoilt(fit, expected) for fit in fits)
    if several and (fewer := _needed(module, layer, needed)) != needed:
        fits = [_fit(place, short, tensors, expected, fewer, unread, adapt) for place in places]
    good = [fit for fit in fits if not fit.faults]
    if not good:
        raise mismatch(fits, tensors, expected, name, source)
    # Values that are no numbers do not make the other place in a file the right one.
    good.sort(key=lambda fit: bool(_spoilt(fit, expected)))
    chosen = good[0]
    if spoilt := _spoilt(chosen, expected):
        raise not_finite_weights(spoilt, name, source)
    if others := [fit for fit in good[1:] if not _same(fit, chosen)]:
        raise ambiguity([chosen, *others], short, name, source)
    _note(chosen, expected, unread, source)
    # Not by load_state_dict: some networks (MNASNet) ask it for a version that only the file of a whole module has.
    absent = []
    for key, value in expected.items():
        usable = key in chosen.state and not _fault(key, chosen.state[key], value)
        if usable and not _n_spoilt(chosen.state[key], value):
            value.copy_(chosen.state[key])
        elif not key.endswith(COUNTERS):
            absent.append(key)
    vars(module)["_absent_tensors"] = (source, tuple(absent), unread)


def absent_tensors(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the tensors that the network's file of weights did not have, which are random."""
    return vars(module).get("_absent_tensors", ("", (), ()))[1]


def refuse_absent(module: nn.Module, feature_extractor: Any, layers: Iterable[str], *, name: str) -> None:
    """Refuse to read layers for which a tensor is needed that the file of weights did not have.

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
            f"the layer {' or '.join(layers)} of {name} needs {abbreviated(lacking)}, which the weights {source} do "
            "not have, or in another shape, or with values that are NaN or infinite",
            "Read an earlier layer, or pass a file that has them.",
        )


def _short_names(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names in the file by what they are without wrappers, wherever these stand."""
    own = {part for key in expected for part in key.split(".")}
    short: dict[str, str] = {}
    for key in tensors:
        plain = key.replace("/", ".")
        bare = ".".join(part for part in plain.split(".") if part not in WRAPPERS or part in own)
        # Of two tensors that differ by wrappers only, the second keeps its name: they are two places.
        short[plain if bare in short else bare] = key
    return short


def _places(short: Iterable[str], names: set[str]) -> list[str]:
    """Return the prefixes under which names of the network stand, those with the most names first."""
    counts: Counter[str] = Counter()
    for key in short:
        parts = key.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in names:
                counts["".join(f"{part}." for part in parts[:start])] += 1
    most = max(counts.values(), default=0)
    return [place for place, count in counts.most_common(PLACES) if 2 * count >= most]


def _fit(
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
    """Return why a state dict is not that of the network up to a layer."""
    faults = []
    for key, value in expected.items():
        if key in needed and not key.endswith(COUNTERS):
            if key not in state:
                faults.append(f"{key} is missing")
            elif fault := _fault(key, state[key], value):
                faults.append(fault)
    # In a module that computes what is read, further tensors are those of a deeper or another network.
    read = {key.split(".")[0] for key in needed}
    for key in state:
        if key not in expected and key.split(".")[0] in read and not (key.startswith(unread) or key.endswith(COUNTERS)):
            faults.append(f"{key} is unknown")
    return faults


def _fault(key: str, given: Tensor, own: Tensor) -> str:
    """Return why a tensor cannot stand for one of the network's, or nothing."""
    import torch

    if given.is_nested or given.layout != torch.strided or given.is_quantized or given.is_meta:
        return f"{key} is sparse, quantised, nested or without values"
    if given.shape != own.shape:
        return f"{key} is {tuple(given.shape)}, the network's is {tuple(own.shape)}"
    if own.is_floating_point() and not given.is_floating_point():
        return f"{key} holds {str(given.dtype).removeprefix('torch.')}, the network's are floating-point numbers"
    return ""


def _spoilt(fit: Match, expected: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
    """Return which tensors that are needed hold NaN or infinity, and of how many values how many are."""
    keys = [key for key in expected if key in fit.needed and key in fit.state and not key.endswith(COUNTERS)]
    counts = {key: _n_spoilt(fit.state[key], expected[key]) for key in keys if not fit.faults}
    return {key: (count, fit.state[key].numel()) for key, count in counts.items() if count}


def _n_spoilt(given: Tensor, own: Tensor) -> int:
    """Return how many values are NaN or infinite in the network's type, where its own are finite: a mask may not be."""
    import torch

    if not (given.is_floating_point() or given.is_complex()):
        return 0
    taken = given.to(own.dtype)
    # A sum is finite only where all of its terms are.
    if bool(torch.isfinite(taken.sum())):
        return 0
    return int((torch.isfinite(own) & ~torch.isfinite(taken)).sum())


def _needed(module: nn.Module, layer: str, otherwise: frozenset[str]) -> frozenset[str]:
    """Return the names of the tensors that a layer is computed with; `otherwise` where the module is not traced."""
    import torch

    from ..torch_modules.graphs import feature_extractor

    graph = feature_extractor(module.eval(), [layer], name="")
    # A graph keeps buffers too that the module does not save.
    return otherwise.intersection(graph.state_dict()) if isinstance(graph, torch.fx.GraphModule) else otherwise


def _same(some: Match, other: Match) -> bool:
    """Tell whether two places hold the same values for what is read."""
    import torch

    keys = [key for key in some.needed if not key.endswith(COUNTERS)]
    return all(some.state[key] is other.state[key] or torch.equal(some.state[key], other.state[key]) for key in keys)


def _note(fit: Match, expected: Mapping[str, Tensor], unread: tuple[str, ...], source: str) -> None:
    own = {key.split(".")[0] for key in expected} | {head.split(".")[0] for head in unread}
    keys = [key for key in fit.state if not key.endswith(COUNTERS)]
    extra = Counter(key.split(".")[0] for key in keys if key.split(".")[0] not in own)
    if extra:
        what = ", ".join(extra)
        note_once(f"{source}: {fit.matched} tensors are used; those of {what}, which the network has not, are left out")
    if fit.resized:
        note_once(f"{source} was trained at another image size: {abbreviated(fit.resized)} resampled to this one")
