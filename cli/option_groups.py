"""Help texts with options in groups and commands in the order of use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from .wording import register_options

__all__ = ["Command", "Commands", "in_group"]

# In the order in which help shows them.
DATA = "Data"
HEAD_OPTIONS = "Heads"
STRATEGIES = "What is compared"
NETWORK = "Network"
TRAINED = "What is trained"
TRAINING = "Training"
JUDGING = "Test set"
OUTPUT = "Output"
COMPUTING = "Computing and cache"
OTHER = "Other"
GROUPS = (DATA, HEAD_OPTIONS, STRATEGIES, NETWORK, TRAINED, TRAINING, JUDGING, OUTPUT, COMPUTING, OTHER)


class _Option(click.Option):
    def __init__(self, *args: Any, group: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group = group


def in_group(group: str) -> Callable[..., Callable[[Any], Any]]:
    """Return `click.option` for options of one of `GROUPS`."""
    return partial(click.option, cls=_Option, group=group)


class Command(click.Command):
    """A command whose help shows its options in groups, and whose messages name its options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # As they were typed, for those who want to do it again.
        ctx.meta["arguments"] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        register_options(ctx)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                groups[getattr(param, "group", OTHER)].append(record)
        for group, records in groups.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


class Commands(click.Group):
    """A group that lists its commands in the order in which they were added, with their full summaries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(1000)) for name, command in self.commands.items()])
