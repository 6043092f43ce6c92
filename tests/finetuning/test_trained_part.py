"""Promised: only the trained part is in training mode, and its statistics follow the rule that was chosen."""

import pytest
from torch import nn

from featx.finetuning.trained_part import TrainedPart
from featx.finetuning.trunk import Trunk
from featx.networks.resolve import resolve_backbone
from featx.torch_modules.running_statistics import keeps_statistics


@pytest.mark.parametrize(
    ("has_statistics", "update", "training"),
    [(True, True, True), (True, False, False), (False, True, True), (False, False, True)],
)
def test_only_the_trained_part_goes_into_training(settled, has_statistics, update, training):
    weights = settled("mobilenet_v2") if has_statistics else None
    source = resolve_backbone("mobilenet_v2", weights=weights, image_size=32)
    trunk = Trunk.cut(source, source.view(None, "auto"), trainable_stages=1)
    trunk.update_statistics = update
    trunk.train()
    states = {name: part.training for name, part in trunk.module.named_modules() if isinstance(part, nn.BatchNorm2d)}
    assert {states[name] for name in states if name.startswith("features.18.")} == {training}
    assert not any(states[name] for name in states if not name.startswith("features.18."))
    trunk.train(False)
    assert not any(part.training for part in trunk.module.modules())


class Conditional(nn.Module):
    """A convolution whose own code reads the mode."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(4, 4, 3)

    def forward(self, x):
        return self.convolution(x) * (2 if self.training else 1)


def stack():
    """Return a network of two parts, of which the statistics of the lower one have been estimated."""
    lower, upper = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), nn.Sequential(Conditional(), nn.BatchNorm2d(4))
    lower[1].running_mean.fill_(0.5)
    return nn.Sequential(lower, upper, nn.Dropout()).eval()


def in_training(module):
    return [name for name, part in module.named_modules() if part.training]


def test_dropout_next_to_trained_modules_is_trained_too():
    part = TrainedPart(module := stack(), ["1.1.weight"])
    assert part.names == ["", "1", "1.1", "2"]
    assert part.initial_norms == ["1.1"]
    assert part.frozen_initial_norms == []
    part.train(True, update=False)
    assert in_training(module) == part.names
    with part.evaluating():
        assert in_training(module) == []
    assert in_training(module) == part.names
    part.train(False, update=False)
    assert in_training(module) == []


def test_statistics_that_were_estimated_change_on_request_only():
    module = stack()
    part = TrainedPart(module, [name for name, _ in module.named_parameters()])
    assert part.updated_norms(update=False) == ["1.1"]
    assert part.updated_norms(update=True) == ["0.1", "1.1"]
    for update, norms in ((False, ["1.1"]), (True, ["0.1", "1.1"])):
        part.train(True, update=update)
        assert [name for name in in_training(module) if keeps_statistics(module.get_submodule(name))] == norms


def test_frozen_norms_without_statistics_and_norms_of_the_batch_are_named():
    module = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False), nn.Conv2d(3, 3, 1))
    part = TrainedPart(module, ["2.weight"])
    assert part.frozen_initial_norms == ["0"]
    assert part.batch_dependent == ["1"]


def test_modules_whose_own_code_reads_the_mode_are_named():
    assert TrainedPart(stack(), ["1.0.convolution.weight"]).mode_dependent() == ["1.0"]
    assert TrainedPart(stack(), ["0.0.weight"]).mode_dependent() == []
