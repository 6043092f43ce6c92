"""`featx cache`: look at, check and trim the cache of embeddings."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cache_options import chosen_fields, folder_option, opened, spec_options
from .missing import missing
from .option_groups import Commands
from .overwrites import check_export
from .report import say, show
from .transfer import pull, push

if TYPE_CHECKING:
    from ..cache import EmbeddingCache
    from ..cache.maintenance import CacheReport

__all__ = ["cache"]

_UNITS = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "s": 1, "m": 60, "h": 3600, "d": 86400}


class _Quantity(click.ParamType):
    """A number with a unit."""

    def __init__(self, name: str, units: str) -> None:
        self.name = name
        self.units = units

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({self.units})", str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is not a {self.name}, such as {'2GB' if 'gb' in self.units else '30d'}", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


@click.group(cls=Commands)
def cache() -> None:
    """Look at, check, trim and share the cache of embeddings.

    It keeps the embedding of every image, so that each is computed once. FEATX_CACHE or --cache names its folder.

    \b
    Example:
        featx cache info
    """


@cache.command()
@folder_option
def info(root: str | None) -> None:
    """Say what the cache holds.

    \b
    Example:
        featx cache info
    """
    from ..reports.listings import cache_parts

    show(cache_parts(opened(root)))


@cache.command()
@folder_option
def verify(root: str | None) -> None:
    """Compare every byte with its checksum; exit code 1 if something is damaged.

    \b
    Example:
        featx cache verify
    """
    store = opened(root)
    report = store.verify()
    _print(store, report)
    if not report.clean:
        say("`featx cache repair` sets damaged files aside and forgets damaged digests; they are then computed again")
        sys.exit(1)


@cache.command()
@folder_option
def repair(root: str | None) -> None:
    """Set damaged files aside and remove files that killed commands left unfinished.

    \b
    Example:
        featx cache repair
    """
    store = opened(root)
    _print(store, store.repair())


@cache.command()
@folder_option
@click.option(
    "--max-bytes",
    type=_Quantity("size", "|b|kb|mb|gb|tb"),
    metavar="SIZE",
    help="Keep so much of what was used last, such as 2GB.",
)
@click.option(
    "--max-age",
    type=_Quantity("time", "s|m|h|d"),
    metavar="TIME",
    help="Keep what was used within this time, such as 30d.",
)
def prune(root: str | None, max_bytes: float | None, max_age: float | None) -> None:
    """Remove damaged files and what killed writers left, then the embeddings that were used longest ago.

    \b
    Example:
        featx cache prune --max-bytes 2GB --max-age 90d
    """
    if max_bytes is None and max_age is None:
        raise click.UsageError("say what to keep: --max-bytes SIZE, --max-age TIME, or both")
    store = opened(root)
    freed = store.prune(max_bytes=None if max_bytes is None else int(max_bytes), max_age=max_age)
    from ..display.quantities import size_text

    say(f"{store.root}: {size_text(freed)} freed")


@cache.command()
@folder_option
def compact(root: str | None) -> None:
    """Merge the files of each kind of embeddings into one, without duplicates.

    \b
    Example:
        featx cache compact
    """
    store = opened(root)
    from ..display.quantities import count_text

    say(f"{store.root}: {count_text(store.compact(), 'file')} fewer")


@cache.command()
@click.argument("caches", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False), metavar="CACHE...")
@folder_option
def merge(caches: tuple[str, ...], root: str | None) -> None:
    """Bring the embeddings of other caches into one, checked and none twice; exit code 1 if some had to be left out.

    The others are left as they are. An interrupted merge can be run again.

    \b
    Example:
        featx cache merge node1/cache node2/cache --cache all/
    """
    from ..cache.checks import check_cache

    store = opened(root, made=True)
    for path in caches:
        check_cache(Path(path))
    report = store.merge(caches)
    from ..display.quantities import count_text

    for path, reason in report.problems:
        say(f"left out: {path}: {reason}", err=True)
    files = count_text(report.segments, "file")
    say(f"{store.root}: {report.rows:,} new embeddings, {files} read")
    if report.problems:
        sys.exit(1)


@cache.command()
@folder_option
@spec_options("Write")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.h5",
              help="Write them with the names of the images.")  # fmt: skip
def export(root: str | None, spec: str | None, output: Path, **fields: str | None) -> None:
    """Write embeddings of one kind to a plain HDF5 file.

    Where the cache holds several kinds, choose one by the options; if they leave more than one, the command lists how
    these differ. What fine-tuning keeps for itself (poolings that begin with map:) does not count unless it is named.

    \b
    Example:
        featx cache export --layer head --pooling avg -o embeddings.h5
    """
    check_export(output)
    rows = opened(root).export(output, spec=spec, **chosen_fields(fields))
    say(f"{output}: {rows:,} embeddings")


for command in (push, pull, missing):
    cache.add_command(command)


def _print(store: EmbeddingCache, report: CacheReport) -> None:
    from ..reports.listings import cache_check_parts

    show(cache_check_parts(store, report))
