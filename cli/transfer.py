"""`featx cache push` and `pull`: carry embeddings between machines through a folder, a bucket or another store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..display.quantities import count_text, size_text
from .cache_options import chosen_fields, folder_option, opened, spec_options
from .option_groups import Command
from .options import json_option, quiet_option
from .output_files import check_output
from .report import say
from .streams import write_text

if TYPE_CHECKING:
    from ..remote.result import TransferResult

__all__ = ["pull", "push"]


@click.command(cls=Command)
@click.argument("url")
@folder_option
@spec_options("Send")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
@quiet_option
def push(
    url: str,
    root: str | None,
    spec: str | None,
    dry_run: bool,
    json_file: str | None,
    quiet: bool,
    **fields: str | None,
) -> None:
    """Send the embeddings that a folder, a bucket or another store does not have yet.

    URL is a folder or what fsspec can write to, such as s3://bucket/cache, gs:// or sftp://. Without options, all
    embeddings are sent. Nothing there is changed or removed, so that several machines may push at once; a push that was
    stopped goes on where it was. Paths of images stay on this machine.

    \b
    Examples:
        featx cache push shared/embeddings
        featx cache push s3://bucket/embeddings --backbone resnet50
        featx cache push s3://bucket/embeddings --dry-run
    """
    from ..remote.push import push_cache

    _check_json(json_file)
    store = opened(root, kept="what was sent so far is kept")
    result = push_cache(
        url, cache=store, spec=spec, dry_run=dry_run, verbose=not quiet and not dry_run, **chosen_fields(fields)
    )
    sent = "to send" if dry_run else "sent"
    _print(result, json_file, f"{result.url}: {count_text(result.rows, 'embedding')} {sent}", "there")


@click.command(cls=Command)
@click.argument("url")
@folder_option
@spec_options("Fetch")
@json_option
@quiet_option
def pull(
    url: str, root: str | None, spec: str | None, json_file: str | None, quiet: bool, **fields: str | None
) -> None:
    """Fetch embeddings that `featx cache push` has sent to a folder, a bucket or another store.

    Without options, all embeddings are fetched that the cache does not have. Every byte is checked; a pull that was
    stopped goes on where it was. Exit code 2 if something there is damaged; all else is fetched before.

    \b
    Examples:
        featx cache pull shared/embeddings
        featx cache pull s3://bucket/embeddings --cache all/
    """
    from ..remote.pull import pull_cache

    _check_json(json_file)
    store = opened(root, made=True)
    result = pull_cache(url, cache=store, spec=spec, verbose=not quiet, **chosen_fields(fields))
    _print(result, json_file, f"{store.root}: {count_text(result.rows, 'new embedding')}", "here")


def _check_json(file: str | None) -> None:
    """Refuse a file that could not be written, before anything travels."""
    if file is not None and file != "-":
        from pathlib import Path

        check_output(Path(file), in_place=True)


def _print(result: TransferResult, json_file: str | None, begin: str, place: str) -> None:
    if json_file != "-":
        moved = f"{count_text(result.segments, 'file')}, {size_text(result.bytes)}"
        skipped = f"{count_text(result.segments_skipped, 'file')}, {size_text(result.bytes_skipped)}"
        say(f"{begin} ({moved}); {place} already: {skipped}")
    if json_file:
        write_text(json_file, result.to_json() + "\n")
