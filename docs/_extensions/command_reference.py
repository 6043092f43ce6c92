"""Write reference/commands.md: every command of featx with its examples and options, as click has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
from sphinx.application import Sphinx

from featx.cli import main
from featx.cli.option_groups import GROUPS, OTHER

_START = """# Commands

Every command, its examples and its options, as `featx COMMAND --help` prints them. The first example of each is run by
the tests; exit codes are listed under [errors](errors.md).
"""


def commands(command: click.Command = main, path: tuple[str, ...] = ("featx",)) -> Iterator[tuple[str, click.Command]]:
    """Yield each command after its words, a group before what it holds."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


def _escaped(text: str) -> str:
    """Return the text with what Markdown would read escaped, outside of backticks."""
    pieces = re.split(r"(`[^`\n]*`)", text)
    return "".join(piece if piece[:1] == "`" else re.sub(r"([\\*_\[\]<>|$])", r"\\\1", piece) for piece in pieces)


def _examples(text: str) -> list[str]:
    """Return the examples of a help text; the sentence above each is a comment."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [line[4:] if line.startswith("    ") else f"# {line}" for line in lines]


def section(name: str, command: click.Command) -> Iterator[str]:
    """Yield the lines of one command."""
    context = click.Context(command, info_name=name, max_content_width=10_000, terminal_width=10_000)
    about, _, examples = inspect.cleandoc(command.help or "").replace("\b\n", "").partition("Example")
    yield f"## {name}\n\n{_escaped(about.strip())}\n"
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    # The word that introduces them, then the examples up to the next paragraph of text.
    examples, _, rest = examples.partition("\n")[2].partition("\n\n")
    yield "\n".join(["```bash", *_examples(examples), "```", "", _escaped(inspect.cleandoc(rest)), ""])
    groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
    for param in command.get_params(context):
        if (
            isinstance(param, click.Option)
            and "--help" not in param.opts
            and (record := param.get_help_record(context))
        ):
            groups[getattr(param, "group", OTHER)].append(record)
    for group, records in groups.items():
        if records:
            yield f"**{group}**\n"
            yield from (f"`{option}`\n: {_escaped(text)}\n" for option, text in records)


def text() -> str:
    """Return the whole page."""
    return "\n".join([_START, *(line for name, command in commands() for line in section(name, command))])


def _write(app: Sphinx) -> None:
    page = Path(app.srcdir, "reference", "commands.md")
    # A page that is as it was is not read again.
    if not page.exists() or page.read_text(encoding="utf-8") != text():
        page.write_text(text(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
