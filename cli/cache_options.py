"""What the commands of `featx cache` share: the folder of the cache, which embeddings of it, the cache opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .interrupts import note_kept
from .option_groups import COMPUTING, DATA, in_group
from .report import say

if TYPE_CHECKING:
    from ..cache import EmbeddingCache

__all__ = ["chosen_fields", "folder_option", "opened", "spec_options"]

KEPT = "the cache is whole, with what was done so far"

folder_option = in_group(COMPUTING)(
    "--cache", "root", metavar="DIR", help="The cache [default: $FEATX_CACHE or the user's cache folder]."
)


def spec_options(verb: str) -> Callable[..., Any]:
    """Return a decorator: options that say which embeddings of a cache to `verb`, such as "Write"."""
    option = in_group(DATA)
    ways = [
        option("--backbone", metavar="NAME", help=f"{verb} embeddings of this network only."),
        option("--layer", metavar="LAYER", help=f"{verb} embeddings of this layer only."),
        option("--pooling", metavar="POOLING", help=f"{verb} embeddings of this pooling only."),
        option("--precision", metavar="NAME", help=f"{verb} embeddings of this precision only, such as bfloat16."),
        option(
            "--spec",
            metavar="DIGEST",
            help=f"{verb} one kind, by the first characters of its digest in `featx cache info`.",
        ),
    ]

    def decorated(command: Any) -> Any:
        for way in reversed(ways):
            command = way(command)
        return command

    return decorated


def chosen_fields(fields: dict[str, str | None]) -> dict[str, str]:
    """Return the fields of the spec that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def opened(root: str | None, *, made: bool = False, kept: str = KEPT) -> EmbeddingCache:
    """Return the cache; a named one must exist unless it is `made`, the default one need not exist yet.

    Whenever the command is stopped, it says what is `kept`.
    """
    from ..cache import EmbeddingCache
    from ..cache.checks import check_cache
    from ..exceptions import CacheError

    note_kept(kept)
    store = EmbeddingCache(root)
    try:
        check_cache(store.root)
    except CacheError as error:
        if root is not None and not (made and not store.root.exists()):
            raise
        if store.root.exists():
            say(f"warning: {error}", err=True)
    return store
