"""Promised: every option of training reaches the classifier, whose defaults are those of Python."""

import inspect

import click
import pytest

from featx import CNNFineTuneClassifier
from featx.cli.options import network_options, parameters_from, reading_options
from featx.cli.training_options import training_options

DEFAULTS = {name: p.default for name, p in inspect.signature(CNNFineTuneClassifier).parameters.items()}
# A command shows its progress.
DEFAULTS["verbose"] = True
# As they are typed, and the parameter that they are.
TYPED = {
    "--trainable-stages": ("2", "trainable_stages", 2),
    "--trainable-layers": ("9", "trainable_layers", 9),
    "--batch-norm": ("update", "batch_norm", "update"),
    "--head-init": ("random", "head_init", "random"),
    "--warmup-epochs": ("5", "warmup_epochs", 5),
    "--warmup-learning-rate": ("0.0001", "warmup_learning_rate", 1e-4),
    "--hidden-units": ("64", "hidden_units", 64),
    "--dropout": ("0.2", "dropout", 0.2),
    "--epochs": ("3", "epochs", 3),
    "--learning-rate": ("0.01", "learning_rate", 0.01),
    "--head-learning-rate": ("0.02", "head_learning_rate", 0.02),
    "--augmentation": ("flips", "augmentation", "flips"),
    "--class-weight": ("balanced", "class_weight", "balanced"),
    "--no-early-stopping": (None, "early_stopping", False),
    "--validation-fraction": ("0.3", "validation_fraction", 0.3),
    "--patience": ("7", "patience", 7),
    "--optimizer": ("sgd", "optimizer", "sgd"),
    "--momentum": ("0.5", "momentum", 0.5),
    "--weight-decay": ("0.1", "weight_decay", 0.1),
    "--schedule": ("onecycle", "schedule", "onecycle"),
    "--label-smoothing": ("0.1", "label_smoothing", 0.1),
    "--augment-draws": ("2", "augment_draws", 2),
    "--test-draws": ("3", "test_draws", 3),
    "--checkpoint": ("a.ckpt", "checkpoint", "a.ckpt"),
    "--boundary-cache-bytes": ("1000", "boundary_cache_bytes", 1000),
}

# Why an option of the command cannot set them.
NOT_OPTIONS = {
    "cache_key": "it names the code of a module, and a command knows networks by name only",
    "image_shape": "it says how rows of numbers become images, and a command reads files",
}


# As above, of the options that `featx finetune` shares with other commands.
SHARED = {
    "--backbone": ("resnet18", "backbone", "resnet18"),
    "--weights": ("none", "weights", None),
    "--layer": ("head", "layer", "head"),
    "--pooling": ("max", "pooling", "max"),
    "--image-size": ("64", "image_size", 64),
    "--resize": ("squash", "resize", "squash"),
    "--precision": ("bfloat16", "precision", "bfloat16"),
    "--seed": ("3", "random_state", 3),
    "--device": ("cpu", "device", "cpu"),
    "--batch-size": ("8", "batch_size", 8),
    "--n-jobs": ("2", "n_jobs", 2),
    "--cache": ("none", "cache", None),
    "--value-range": ("0,255", "value_range", (0.0, 255.0)),
    "--quiet": (None, "verbose", False),
}


@click.command()
@training_options
def of_training(**options):
    return options


@click.command()
@training_options
@network_options(several=False)
@reading_options
def command(**options):
    return parameters_from(options, DEFAULTS)


def parameters(*arguments):
    found = command.main(list(arguments), standalone_mode=False)
    return {name: str(value) if name == "checkpoint" and value else value for name, value in found.items()}


def test_without_options_the_parameters_are_the_defaults_of_python():
    found = parameters()
    assert found == {name: DEFAULTS[name] for name in found}


def test_every_option_is_tried_here():
    flags = {flag for param in of_training.params for flag in (param.secondary_opts or param.opts)}
    assert flags == set(TYPED)


def test_every_parameter_of_the_classifier_has_an_option_or_a_reason_why_not():
    reached = {name for _, name, _ in {**TYPED, **SHARED}.values()}
    assert reached | set(NOT_OPTIONS) == set(DEFAULTS)
    assert not reached & set(NOT_OPTIONS)
    assert all(NOT_OPTIONS.values())
    assert parameters().keys() <= reached


@pytest.mark.parametrize("flag", [*TYPED, *SHARED])
def test_an_option_sets_its_parameter_and_no_other(flag):
    text, name, value = {**TYPED, **SHARED}[flag]
    assert value != DEFAULTS[name]
    found = parameters(flag, *([] if text is None else [text]))
    assert found == {**{other: DEFAULTS[other] for other in found}, name: value}


@pytest.mark.parametrize(
    ("text", "stages"), [("0", 0), ("12", 12), ("all", "all"), ("layer4", ["layer4"]), ("a,b.1", ["a", "b.1"])]
)
def test_stages_are_a_number_all_or_names(text, stages):
    assert parameters("--trainable-stages", text)["trainable_stages"] == stages


@pytest.mark.parametrize(("text", "units"), [("256", 256), ("512,256", [512, 256]), ("8,4,2", [8, 4, 2])])
def test_hidden_units_are_a_number_or_several(text, units):
    assert parameters("--hidden-units", text)["hidden_units"] == units


@pytest.mark.parametrize(
    "arguments",
    [
        "--hidden-units 8,0",
        "--hidden-units 8,x",
        "--hidden-units 8,",
        "--dropout 1",
        "--epochs 0",
        "--learning-rate -1",
        "--learning-rate inf",
        "--warmup-learning-rate 0",
        "--weight-decay nan",
        "--dropout nan",
        "--batch-norm none",
        "--boundary-cache-bytes -1",
    ],
)
def test_what_no_training_can_take_is_refused_while_it_is_read(arguments):
    with pytest.raises(click.BadParameter):
        parameters(*arguments.split())
