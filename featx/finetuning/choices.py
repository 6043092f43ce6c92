"""The choices of the parameters of training, which their types, their checks and the command line share."""

from __future__ import annotations

from typing import Literal

__all__ = ["Auto", "BatchNorm", "HeadInit", "Optimizer", "Schedule"]

Auto = Literal["auto"]
BatchNorm = Literal["frozen", "update"]
HeadInit = Literal["auto", "logistic", "warmup", "random"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["constant", "cosine", "onecycle"]
