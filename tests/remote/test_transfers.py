"""Promised: wrong parameters are refused before a store is opened; progress is counted in megabytes."""

import contextlib

import pytest

from featx import CacheError, EmbeddingCache, ParameterError, pull_cache, push_cache
from featx.remote import transfers


@pytest.mark.parametrize("transfer", [push_cache, pull_cache], ids=["push", "pull"])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cache": None}, "got cache=None; expected an EmbeddingCache or a path"),
        ({"spec": ""}, "got spec=''; expected a text that is not empty or None"),
        ({"storage_options": 1}, "got storage_options=1; expected a mapping or None"),
        ({"verbose": "yes"}, "got verbose='yes'"),
        ({"layer": 3}, "got layer=3"),
        ({"color": "red"}, "got a keyword='color'; expected one of backbone"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_parameters_are_refused(transfer, wrong, words):
    with pytest.raises(ParameterError, match=words):
        transfer("nonsense://x", **wrong)


def test_a_cache_is_opened(tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "default"))
    assert transfers.opened_cache("auto").root == tmp_path / "default"
    assert transfers.opened_cache(tmp_path).root == tmp_path
    cache = EmbeddingCache(tmp_path)
    assert transfers.opened_cache(cache) is cache
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot use the cache"):
        transfers.opened_cache(tmp_path / "file")


def test_megabytes_are_counted(monkeypatch):
    told = []

    @contextlib.contextmanager
    def bar(total, **options):
        told.append((total, options))
        yield type("Bar", (), {"update": lambda _, n: told.append(n)})()

    monkeypatch.setattr(transfers, "progress_bar", bar)
    with transfers.transfer_bar(3_500_000, name="pushing", shown=True) as advance:
        for n in (999_999, 1, 10, 2_400_000, 900_000):
            advance(n)
    assert told == [(4, {"name": "pushing", "unit": "MB", "shown": True}), 1, 2]
