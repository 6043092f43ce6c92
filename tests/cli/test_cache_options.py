"""Promised: the commands of `featx cache` choose the cache and its embeddings by the same options."""

import click
import pytest

from featx.cache import EmbeddingCache
from featx.cli import main
from featx.cli.cache_options import chosen_fields, opened
from featx.exceptions import CacheError
from specs import SPEC, rows

COMMANDS = main.commands["cache"].commands


@pytest.mark.parametrize("name", ["export", "push", "pull"])
def test_embeddings_are_chosen_by_the_fields_of_their_spec(name):
    options = {param.opts[0] for param in COMMANDS[name].params if isinstance(param, click.Option)}
    assert {"--backbone", "--layer", "--pooling", "--precision", "--spec", "--cache"} <= options


def test_fields_that_are_not_given_do_not_count():
    assert chosen_fields({"layer": None, "pooling": "avg"}) == {"pooling": "avg"}


def test_a_named_cache_must_exist_unless_it_is_made(tmp_path):
    with pytest.raises(CacheError, match="cannot use the cache"):
        opened(str(tmp_path / "none"))
    assert opened(str(tmp_path / "none"), made=True).root == tmp_path / "none"
    EmbeddingCache(tmp_path / "store").put(SPEC, *rows([1]))
    assert opened(str(tmp_path / "store")).specs() == [SPEC]
