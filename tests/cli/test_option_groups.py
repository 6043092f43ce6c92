"""Promised: help lists commands in the order of use and options in groups, and messages name the options."""

import re

import click
from click.testing import CliRunner

from commands import featx
from featx.cli import main
from featx.cli.option_groups import DATA, GROUPS, OUTPUT, Command, Commands, in_group
from featx.cli.wording import in_options


def test_commands_are_in_the_order_of_use_and_options_in_groups():
    order = ["fit", "predict", "finetune", "compare", "rank", "audit", "extract", "export", "backbones", "cache"]
    assert list(main.commands) == order
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


@click.command(cls=Command)
@in_group(OUTPUT)("--json", "json_file", help="Where to.")
@click.option("--odd", help="Of no group.")
@in_group(DATA)("--test-size", type=float, help="How many.")
def command(**options):
    raise click.UsageError(in_options("got test_size=2; odd=3"))


def test_groups_without_options_are_not_shown_and_options_without_a_group_stand_last():
    shown = CliRunner().invoke(command, ["--help"]).output
    assert re.findall(r"^(\S.*):$", shown, re.MULTILINE) == ["Data", "Output", "Other"]
    places = [shown.index(word) for word in ("Data", "--test-size", "Output", "--json", "Other", "--odd", "--help")]
    assert places == sorted(places)
    assert list(GROUPS).index("Data") < list(GROUPS).index("Output") < list(GROUPS).index("Other")


def test_messages_of_a_running_command_name_its_options():
    assert "got --test-size 2" in CliRunner().invoke(command, []).output


def test_summaries_of_commands_are_not_cut():
    group = Commands()
    for name in ("zebra", "ant"):
        group.add_command(click.Command(name, help=f"{name} {'and more ' * 9}without an end"))
    shown = CliRunner().invoke(group, ["--help"], terminal_width=60).output
    assert shown.index("zebra") < shown.index("ant")
    assert " ".join(shown.split()).count("and more without an end") == 2
