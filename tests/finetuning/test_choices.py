"""Promised: each choice of a parameter is accepted in Python and offered by the command, and they are the same."""

import inspect
from typing import get_args, get_type_hints

import pytest
from featx.cli.finetune import finetune
from trainings import classifier

from featx import CNNFineTuneClassifier
from featx.finetuning import choices
from featx.finetuning.settings import TrainingSettings

PARAMETERS = ["batch_norm", "head_init", "optimizer", "schedule"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_choice_is_accepted_and_offered(name):
    offered = next(param for param in finetune.params if param.name == name).type.choices
    accepted = get_args(getattr(choices, name.title().replace("_", "")))
    assert tuple(offered) == accepted
    for choice in accepted:
        assert getattr(TrainingSettings.of(classifier(**{name: choice})), name) == choice
    assert inspect.signature(CNNFineTuneClassifier).parameters[name].default in accepted


def test_the_types_of_the_classifier_are_those_of_its_settings():
    assert {name for name in choices.__all__ if name != "Auto"} == {n.title().replace("_", "") for n in PARAMETERS}
    hints = get_type_hints(TrainingSettings)
    for name in PARAMETERS:
        annotation = inspect.signature(CNNFineTuneClassifier).parameters[name].annotation
        assert hints[name] is getattr(choices, annotation)
