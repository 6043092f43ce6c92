"""Promised: a feed computes again what the cache has lost, and reads batches in order."""

import shutil

from featx.finetuning.feeds import CachedFeed
from trainings import COUNT, assert_same_training, classifier


def test_a_boundary_that_is_lost_is_computed_again(data, own_cache, monkeypatch, forwards):
    expected = classifier(head_init="random").fit(*data)
    forwards.since()
    read, calls = CachedFeed.read, []

    def losing(self, rows, epoch):
        if len(calls) == 3:
            shutil.rmtree(own_cache)
        calls.append(epoch)
        return read(self, rows, epoch)

    monkeypatch.setattr(CachedFeed, "read", losing)
    fitted = classifier(head_init="random").fit(*data)
    assert len(calls) > 3
    assert forwards.since() >= COUNT
    assert_same_training(fitted, expected)
