"""Promised: types, checks, docstrings and the options of commands name the same choices."""

import inspect
import re
from dataclasses import fields
from typing import get_args

import click
import pytest

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, TunedHead, choices, constraints
from featx.cli.compare import compare
from featx.cli.finetune import finetune
from featx.cli.fit import fit
from featx.exceptions import ParameterError
from featx.finetuning.settings import TrainingSettings
from featx.networks.pooling import check_pooling

CHOICES = {
    "precision": choices.Precision,
    "pooling": choices.Pooling,
    "resize": choices.Resize,
    "on_error": choices.OnError,
    "scoring": choices.Scoring,
    "batch_norm": choices.BatchNorm,
    "head_init": choices.HeadInit,
    "optimizer": choices.Optimizer,
    "schedule": choices.Schedule,
}
TRAINING = {"batch_norm", "head_init", "optimizer", "schedule"}
CHECKS = {
    **{name: constraints.TABLE[name].check for name in ("precision", "on_error", "scoring")},
    **{
        f.name: f.metadata["accepts"].check
        for f in fields(TrainingSettings)
        if f.name in CHOICES and f.metadata["accepts"]
    },
    "resize": constraints.RESIZE.check,
    "pooling": lambda name, value: check_pooling(value),
}


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_what_is_checked_is_the_type(name):
    for value in get_args(CHOICES[name]):
        CHECKS[name](name, value)
    with pytest.raises(ParameterError) as raised:
        CHECKS[name](name, "nothing")
    assert all(value in str(raised.value) for value in get_args(CHOICES[name]))


@pytest.mark.parametrize(
    "kind", [CNNFeatureTransformer, CNNFineTuneClassifier, TunedHead], ids=lambda kind: kind.__name__
)
def test_docstrings_name_every_choice_and_annotations_are_the_type(kind):
    lines = re.findall(r"^(\w+) : \{([^}]*)\}, default", inspect.getdoc(kind), re.M)
    said = {name: re.findall(r'"(\w+)"', values) for name, values in lines}
    defaults = {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}
    annotated = {name: parameter.annotation for name, parameter in inspect.signature(kind).parameters.items()}
    for name in CHOICES.keys() & said.keys():
        assert said[name] == list(get_args(CHOICES[name]))
    assert said.keys() & CHOICES.keys()
    for name in CHOICES.keys() & annotated.keys():
        assert getattr(choices, annotated[name]) is CHOICES[name]
        assert defaults[name] in get_args(CHOICES[name])


@pytest.mark.parametrize("command", [fit, finetune, compare], ids=lambda command: command.name)
def test_options_offer_every_choice(command):
    offered = {p.name: list(p.type.choices) for p in command.params if isinstance(p.type, click.Choice)}
    expected = {"resize", "on_error"} | (TRAINING if command is finetune else set())
    assert expected <= offered.keys()
    for name in offered.keys() & CHOICES.keys():
        assert offered[name] == list(get_args(CHOICES[name]))
    texts = {p.name: p.help for p in command.params if isinstance(p, click.Option)}
    for name in ("precision", "pooling"):
        assert all(re.search(rf"\b{value}\b", texts[name]) for value in get_args(CHOICES[name]))
