"""Promised: help lists commands in the order of use and options in groups, and messages name the options."""

import re

from commands import featx
from featx.cli import main


def test_commands_are_in_the_order_of_use_and_options_in_groups():
    assert list(main.commands) == ["fit", "predict", "finetune", "compare", "extract", "backbones", "cache"]
    heads = re.findall(r"^(\S.*):$", featx("finetune", "--help").output, re.MULTILINE)
    assert heads == [
        "Data",
        "Network",
        "What is trained",
        "Training",
        "Test set",
        "Output",
        "Computing and cache",
        "Other",
    ]
    assert re.findall(r"^(\S.*):$", featx("fit", "--help").output, re.MULTILINE)[:2] == ["Data", "Heads"]
