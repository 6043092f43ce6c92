"""The options that say how a network is trained, and the parameters of the classifier that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from ..choices import BatchNorm, HeadInit, Optimizer, Schedule
from .number_ranges import FRACTION, OPEN_FRACTION, POSITIVE_RATE, RATE
from .option_groups import COMPUTING, TRAINED, TRAINING, in_group
from .options import decorate

__all__ = ["training_options"]


class _Stages(click.ParamType):
    """A number of stages, "all", or their names."""

    name = "stages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str | list[str]:
        if not isinstance(value, str) or value == "all":
            return value
        return int(value) if value.isdecimal() else value.split(",")


class _HiddenUnits(click.ParamType):
    """The units of a hidden layer, or of several."""

    name = "units"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | list[int]:
        if not isinstance(value, str):
            return value
        units = [click.IntRange(min=1)(part, param, ctx) for part in value.split(",")]
        return units if len(units) > 1 else units[0]


_trained, _training, _computing = map(in_group, (TRAINED, TRAINING, COMPUTING))

training_options = decorate(
    [
        _trained("--trainable-stages", type=_Stages(), default="1", show_default=True, metavar="N|all|A,B",
                 help="The last N stages, all, or stages by name; 0 trains the head only."),
        _trained("--trainable-layers", type=click.IntRange(min=1), metavar="N",
                 help="The last N layers, in place of stages."),
        _trained("--batch-norm", type=click.Choice(get_args(BatchNorm)), default="frozen", show_default=True,
                 help="Whether BatchNorm keeps the statistics that it was pretrained with, if there are any."),
        _trained("--head-init", type=click.Choice(get_args(HeadInit)), default="auto",
                 show_default=True,
                 help="How the head starts: as a logistic regression, trained alone, or at random; auto chooses."),
        _trained("--warmup-epochs", type=click.IntRange(min=1), default=20, show_default=True, metavar="N",
                 help="Passes that train the head alone, with --head-init warmup."),
        _trained("--warmup-learning-rate", type=POSITIVE_RATE, metavar="RATE",
                 help="Warm up by --optimizer at this rate and on augmented images [default: the head's rate, at "
                      "least 1e-3, AdamW, images as they are]."),
        _trained("--hidden-units", type=_HiddenUnits(), metavar="N|N,N",
                 help="Give the head a hidden layer of N units, or several [default: none]."),
        _trained("--dropout", type=FRACTION, default=0.0, show_default=True, metavar="P",
                 help="Share of features dropped before the class layer."),
        _training("--epochs", type=click.IntRange(min=1), metavar="N",
                  help="Passes over the training images [default: 10, from scratch 30]."),
        _training("--learning-rate", type=RATE, metavar="RATE",
                  help="The rate of the trained stages [default: 3e-5, from scratch 1e-3]."),
        _training("--head-learning-rate", type=RATE, metavar="RATE",
                  help="The rate of the head [default: three times the other, from scratch the same]."),
        _training("--augmentation", default="light", show_default=True, metavar="NAME",
                  help="How images are changed at random: none, light, flips, dihedral, keras, crops or randaugment."),
        _training("--class-weight", type=click.Choice(["balanced", "none"]), default="none", show_default=True,
                  help="balanced gives rare classes the same weight as frequent ones."),
        _training("--early-stopping/--no-early-stopping", default=True, show_default=True,
                  help="Hold out a validation part and keep the best epoch, or train on everything to the last epoch."),
        _training("--validation-fraction", type=OPEN_FRACTION, default=0.15, show_default=True, metavar="FRACTION",
                  help="Of the training images, held out to stop by where DATA has no validation part."),
        _training("--patience", type=click.IntRange(min=1), metavar="N",
                  help="Stop after N epochs without improvement [default: 5, from scratch half of the epochs]."),
        _training("--optimizer", type=click.Choice(get_args(Optimizer)), default="adamw", show_default=True,
                  help="AdamW, Adam, or stochastic gradient descent with momentum."),
        _training("--momentum", type=FRACTION, default=0.9, show_default=True, metavar="M",
                  help="The momentum of sgd."),
        _training("--weight-decay", type=RATE, default=1e-2, show_default=True, metavar="RATE",
                  help="Regularisation that keeps weights small; biases and normalisation layers are exempt. Keras' "
                       "Adam has none."),
        _training("--schedule", type=click.Choice(get_args(Schedule)), default="cosine",
                  show_default=True, help="How the learning rates change over the epochs."),
        _training("--label-smoothing", type=FRACTION, default=0.0, show_default=True, metavar="P",
                  help="Share of each label that is spread over all classes."),
        _training("--augment-draws", default=4, show_default=True, type=click.IntRange(min=1), metavar="N",
                  help="Augmented copies made of each training image; every epoch takes one of them."),
        _training("--test-draws", default=1, show_default=True, type=click.IntRange(min=1), metavar="N",
                  help="Predict N versions of each image, itself and augmented copies, and average."),
        _training("--checkpoint", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                  help="Written after each epoch, and kept; the same command goes on from it "
                       "[default: MODEL.skops.checkpoint, until the model is written]."),
        _computing("--boundary-cache-bytes", default=8_000_000_000, show_default=True, type=click.IntRange(min=0),
                   metavar="N",
                   help="Most bytes for the output of the frozen stages, computed once; beyond it, or with 0, every "
                        "epoch forwards all images."),
    ]
)  # fmt: skip
