"""The `featx` command: its subcommands, exit codes and error messages.

Each subcommand has a module, which turns its options into one call of the library and prints the result.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from .._version import __version__
from ..exceptions import FeatxError, ImageDecodeError
from .audit import audit
from .backbones import backbones
from .cache import cache
from .compare import compare
from .export import export
from .extract import extract
from .finetune import finetune
from .fit import fit
from .interrupts import INTERRUPTED, forget_kept, print_stopped, prompt_interrupts
from .logs import print_logs
from .option_groups import Commands
from .predict import predict
from .rank import rank
from .report import say, wrapped
from .streams import BROKEN_PIPE, as_system_error, discard_output, prepare_streams
from .wording import in_options

__all__ = ["main"]

SKIP_HINT = "`--on-error skip` leaves such images out, and `--failures FILE.json` lists them."
# Precedes each item of a list in a next step.
LIST_ITEM = "\n  "


class _Commands(Commands):
    """Prints expected errors as one line; bugs keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        interrupted = None
        forget_kept()
        try:
            with prepare_streams(), print_logs(ctx), prompt_interrupts() as interrupted:
                return super().invoke(ctx)
        except BrokenPipeError:
            discard_output()
            sys.exit(BROKEN_PIPE)
        except click.UsageError as error:
            raise wrapped(error) from None
        except (FeatxError, OSError, MemoryError, RuntimeError) as error:
            if interrupted is not None and interrupted.is_set():
                print_stopped()
                sys.exit(INTERRUPTED)
            _end(error, ctx)
        except (KeyboardInterrupt, click.Abort):
            print_stopped()
            sys.exit(INTERRUPTED)

    def main(self, *args: Any, **options: Any) -> Any:
        from ..process import rare_collections

        try:
            with rare_collections():
                return super().main(*args, **options)
        except OSError as error:  # help is printed before a command is invoked
            _end(error)


def _end(error: Exception, ctx: click.Context | None = None) -> NoReturn:
    """End the command with a line that says what went wrong, or with the traceback of a bug."""
    expected = error if isinstance(error, FeatxError) else as_system_error(error)
    if expected is None:
        raise error
    if isinstance(error, OSError):
        discard_output()
    # A next step may end with a list, one item a line.
    step, *items = expected.next_step.split(LIST_ITEM)
    text = " ".join(str(FeatxError(expected.message, step)).split())
    if ctx is not None:
        text = in_options(text, ctx)
    if ctx is not None and isinstance(error, ImageDecodeError) and ctx.meta.get("may skip"):
        text = f"{text.rstrip('.')}. {SKIP_HINT}"
    say(LIST_ITEM.join([f"featx: {text}", *(" ".join(item.split()) for item in items)]), err=True)
    sys.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="featx")
def main() -> None:
    """Image classification by transfer learning: embeddings computed once, classifiers tuned and judged on them.

    \b
    Examples:
        featx fit sample:digits -o digits.skops
        featx predict digits.skops photo.png

    `featx COMMAND --help` has the options of a command, with examples.
    """


for command in (fit, predict, finetune, compare, rank, audit, extract, export, backbones, cache):
    main.add_command(command)
