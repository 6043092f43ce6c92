"""The settings of a training: the parameters of a fine-tuning classifier that say how to train, checked and typed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..choices import Auto, BatchNorm, HeadInit, Optimizer, Schedule
from ..constraints import AUTO, COLUMN, FRACTION, NONE, Constraint, check_values, integer, number, one_of, plain
from ..exceptions import ParameterError
from ..images.augmentation import Augmentation, resolve_augmentation

if TYPE_CHECKING:
    from .finetuned_estimator import FineTunedEstimator

__all__ = ["ACCEPTED", "ResolvedSettings", "TrainingSettings"]

# ruff: noqa: RUF009 (what `_setting` returns is a field)

# What "auto" stands for. Random weights need a higher rate, the same everywhere, and more epochs; how good they get
# shows only when the rate has come down.
LEARNING_RATE, EPOCHS, PATIENCE = 3e-5, 10, 5
LEARNING_RATE_FROM_SCRATCH, EPOCHS_FROM_SCRATCH = 1e-3, 30
# A head that was initialised by a logistic regression needs little more than the stages below it.
HEAD_RATE_FACTOR = 3

_COUNT, _RATE, _SHARE = integer(1), number(0, math.inf), number(0, 1)
# At a rate of zero a warm-up would leave the head as it was.
_POSITIVE_RATE = Constraint("a number above 0", lambda value: _RATE.accepts(value) and value > 0)
_UNITS = integer(1, 2**31 - 1)
_SEVERAL_UNITS = Constraint(
    "a sequence of such integers, one for each layer",
    lambda value: COLUMN.accepts(value) and len(value) > 0 and all(map(_UNITS.accepts, value)),
    "Such as 256, or (512, 256) for two layers.",
)


def _setting(
    accepts: Constraint | None = None,
    *,
    entry: str | None,
    kind: Callable[[Any], Any] | None = None,
    text: Callable[[Any], str] = str,
) -> Any:
    """Return a field that `accepts` values, by default those that the parameter accepts everywhere.

    `entry` of a checkpoint's identity has its `text`; with None, the result of a training does not depend on it.
    Numbers are converted to `kind`.
    """
    return field(metadata={"accepts": accepts, "entry": entry, "kind": kind, "text": text})


def _hidden_units(value: Any) -> int | tuple[int, ...]:
    """Return the units of one hidden layer as a number, and those of several as a tuple."""
    units = tuple(int(one) for one in np.ravel(value))
    return units if len(units) > 1 else units[0]


def _units_text(units: int | tuple[int, ...] | None) -> str:
    return ", ".join(map(str, units)) if isinstance(units, tuple) else str(units)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How to train, as the parameters of `CNNFineTuneClassifier` of the same names say; numbers are Python's own."""

    trainable_stages: int | Sequence[str] | str = _setting(entry="trained part")
    trainable_layers: int | None = _setting(entry="trained part")
    head_init: HeadInit = _setting(one_of(*get_args(HeadInit)), entry="head", text="{},".format)
    hidden_units: int | tuple[int, ...] | None = _setting(
        _UNITS | _SEVERAL_UNITS | NONE,
        entry="head",
        kind=_hidden_units,
        text=lambda units: f"{_units_text(units)} hidden units,",
    )
    dropout: float = _setting(_SHARE, entry="head", kind=float, text="dropout {:g}".format)
    warmup_epochs: int = _setting(_COUNT, entry="warmup_epochs", kind=int, text=lambda epochs: str(epochs or "none"))
    warmup_learning_rate: float | None = _setting(
        _POSITIVE_RATE | NONE, entry="warmup_epochs", kind=float, text=lambda rate: "" if rate is None else f"at {rate}"
    )
    batch_norm: BatchNorm = _setting(one_of(*get_args(BatchNorm)), entry="batch_norm")
    optimizer: Optimizer = _setting(one_of(*get_args(Optimizer)), entry="optimizer")
    learning_rate: float | Auto = _setting(_RATE | AUTO, entry="learning_rate", kind=float)
    head_learning_rate: float | None = _setting(_RATE | NONE, entry="head_learning_rate", kind=float)
    momentum: float = _setting(_SHARE, entry="momentum", kind=float)
    weight_decay: float = _setting(_RATE, entry="weight_decay", kind=float)
    schedule: Schedule = _setting(one_of(*get_args(Schedule)), entry="schedule")
    epochs: int | Auto = _setting(_COUNT | AUTO, entry="epochs", kind=int)
    batch_size: int = _setting(_COUNT, entry="batch_size", kind=int)
    label_smoothing: float = _setting(_SHARE, entry="label_smoothing", kind=float)
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = _setting(entry="class_weights")
    early_stopping: bool = _setting(entry="validation part", kind=bool)
    validation_fraction: float = _setting(FRACTION, entry="validation part", kind=float)
    patience: int | Auto | None = _setting(_COUNT | AUTO, entry="patience", kind=int)
    augmentation: Augmentation | None = _setting(
        entry="augmentation", text=lambda augmentation: "none" if augmentation is None else augmentation.text
    )
    # How many bytes makes no difference, but whether images are drawn once or anew in every epoch does.
    boundary_cache_bytes: int = _setting(integer(0), entry="boundary", kind=int, text=lambda most: str(bool(most)))
    augment_draws: int = _setting(_COUNT, entry="boundary", kind=int)
    test_draws: int = _setting(_COUNT, entry=None, kind=int)
    checkpoint: str | os.PathLike[str] | None = _setting(entry=None)
    precision: str = _setting(entry="precision")
    device: str = _setting(entry=None)
    n_jobs: int | None = _setting(entry=None, kind=int)
    random_state: int = _setting(entry="seed", kind=int)
    verbose: bool = _setting(entry=None, kind=bool)

    @classmethod
    def of(cls, classifier: FineTunedEstimator) -> TrainingSettings:
        """Return the settings of a classifier, after checking all its parameters that can be checked by themselves.

        Parameters
        ----------
        classifier : CNNFineTuneClassifier

        Raises
        ------
        ParameterError
        """
        values = vars(classifier)
        check_values(values, **ACCEPTED)
        if values["batch_norm"] == "update" and values["batch_size"] < 2:
            raise ParameterError("got batch_size=1 with batch_norm='update'; one image has no statistics",
                                 "Choose a larger batch_size, or batch_norm='frozen'.")  # fmt: skip
        if values["head_init"] == "logistic" and values["hidden_units"] is not None:
            what = "got head_init='logistic' with hidden_units, which a logistic regression does not have"
            raise ParameterError(what, "Choose head_init='warmup', or leave hidden_units out.")
        own = {f.name: _as_own(values[f.name], f.metadata["kind"]) for f in fields(cls)}
        return cls(**{**own, "augmentation": resolve_augmentation(values["augmentation"])})

    def resolved(self, *, from_scratch: bool, begins_at_random: bool) -> ResolvedSettings:
        """Return the settings that a training has, with "auto" and defaults that depend on others resolved.

        From scratch, the default patience is half of the epochs, and the head's rate is that of the network.

        Parameters
        ----------
        from_scratch : bool
            Whether the whole network is trained, from random weights.
        begins_at_random : bool
            Whether any of its tensors begin as they were initialised, so that its embeddings say little.
        """
        rate, epochs, patience, head_init = self.learning_rate, self.epochs, self.patience, self.head_init
        if rate == "auto":
            rate = LEARNING_RATE_FROM_SCRATCH if from_scratch else LEARNING_RATE
        if epochs == "auto":
            epochs = EPOCHS_FROM_SCRATCH if from_scratch else EPOCHS
        if patience == "auto":
            patience = max(PATIENCE, epochs // 2) if from_scratch else PATIENCE
        head_rate = self.head_learning_rate
        if head_rate is None:
            head_rate = rate if from_scratch else HEAD_RATE_FACTOR * rate
        if head_init == "auto":
            head_init = "random" if begins_at_random else "warmup" if self.hidden_units else "logistic"
        found: dict[str, Any] = {"learning_rate": rate, "head_learning_rate": head_rate}
        found |= {"epochs": epochs, "head_init": head_init}
        found["patience"] = patience if self.early_stopping else None
        if head_init != "warmup":
            found |= {"warmup_epochs": 0, "warmup_learning_rate": None}
        return ResolvedSettings(**{**vars(self), **found})


# What each parameter accepts, where that is not the same for all of featx.
ACCEPTED: dict[str, Constraint] = {
    each.name: each.metadata["accepts"] for each in fields(TrainingSettings) if each.metadata["accepts"]
}


class ResolvedSettings(TrainingSettings):
    """Settings in which nothing is left to choose: no "auto", and a rate for the head.

    `patience` is None without early stopping. For a head that is not warmed up, `warmup_epochs` is 0 and
    `warmup_learning_rate` None; for one that is, None stands for the rate and the ways of `WarmUp`.
    """

    learning_rate: float
    head_learning_rate: float
    epochs: int
    patience: int | None

    @property
    def training_precision(self) -> str:
        """The precision of forward passes through the trained part."""
        # On a CPU, training in half precision is slower: the gradients of convolutions are.
        return "float32" if self.device == "cpu" else self.precision

    @property
    def computing(self) -> dict[str, Any]:
        """The parameters of passes through the network before training that say how it computes."""
        return {name: getattr(self, name) for name in ("precision", "device", "n_jobs", "verbose")}

    def entries(self) -> dict[str, str]:
        """Return the entries of a checkpoint's identity that these settings decide, as text by name."""
        texts: dict[str, list[str]] = {}
        for each in fields(self):
            if each.metadata["entry"] is not None:
                texts.setdefault(each.metadata["entry"], []).append(each.metadata["text"](getattr(self, each.name)))
        return {entry: " ".join(filter(None, parts)) for entry, parts in texts.items()}


def _as_own(value: Any, kind: Callable[[Any], Any] | None) -> Any:
    """Return a number or flag of another library as Python's own, and a member of a subclass of str as a str."""
    return plain(value) if kind is None or value is None or isinstance(value, str) else kind(value)
