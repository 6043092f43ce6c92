"""The choices of parameters that accept a few strings, which their types, their checks and the command line share."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "Auto",
    "BatchNorm",
    "HeadInit",
    "OnError",
    "Optimizer",
    "PlotBy",
    "Pooling",
    "Precision",
    "Resize",
    "ResolvedPooling",
    "ResolvedPrecision",
    "Schedule",
    "Scoring",
    "StrategyKind",
]

Auto = Literal["auto"]
# networks and images
ResolvedPrecision = Literal["float32", "bfloat16", "float16"]
Precision = Literal[Auto, ResolvedPrecision]
ResolvedPooling = Literal["avg", "max", "avgmax", "gem", "flatten", "cls"]
Pooling = Literal[Auto, ResolvedPooling]
Resize = Literal["crop", "squash"]
OnError = Literal["raise", "skip"]
# heads and trainings
Scoring = Literal["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision", "neg_log_loss"]
BatchNorm = Literal["frozen", "update"]
HeadInit = Literal["auto", "logistic", "warmup", "random"]
Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["constant", "cosine", "onecycle"]
# What is on the x axis of training curves.
PlotBy = Literal["epoch", "iteration"]
# What a classifier of images does with the pretrained network; "scratch" has none, "other" is not known to featx.
StrategyKind = Literal["frozen", "finetuned", "scratch", "other"]
