"""The options that choose a class and a threshold of its probability: --positive and --operating-point."""

from __future__ import annotations

from .option_groups import JUDGING, in_group
from .options import decorate

__all__ = ["decision_options"]

_judging = in_group(JUDGING)

decision_options = decorate(
    [
        _judging("--positive", metavar="CLASS",
                 help="The class whose ROC AUC and average precision are given, against the rest "
                      "[default: the second of two]."),
        _judging("--operating-point", metavar="SHARE|COST",
                 help="Choose from which probability on --positive is predicted: sensitivity=0.95, specificity=0.9, "
                      "precision=0.8, or cost=5:1 (a miss against a false alarm)."),
    ]
)  # fmt: skip
