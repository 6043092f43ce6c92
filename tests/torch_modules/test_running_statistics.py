"""Promised: layers with running statistics are recognised, and estimated anew as the mean over batches."""

import pytest
import torch
from torch import nn

from featx.torch_modules.running_statistics import (
    has_initial_statistics,
    keeps_statistics,
    reestimated_statistics,
    uses_batch_statistics,
)


class Keeping(nn.Module):
    """A layer of a user's own that keeps a running maximum."""

    def __init__(self):
        super().__init__()
        self.register_buffer("running_max", torch.zeros(3))


@pytest.mark.parametrize(
    ("module", "keeps", "by_batch"),
    [
        (nn.BatchNorm2d(3), True, False),
        (nn.BatchNorm1d(3, track_running_stats=False), False, True),
        (nn.InstanceNorm2d(3, track_running_stats=True), True, False),
        (nn.InstanceNorm2d(3), False, False),
        (nn.GroupNorm(1, 3), False, False),
        (nn.Sequential(nn.BatchNorm2d(3)), False, False),
        (Keeping(), True, False),
    ],
    ids=["batch", "batch, untracked", "instance, tracked", "instance", "group", "around a norm", "a user's"],
)
def test_layers_with_statistics_are_recognised(module, keeps, by_batch):
    assert keeps_statistics(module) == keeps
    assert uses_batch_statistics(module) == by_batch
    assert has_initial_statistics(module) == keeps


def test_statistics_are_initial_until_a_batch_has_passed_whatever_the_counter_says():
    norm = nn.BatchNorm2d(3)
    norm.num_batches_tracked += 5
    assert has_initial_statistics(norm)
    norm(torch.rand(2, 3, 4, 4))
    norm.num_batches_tracked.zero_()
    assert not has_initial_statistics(norm)


@pytest.mark.parametrize(
    ("kind", "momentum"), [(nn.BatchNorm2d, 0.1), (nn.BatchNorm2d, None), (nn.InstanceNorm2d, 0.1)]
)
def test_statistics_are_the_means_over_batches_and_all_else_is_as_before(kind, momentum):
    norm = kind(3, momentum=momentum, track_running_stats=True).eval()
    norm.running_mean += 9
    batches = torch.rand(4, 2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    with reestimated_statistics([norm, nn.ReLU()]):
        for batch in batches:
            norm(batch)
    torch.testing.assert_close(norm.running_mean, batches.mean((0, 1, 3, 4)))
    assert not norm.training
    assert norm.momentum == momentum
    assert not norm._forward_pre_hooks
