"""Training mode and BatchNorm statistics: which modules of a partly trained network are switched to training.

Dropout, stochastic depth and everything else that depends on the mode act in the trained part; the frozen part stays
in evaluation. Running statistics that are those of initialisation are always estimated.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Iterator, Sequence
from types import CodeType

from torch import nn

from ..exceptions import TrainingWarning
from ..torch_modules.running_statistics import (
    has_initial_statistics,
    keeps_statistics,
    reestimated_statistics,
    uses_batch_statistics,
)

__all__ = ["TrainedPart"]

# PyTorch's default. Networks made for long trainings have a lower momentum, too low to follow in a short one.
UPDATE_MOMENTUM = 0.1


class TrainedPart:
    """The modules of a network that are trained.

    Parameters
    ----------
    module : nn.Module
    trained : sequence of str
        Names of parameters.
    lower, upper : collection of str
        Names of the modules that are called below and above the boundary, as far as this is known.

    Attributes
    ----------
    names : list of str
        Names of the modules that are trained.
    initial_norms : list of str
        Those of them whose running statistics are those of initialisation, so that there are none to keep.
    frozen_initial_norms : list of str
        Modules of the frozen part whose statistics are those of initialisation, which therefore do not normalise.
    batch_dependent : list of str
        Modules that normalise by the statistics of the batch in evaluation too.
    """

    def __init__(
        self, module: nn.Module, trained: Sequence[str], *, lower: Collection[str] = (), upper: Collection[str] = ()
    ) -> None:
        self.module = module
        self.parts = dict(module.named_modules())
        first = {part: path for path, part in self.parts.items()}
        parameters = dict(module.named_parameters())
        wanted = {id(parameters[name]) for name in trained}
        reached = {first[part]: None for part in _trained_modules(module, wanted)} if trained else {}
        below = set(lower) - set(upper)
        self.names = [path for path in self.parts if path in reached and path not in below]
        self._norms = [path for path in self.names if keeps_statistics(self.parts[path])]
        self.initial_norms = [path for path in self._norms if has_initial_statistics(self.parts[path])]
        # A module that a graph has taken apart does not update its statistics.
        self._estimated = [path for path in self.initial_norms if path in upper or not upper]
        known = [*lower, *upper]
        used = [p for p in self.parts if not known or any(p == k or p.startswith(f"{k}.") for k in known)]
        inside = set(self.names)
        self.frozen_initial_norms = [
            path for path in used if path not in inside and has_initial_statistics(self.parts[path])
        ]
        self.batch_dependent = [path for path in used if uses_batch_statistics(self.parts[path])]

    def warn(self, name: str) -> None:
        """Warn of layers that do not normalise, and of layers that normalise by the batch."""
        if norms := self.frozen_initial_norms:
            more = f" and {len(norms) - 1} more layers" if len(norms) > 1 else ""
            warnings.warn(
                f"{name} is frozen in {norms[0]}{more}, whose running statistics are those of initialisation "
                "(mean 0, variance 1), so that they do not normalise. Pass weights that were trained, or train these "
                "layers too: trainable_stages='all'.",
                TrainingWarning,
                stacklevel=5,
            )
        if norms := self.batch_dependent:
            warnings.warn(
                f"{norms[0]} of {name} has no running statistics: its output for an image depends on the "
                "other images of the batch. Use track_running_stats=True.",
                TrainingWarning,
                stacklevel=5,
            )

    def updated_norms(self, update: bool) -> list[str]:
        """Return the modules whose statistics change in training: with `update` all that are trained."""
        return self._norms if update else self.initial_norms

    def train(self, mode: bool, *, update: bool) -> None:
        """Switch to training or back to evaluation."""
        for part in self.module.modules():
            part.training = False
        if not mode:
            return
        for path in self.names:
            self.parts[path].training = True
        moving = set(self.updated_norms(update))
        for path in self._norms:
            norm = self.parts[path]
            norm.training = path in moving
            momentum = getattr(norm, "momentum", None)
            if path in moving and isinstance(momentum, float):
                norm.momentum = max(momentum, UPDATE_MOMENTUM)

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Keep all modules in evaluation inside: one of the trained part may be called below the boundary too."""
        live = [part for part in self.module.modules() if part.training]
        try:
            for part in live:
                part.training = False
            yield
        finally:
            for part in live:
                part.training = True

    def estimating(self) -> contextlib.AbstractContextManager[None]:
        """Estimate anew the statistics that are those of initialisation, from the batches that pass inside."""
        self.train(False, update=False)
        return reestimated_statistics([self.parts[path] for path in self._estimated])

    def mode_dependent(self) -> list[str]:
        """Return the modules whose own code reads `self.training`, which is a constant of a traced graph."""
        return [
            path
            for path in self.names
            if not type(self.parts[path]).__module__.startswith("torch.nn.") and path not in self._norms
            if any(_reads_mode(kind) for kind in type(self.parts[path]).__mro__ if issubclass(kind, nn.Module))
        ]


def _trained_modules(module: nn.Module, wanted: Collection[int]) -> Iterator[nn.Module]:
    """Yield the modules with trained parameters, and those without parameters next to them."""
    own = [id(value) for value in module.parameters()]
    if own and not any(value in wanted for value in own):
        return
    yield module
    for child in module.children():
        yield from _trained_modules(child, wanted)


def _reads_mode(kind: type) -> bool:
    if kind.__module__.startswith("torch.nn."):
        return False
    functions = [getattr(member, "__wrapped__", member) for member in vars(kind).values()]
    return any(_reads_training(code) for f in functions if (code := getattr(f, "__code__", None)) is not None)


def _reads_training(code: CodeType) -> bool:
    return "training" in code.co_names or any(_reads_training(c) for c in code.co_consts if isinstance(c, CodeType))
