"""Arguments go in, one library call is made, and its result is printed: the `featx` command."""

from __future__ import annotations

import sys
from typing import Any

import click

from .._version import __version__
from ..exceptions import FeatxError, ImageDecodeError
from .backbones import backbones
from .cache import cache
from .compare import compare
from .extract import extract
from .finetune import finetune
from .fit import fit
from .interrupts import INTERRUPTED, forget, prompt_interrupts, say_stopped
from .layout import Commands
from .predict import predict
from .report import fitted, say

__all__ = ["main"]

SKIP = "`--on-error skip` leaves such images out, and `--failures FILE.json` lists them."


class _Commands(Commands):
    """Prints what goes wrong on purpose as one line; bugs keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        interrupted = None
        forget()
        try:
            with prompt_interrupts() as interrupted:
                return super().invoke(ctx)
        except FeatxError as error:
            if interrupted is not None and interrupted.is_set():
                say_stopped()
                sys.exit(INTERRUPTED)
            text = " ".join(str(error).split())
            if isinstance(error, ImageDecodeError) and not error.next_step:
                text = f"{text.rstrip('.')}. {SKIP}"
            say(f"featx: {text}", err=True)
            sys.exit(2)
        except click.UsageError as error:
            raise fitted(error) from None
        except (KeyboardInterrupt, click.Abort):
            say_stopped()
            sys.exit(INTERRUPTED)

    def _way_on(self, ctx: click.Context, error: FeatxError) -> str:
        """Return how the command goes on past an image that cannot be read, where it can."""
        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        can_skip = command is not None and any(parameter.name == "on_error" for parameter in command.params)
        if not can_skip or not isinstance(error, ImageDecodeError):
            return ""
        return f"{'' if str(error).endswith('.') else '.'} Or leave such images out: --on-error skip."


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="featx")
def main() -> None:
    """Image classification by transfer learning: every embedding computed once, every head tuned for free.

    \b
    Examples:
        featx fit sample:digits -o digits.skops
        featx predict digits.skops photo.png

    `featx COMMAND --help` has the options of a command, with examples.
    """


for command in (fit, predict, finetune, compare, extract, backbones, cache):
    main.add_command(command)
