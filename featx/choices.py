"""The choices of parameters that accept a few strings, which their types, their checks and the command line share."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "OnError",
    "Pooling",
    "Precision",
    "Resize",
    "ResolvedPooling",
    "ResolvedPrecision",
    "Scoring",
    "StrategyKind",
]

ResolvedPrecision = Literal["float32", "bfloat16", "float16"]
Precision = Literal["auto", ResolvedPrecision]
ResolvedPooling = Literal["avg", "max", "avgmax", "gem", "flatten", "cls"]
Pooling = Literal["auto", ResolvedPooling]
Resize = Literal["crop", "squash"]
OnError = Literal["raise", "skip"]
Scoring = Literal["accuracy", "balanced_accuracy", "f1_macro"]
# What a classifier of images does with the pretrained network; "scratch" has none, "other" is not known to featx.
StrategyKind = Literal["frozen", "finetuned", "scratch", "other"]
