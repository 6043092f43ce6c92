"""Check the parameters of a fine-tuning classifier, and resolve the defaults of learning rate, epochs and patience."""

from __future__ import annotations

import math
from typing import Any

from ..constraints import AUTO, FRACTION, NONE, check_values, integer, number, one_of
from ..exceptions import ParameterError

__all__ = ["check_parameters", "resolve_automatic"]

# What "auto" stands for. Random weights need a higher rate, the same everywhere, and more epochs; how good they get
# shows only when the rate has come down.
AUTO_PRETRAINED = {"learning_rate": 3e-5, "epochs": 10, "patience": 5}
AUTO_FROM_SCRATCH = {"learning_rate": 1e-3, "epochs": 30}
# A head that was initialised by a logistic regression needs little more than the stages below it.
HEAD_RATE_FACTOR = 3
ACCEPTED = {
    **dict.fromkeys(("batch_size", "augment_draws", "test_draws", "warmup_epochs"), integer(1)),
    **dict.fromkeys(("epochs", "patience"), integer(1) | AUTO),
    "hidden_units": integer(1, 2**31 - 1) | NONE,
    "boundary_cache_bytes": integer(0),
    "learning_rate": number(0, math.inf) | AUTO,
    "head_learning_rate": number(0, math.inf) | NONE,
    "weight_decay": number(0, math.inf),
    **dict.fromkeys(("momentum", "dropout", "label_smoothing"), number(0, 1)),
    "validation_fraction": FRACTION,
    "head_init": one_of("auto", "logistic", "warmup", "random"),
    "batch_norm": one_of("frozen", "update"),
    "optimizer": one_of("adamw", "sgd"),
    "schedule": one_of("constant", "cosine", "onecycle"),
}


def check_parameters(options: Any) -> None:
    """Raise a ParameterError if a parameter of the estimator has a value that it does not accept."""
    check_values(vars(options), **ACCEPTED)
    if options.batch_norm == "update" and options.batch_size < 2:
        raise ParameterError("got batch_size=1 with batch_norm='update'; one image has no statistics",
                             "Choose a larger batch_size, or batch_norm='frozen'.")  # fmt: skip
    if options.head_init == "logistic" and options.hidden_units is not None:
        raise ParameterError("got head_init='logistic' with hidden_units, which a logistic regression does not have",
                             "Choose head_init='warmup', or hidden_units=None.")  # fmt: skip


def resolve_automatic(options: Any, *, from_scratch: bool) -> dict[str, Any]:
    """Return `learning_rate`, `head_learning_rate`, `epochs` and `patience`, with "auto" and None resolved.

    From scratch, the default patience is half of the epochs, and the head's rate is that of the network.
    """
    defaults = AUTO_FROM_SCRATCH if from_scratch else AUTO_PRETRAINED
    rate = float(defaults["learning_rate"] if _is_auto(options.learning_rate) else options.learning_rate)
    epochs = int(defaults["epochs"] if _is_auto(options.epochs) else options.epochs)
    usual = int(AUTO_PRETRAINED["patience"])
    patience = max(usual, epochs // 2) if from_scratch else usual
    head_rate = options.head_learning_rate
    if head_rate is None:
        head_rate = rate if from_scratch else HEAD_RATE_FACTOR * rate
    return {
        "learning_rate": rate,
        "head_learning_rate": float(head_rate),
        "epochs": epochs,
        "patience": patience if _is_auto(options.patience) else int(options.patience),
    }


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"
